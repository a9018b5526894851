"""Parameters of an observed light-cone, with the uncertainty that the test set showed."""
