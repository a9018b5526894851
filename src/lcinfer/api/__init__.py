"""lcinfer from Python: what :mod:`lcinfer` offers to notebooks and scripts."""
