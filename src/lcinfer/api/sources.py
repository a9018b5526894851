"""What people name: a configuration file, one of its products."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TypeVar

from .. import config
from ..base.errors import UserError
from ..products.run import Run

AnyPath = str | PathLike[str]
SUFFIXES = (".yaml", ".yml", ".json")
T = TypeVar("T")


def is_configuration(source: AnyPath) -> bool:
    """Whether a path means a configuration file, by its suffix."""
    return Path(source).suffix in SUFFIXES


def run_of(source: AnyPath, results: AnyPath) -> Run:
    """All that a configuration makes.

    Raises:
        UserError: if the file is missing or wrong.
    """
    return Run(config.load(Path(source)), Path(results))


def one_of(named: Mapping[str, T], name: str | None, what: str) -> T:
    """That of a name; without one, the only one.

    Raises:
        UserError: listing those that there are.
    """
    if name is None and len(named) == 1:
        (name,) = named
    if name is None:
        raise UserError(f"this configuration has several: name the {what}: {', '.join(named)}")
    if name not in named:
        there = f"; there are {', '.join(named)}" if named else ""
        raise UserError(f"this configuration has no {what} {name}{there}")
    return named[name]
