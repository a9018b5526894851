"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Something the user can mend; its text is one line, in the user's words.

    The command line and the Snakefile print it without a traceback.
    """
