"""Light-cones -> what networks read."""
