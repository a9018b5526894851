"""Parameters and a seed -> one light-cone."""
