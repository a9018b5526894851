"""What programs call: the rules of the workflow ``lcinfer stage NAME``, scripts, editors."""

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TypeVar

from ..base.errors import UserError
from ..products.databases import Inputs
from ..products.product import Product, Realizations, Span
from .arguments import (
    CONFIG,
    DATABASE,
    DEVICE,
    ask_engine,
    check_engine,
    count,
    device,
    find,
    run_of,
    shared,
)
from .verbs import Verbs

P = TypeVar("P", bound=Product)


def _design(options: Namespace) -> None:
    """Create a database, or grow it: parameters, seeds, room for the light-cones."""
    from ..planning import approval
    from ..stages import lightcones

    run = run_of(options)
    check_engine(run)
    ask_engine(run, options.config)
    approval.require(run, options.config)
    lightcones.prepare(_planned(run.lightcones, options.database, "database"))


def _simulate(options: Namespace) -> None:
    """Simulate the light-cones of a block that are not there yet; run it under MPI."""
    from ..stages import simulate

    run = run_of(options)
    check_engine(run)
    cones = _planned(run.lightcones, options.database, "database")
    span = _within(options.block, cones) or (0, cones.realizations)
    simulate.simulate(cones, span, options.ranks, options.batch, options.device)


def _seal(options: Namespace) -> None:
    """Write the histories, and that every light-cone of a database is there."""
    from ..stages import lightcones

    lightcones.seal(_planned(run_of(options).lightcones, options.database, "database"))


def _images(options: Namespace) -> None:
    """Cut light-cones into images, block by block."""
    _make(options, _planned(run_of(options).images, options.database, "image set"))


def _spectra(options: Namespace) -> None:
    """Measure power spectra of light-cones, block by block."""
    _make(options, _planned(run_of(options).spectra, options.database, "set of spectra"))


def _make(options: Namespace, inputs: Inputs) -> None:
    from ..stages import images

    block = _within(options.block, inputs)
    steps = [options.step] if options.step else images.STEPS
    images.make(inputs, steps, block, options.threads)


def _train(options: Namespace) -> None:
    """Train a network, or go on with it after its last whole epoch."""
    from ..stages.train import train_network

    training = _planned(run_of(options).trainings, options.training, "training")
    train_network(training, options.threads, options.device)


def _evaluate(options: Namespace) -> None:
    """Predict the test light-cones and the mocks, and score."""
    from ..stages.evaluate import evaluate_network

    evaluation = _planned(run_of(options).evaluations, options.training, "training")
    evaluate_network(evaluation, options.threads, options.device)


def _compare(options: Namespace) -> None:
    """Rank the trials of a sweep, or gather those of a learning curve."""
    from ..stages.compare import compare_trials

    sweep = _planned(run_of(options).sweeps, options.sweep, "sweep")
    compare_trials(sweep, options.threads, options.device)


def _mcmc(options: Namespace) -> None:
    """Fit an emulator of spectra, and sample posteriors from its likelihood."""
    from ..stages.mcmc import sample

    sample(_planned(run_of(options).mcmc, options.mcmc, "sampling"), options.threads)


def _figures(options: Namespace) -> None:
    """Draw figures."""
    from ..stages import draw

    run = run_of(options)
    draw.draw_figures(run, _planned(run.figures, options.what, "figure").name)


def _summary(options: Namespace) -> None:
    """Write the run's tables and its manifest."""
    from ..stages import summarise

    summarise.write(run_of(options))


def _where(options: Namespace) -> None:
    """Print the directory of a run's tables and report."""
    print(run_of(options).summary.directory)


def _schema(options: Namespace) -> None:
    """Print the configuration's JSON schema."""
    from ..config import pages

    print(pages.page() if options.markdown else pages.schema(), end="")


def _stage(_: Namespace) -> None:
    """Do the work of one rule of the workflow."""  # without its name, the help


def _planned(products: Mapping[str, P], name: str, what: str) -> P:
    """The product that a job is to make.

    Raises:
        UserError: if this configuration makes none of that name.
    """
    if (found := find(products, name)) is not None:
        return found
    raise UserError(
        f"this configuration makes no {what} {name}; it makes {', '.join(products)} "
        "(was it edited since the job was planned?)"
    )


def _within(block: Span | None, product: Realizations) -> Span | None:
    if block and block[1] > product.realizations:
        raise UserError(
            f"--block {block[0]}-{block[1]}: {product.name} has {product.realizations} light-cones"
        )
    return block


def _span(text: str) -> Span:
    start, _, stop = text.partition("-")
    try:
        span = int(start), int(stop)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not START-STOP") from None
    if not 0 <= span[0] < span[1]:
        raise argparse.ArgumentTypeError(f"{text}: START must be below STOP")
    return span


# Each was a verb of its own once.
STAGES = {
    "compare",
    "design",
    "evaluate",
    "figures",
    "images",
    "seal",
    "simulate",
    "summary",
    "train",
}
BLOCK = shared(DATABASE)
BLOCK.add_argument("--block", type=_span, metavar="START-STOP", help="default: everything")


def add_verbs(verbs: Verbs) -> None:
    """Add them to the command line."""
    verbs.add(_where, "config/demo.yaml", CONFIG)
    added = verbs.add(_schema, "")
    added.add_argument("--markdown", action="store_true", help="as a page of tables instead")
    _add_stages(verbs.add(_stage, "figures config/demo.yaml examples"))


def _add_stages(parser: ArgumentParser) -> None:
    stages = Verbs(parser, "NAME")
    stages.group("in the order of a run")
    stages.add(_design, "config/demo.yaml demo", DATABASE)
    added = stages.add(_simulate, "config/demo.yaml demo --block 0-20", BLOCK)
    added.add_argument("--ranks", type=count, help="refuse to run unless MPI has this many ranks")
    added.add_argument(
        "--batch",
        type=count,
        default=1,
        help="light-cones that a rank takes at a time, made at once where the engine can",
    )
    added.add_argument(
        "--device",
        type=device,
        default="cpu",
        help="where an engine that can use either computes; default: cpu",
    )
    stages.add(_seal, "config/demo.yaml demo", DATABASE)
    added = stages.add(_images, "config/demo.yaml demo", BLOCK)
    added.add_argument("--step", choices=["prepare", "cut", "seal"], help="default: all three")
    added.add_argument("--threads", type=count, default=1, help="light-cones cut at a time")
    added = stages.add(_spectra, "config/beyond.yaml cylindrical.ten_thousand", BLOCK)
    added.add_argument("--step", choices=["prepare", "cut", "seal"], help="default: all three")
    added.add_argument("--threads", type=count, default=1, help="light-cones measured at a time")
    for trained in (_train, _evaluate):
        added = stages.add(trained, "config/small.yaml all_images", CONFIG, DEVICE)
        added.add_argument("training", metavar="TRAINING", help="the training's name")
    added = stages.add(_compare, "config/small.yaml study", CONFIG, DEVICE)
    added.add_argument("sweep", metavar="SWEEP", help="the sweep's name")
    added = stages.add(_mcmc, "config/beyond.yaml likelihood", CONFIG)
    added.add_argument("mcmc", metavar="MCMC", help="its name")
    added.add_argument("--threads", type=count, default=1)
    added = stages.add(_figures, "config/demo.yaml examples", CONFIG)
    added.add_argument(
        "what",
        metavar="WHAT",
        help="'examples', 'scheme', or the name of a training, a sweep or an instrument",
    )
    stages.add(_summary, "config/demo.yaml", CONFIG)
