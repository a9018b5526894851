"""What a verb's arguments mean: a configuration, one of its products."""

import argparse
from typing import TypeVar

from .. import config
from ..base.errors import UserError
from ..config.mistakes import listed
from ..engines import engine_of
from ..products.product import Product
from ..products.run import Run

P = TypeVar("P", bound=Product)


def run_of(options: argparse.Namespace) -> Run:
    """What the configuration that a verb was given makes.

    Raises:
        UserError: if there is something wrong with it, or a database that was attached is not
            to be reached.
    """
    run = planned(options)
    check_settings(run)
    check_places(run)
    return run


def planned(options: argparse.Namespace) -> Run:
    """The same, wherever its databases are.

    Raises:
        UserError: if there is something wrong with the configuration.
    """
    return Run(config.load(options.config), options.results)


def check_settings(run: Run) -> None:
    """Refuse what the engine does not have of a configuration's physics; nothing is loaded.

    Raises:
        UserError: listing the mistakes.
    """
    database = run.config.database
    if found := [*engine_of(database).refusals(database, database.prior)]:
        raise UserError(listed(found))


def check_engine(run: Run) -> None:
    """Refuse another version of the engine where light-cones are left to be made.

    What only reads light-cones needs no engine.

    Raises:
        UserError: saying how to get the one that is asked for.
    """
    if run.simulates:
        engine_of(run.config.database).check_version(run.config.database.simulator)


def ask_engine(run: Run) -> None:
    """Refuse what the engine itself, once asked, would not simulate: another library, or a
    configuration with physics that it does not know.

    It takes seconds the first time; answers are kept.

    Raises:
        UserError: saying how to get the right library, or listing the mistakes.
    """
    if not run.simulates:
        return
    places = {run.database.name: "database.prior"}
    places |= {name: f"mocks.{name}.parameters" for name in run.mocks}
    left = [cones for cones in run.lightcones.values() if not cones.sealed.exists()]
    tried = {places[cones.name]: cones.design.tried for cones in left}
    engine_of(run.database.simulation).ask(run.database.simulation, tried)


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


def choose(products: dict[str, P], name: str, what: str) -> P:
    """The product called ``name``, with or without its fingerprint.

    Raises:
        UserError: if this configuration makes none of that name, as when it was edited after
            a job was planned.
    """
    for label, product in products.items():
        if name in (label, product.name, product.directory.name):
            return product
    raise UserError(
        f"this configuration makes no {what} {name}; it makes {', '.join(products)} "
        "(was it edited since the job was planned?)"
    )
