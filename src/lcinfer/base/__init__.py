"""What knows nothing of light-cones: errors, durable files, fingerprints, leases, progress."""
