"""Looks after databases: how far one is, whether it still holds, what makes it whole again."""
