"""What there is and where: the kinds of products, index -> parameters and seed, a run."""
