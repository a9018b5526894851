"""The one exception that a user is meant to read."""

from difflib import get_close_matches
from pathlib import Path


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
        return f"{self.what}: {self.do}" if self.do else self.what


def reason(error: BaseException) -> str:
    """What an error says, in one line; its kind where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def no_such_file(path: Path) -> UserError:
    """That a file is missing, with those beside it that are called nearly so."""
    if not path.parent.is_dir():
        return UserError(f"{path}: no such file: there is no folder {path.parent}")
    beside = [each.name for each in path.parent.iterdir() if not each.name.startswith(".")]
    near = ", ".join(get_close_matches(path.name, beside))
    return UserError(f"{path}: no such file" + (f"; there is {near}" if near else ""))
