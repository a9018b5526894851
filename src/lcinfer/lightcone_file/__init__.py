"""Light-cone files that py21cmfast left: what each says of itself, and its voxels."""
