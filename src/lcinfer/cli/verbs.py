"""The verbs of a command line: each with an example, and all listed in groups."""

import argparse
import shutil
import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any, NoReturn

from ..config.messages import meant


class Parser(ArgumentParser):
    """Says in one line what is wrong with a command line, and of which verb."""

    def error(self, message: str) -> NoReturn:
        """End with the line, and where to read more."""
        self.exit(2, f"{self.prog}: {message}: see `{self.prog} --help`\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; what a verb does not know is its mistake, not that of the whole command line."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        known = list(action.choices or ())
        if action.nargs == argparse.PARSER and value not in known:
            self.error(f"there is no verb {value}{meant(value, known)}")
        super()._check_value(action, value)


class Verbs:
    """The verbs of a command line, in groups that its help lists."""

    def __init__(self, parser: ArgumentParser, metavar: str = "VERB") -> None:
        """Of verbs behind ``parser``'s own options."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter  # leaves the list as it is
        parser.usage = f"%(prog)s [options] {metavar} ..."
        self._parser = parser
        self._verbs = parser.add_subparsers(
            metavar=metavar, prog=parser.prog, help=argparse.SUPPRESS
        )
        parser.set_defaults(verb=lambda _: parser.print_help())

    def group(self, title: str) -> None:
        """The verbs that are added from now on are listed below this title."""
        self._list(f"\n{title}:")

    def add(
        self, does: Callable[[Namespace], None], example: str, *arguments: ArgumentParser
    ) -> ArgumentParser:
        """Add a verb of a function's name; its docstring is the help.

        The first sentence is listed, ``example`` stands behind its name, and ``arguments`` are
        those that other verbs have too.
        """
        name = does.__name__.removeprefix("_")
        what = " ".join((does.__doc__ or "").split())
        wide = shutil.get_terminal_size().columns - 2
        added = self._verbs.add_parser(
            name,
            parents=arguments,
            description=textwrap.fill(what, wide),
            formatter_class=argparse.RawDescriptionHelpFormatter,  # examples stay in one line
        )
        added.epilog = f"example: {added.prog} {example}"
        added.set_defaults(verb=does)
        line = f"  {name:<10}  {what.partition('. ')[0].rstrip('.')}"
        self._list(textwrap.fill(line, wide, subsequent_indent=" " * 14))
        return added

    def _list(self, line: str) -> None:
        self._parser.description = f"{self._parser.description}\n{line}"
