"""Databases that travel: to another disk, in parts, together again, and from elsewhere."""
