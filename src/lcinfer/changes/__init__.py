"""What an edit of a configuration causes, what is left to do, what is no longer pointed to."""
