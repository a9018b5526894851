"""Before anything is spent: what a configuration costs, and whether that was approved."""
