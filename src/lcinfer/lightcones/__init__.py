"""The database of light-cones: store, journal, campaign, and the life of all three."""
