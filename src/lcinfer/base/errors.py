"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Something the user can mend; its text is one line, in the user's words, or of a
    configuration with several mistakes a line for each.

    The command line and the Snakefile print it without a traceback.
    """

    def __init__(self, what: str, do: str = "") -> None:
        """``what`` is wrong, and what to ``do`` about it, for whoever tells them apart."""
        super().__init__(what, do)
        self.what, self.do = what, do

    def __str__(self) -> str:
        """One line."""
        return f"{self.what}: {self.do}" if self.do else self.what
