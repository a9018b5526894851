"""``lcinfer VERB``: parse, call, print."""

import argparse
import errno
import os
import platform
import sys
from argparse import ArgumentParser
from typing import Any

from ..base.errors import UserError
from ..base.options import on_command_line
from . import begin, changes, databases, publish, stage, use, watch
from .verbs import Parser, Verbs

# What the system refuses for the user to mend: permission, a read-only or a full disk, a quota.
REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
REFUSALS |= {errno.ENOTDIR, errno.EEXIST}  # a file where a folder is meant
GROUPS = {
    "before a run": begin,
    "while it runs": watch,
    "after an edit": changes,
    "results": use,
    "databases that travel": databases,
    "to publish": publish,
    "for programs": stage,
}


def main(arguments: list[str] | None = None) -> None:
    """Run a verb; what the user can mend is one line on stderr and exit status 1."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if words and words[0] in stage.STAGES:  # verbs of their own once, and in what was recorded then
        words = ["stage", *words]
    options = parser().parse_args(words)
    try:
        with on_command_line():
            options.verb(options)
    except UserError as error:
        print(f"lcinfer: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except BrokenPipeError:  # whoever reads the output has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        where = f"{error.filename}: " if error.filename else ""  # a full disk names no file
        print(f"lcinfer: {where}{error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def parser() -> ArgumentParser:
    """The command line."""
    whole = Parser(
        prog="lcinfer",
        description="How well 21-cm images tell the parameters of the first galaxies.",
        epilog="Whole runs: snakemake --profile profiles/local --configfile config/demo.yaml\n"
        "Of one verb, with an example: lcinfer VERB --help",
    )
    whole.add_argument("--version", action=_Version, nargs=0, help="say what is installed")
    verbs = Verbs(whole)
    for title, group in GROUPS.items():
        verbs.group(title)
        group.add_verbs(verbs)
    return whole


class _Version(argparse.Action):
    """Prints what is installed; only then is it looked for."""

    def __call__(self, *_: Any) -> None:
        from .. import __version__
        from ..simulator.installation import installed

        engine = f"21cmFAST {installed()}" if installed() else "no 21cmFAST"
        print(f"lcinfer {__version__}, {engine}, Python {platform.python_version()}")
        raise SystemExit
