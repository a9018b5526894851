"""What a machine or a cluster is, before anything is spent on it: ``lcinfer doctor``."""
