"""Arguments that several verbs have, and what they mean: a configuration, one of its products."""

import argparse
import json
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from .. import config
from ..base.errors import UserError
from ..base.options import DEVICES
from ..config.messages import Mistakes, unknown
from ..engines import engine_of
from ..instrument.response import refusals
from ..products.product import Product
from ..products.run import Run

N = TypeVar("N", int, float)
P = TypeVar("P", bound=Product)


def shared(*parents: ArgumentParser) -> ArgumentParser:
    """Arguments to be given to several verbs, those of ``parents`` among them."""
    return ArgumentParser(add_help=False, parents=parents)


def folder(text: str) -> Path:
    """A folder, there or yet to be made, from the command line."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a file, and a folder is meant")
    return path


def number(read: Callable[[str], N], is_right: Callable[[N], bool], what: str) -> Callable[..., N]:
    """Reads a number of the command line, which must be right; ``what`` says which are."""

    def from_text(text: str) -> N:
        with suppress(ValueError):
            if is_right(value := read(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")

    return from_text


count = number(int, lambda value: value > 0, "a whole number above 0")
natural = number(int, lambda value: value >= 0, "a whole number, 0 or more")
amount = number(float, lambda value: value > 0, "a number above 0")

RESULTS = shared()
RESULTS.add_argument(
    "--results",
    type=folder,
    default=Path("results"),
    metavar="FOLDER",
    help="where products are kept (default: results)",
)
CONFIG = shared(RESULTS)
CONFIG.add_argument("config", type=Path, metavar="CONFIG", help="the configuration file")
DATABASE = shared(CONFIG)
DATABASE.add_argument("database", metavar="NAME", help="the database, or a mock")
READERS = shared()
READERS.add_argument("--threads", type=count, default=1, help="light-cones read at a time")


def device(text: str) -> str:
    """The CPU, the GPU, or one of several, from the command line."""
    if not re.fullmatch(DEVICES, text):
        raise argparse.ArgumentTypeError(f"{text!r} is not cpu, cuda or cuda:N")
    return text


DEVICE = shared()
DEVICE.add_argument("--threads", type=count, help="CPU threads")
DEVICE.add_argument(
    "--device",
    type=device,
    help="cpu, cuda, or of several GPUs one, cuda:N; default: the GPU when there is one",
)
JSON = shared()
JSON.add_argument("--json", action="store_true", help="for programs")


def as_json(found: Any) -> str:
    """For programs: what was found, whose parts say themselves what a program may want of them."""
    return json.dumps(found, indent=2, default=lambda part: part.as_json())


def run_of(options: Namespace) -> Run:
    """What the configuration that a verb was given makes.

    Raises:
        UserError: if there is something wrong with it, or a database that was attached is not
            to be reached.
    """
    run = planned(options)
    check_settings(run, options.config)
    check_places(run)
    return run


def planned(options: Namespace) -> Run:
    """The same, wherever its databases are.

    Raises:
        UserError: if there is something wrong with the configuration.
    """
    return Run(config.load(options.config), options.results)


def check_settings(run: Run, source: Path) -> None:
    """Refuse what the engine does not have of a configuration's physics, and light-cones that an
    instrument does not see; no engine is loaded.

    Raises:
        Mistakes: all of them, in the configuration's file ``source``.
    """
    config = run.config
    database, found = config.database, list[str]()
    if config.mocks or not database.adopted:  # else somebody else has simulated all of it
        found += engine_of(database).refusals(database, database.prior)
    for name, instrument in config.instruments.items():
        refused = refusals(instrument, database, config.image_shape[1])
        found += (f"instruments.{name}.{line}" for line in refused)
    if found:
        raise Mistakes(found, source)


def check_engine(run: Run) -> None:
    """Refuse another version of the engine where light-cones are left to be made.

    What only reads light-cones needs no engine.

    Raises:
        UserError: saying how to get the one that is asked for.
    """
    if run.simulates:
        engine_of(run.config.database).check_version(run.config.database.simulator)


def ask_engine(run: Run, source: Path) -> None:
    """Refuse what the engine itself, once asked, would not simulate: another library, or a
    configuration with physics that it does not know.

    It takes seconds the first time; answers are kept. ``source`` is the configuration's file.

    Raises:
        UserError: saying how to get the right library, or listing the mistakes.
    """
    if not run.simulates:
        return
    try:
        engine_of(run.database.simulation).ask(run.database.simulation, run.tried)
    except Mistakes as error:
        raise Mistakes(error.found, source) from None


def check_places(run: Run) -> None:
    """Refuse databases that are links to nowhere: what is behind them would be made again.

    Raises:
        UserError: naming the link and where it leads.
    """
    for cones in run.lightcones.values():
        for link in (cones.directory, cones.directory.parent):
            if link.is_symlink() and not link.exists():
                raise UserError(
                    f"{link} leads to {link.readlink()}, which is not there: mount that disk, "
                    "or say where the light-cones are with `lcinfer attach`"
                )


def find(products: Mapping[str, P], name: str) -> P | None:
    """The product called ``name``, with or without its fingerprint; None: there is none."""
    if name in products:  # before members of an ensemble, which have its name too
        return products[name]
    for label, product in products.items():
        if name in (label, product.name, product.directory.name):
            return product
    return None


def choose(products: Mapping[str, P], name: str, what: str) -> P:
    """The product that somebody has named, with or without its fingerprint.

    Raises:
        UserError: if this configuration makes none of that name.
    """
    if (found := find(products, name)) is not None:
        return found
    known = [it.name if label == it.directory.name else label for label, it in products.items()]
    raise UserError(f"in this configuration {unknown(f'{what} ', name, known)}")
