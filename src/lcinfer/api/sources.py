"""What people name: a configuration file, one of its products."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TypeVar

from .. import config
from ..base import durable
from ..base.errors import UserError, no_such_file
from ..products.run import Run

AnyPath = str | PathLike[str]
SUFFIXES = (".yaml", ".yml", ".json")
SHOWN = 5  # folders that a message names
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


def not_here(path: Path, what: str, kind: str, instead: str) -> UserError:
    """That a path is not what was meant, with what to give ``instead``.

    Args:
        path: what was given.
        what: was meant, in words.
        kind: of products that are meant: those that a run links to, or those of the same results,
            are named.
        instead: whatever else would do.
    """
    if not path.exists():
        return no_such_file(path)
    said = f"{path}: no {what} here: give {instead}"
    for around in (path, *path.parents[:3]):
        if (folder := around / kind).is_dir():
            names = [each.name for each in durable.own(folder.iterdir()) if each.is_dir()]
            more = ", ..." if len(names) > SHOWN else ""
            return UserError(f"{said}, or one of {folder}: {', '.join(names[:SHOWN])}{more}")
    return UserError(said)
