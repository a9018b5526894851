"""Images -> a trained network."""
