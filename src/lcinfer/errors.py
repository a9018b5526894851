"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Something the user can mend; its text is one line, in the user's words, or of a
    configuration with several mistakes a line for each.

    The command line and the Snakefile print it without a traceback.
    """
