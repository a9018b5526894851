"""``lcinfer VERB``: parse, call, print. The rules of the workflow call the same verbs."""

import argparse
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from ..base.errors import UserError
from ..products.product import Realizations, Span
from . import audit as provenance
from . import changes, doctor, infer, planning, publish, travel, upkeep
from .arguments import ask_engine, check_engine, choose, run_of

Verb = Callable[[argparse.Namespace], None]

# What the system refuses for the user to mend: permission, a read-only or a full disk, a quota.
REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}


def main(arguments: list[str] | None = None) -> None:
    """Run a verb; what the user can mend is one line on stderr and exit status 1."""
    options = _parser().parse_args(arguments)
    try:
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


def _check(options: argparse.Namespace) -> None:
    from ..stages import summary

    run = run_of(options)
    check_engine(run)
    ask_engine(run)
    for warning in run.config.warnings:
        print(f"lcinfer: {warning}", file=sys.stderr)
    print(summary.describe(run))


def _schema(options: argparse.Namespace) -> None:
    from ..config import reference

    print(reference.page() if options.markdown else reference.schema(), end="")


def _network(options: argparse.Namespace) -> None:
    from ..stages import summary

    run = run_of(options)
    outputs = len(run.database.design.names)
    names = [options.training] if options.training else list(run.config.trainings)
    for name in names:
        network = choose(run.trainings, name, "training").training.network
        print(summary.network_table(name, network, run.config.image_shape, outputs))


def _design(options: argparse.Namespace) -> None:
    from ..stages.design import design

    run = run_of(options)
    check_engine(run)
    ask_engine(run)
    design(run, choose(run.lightcones, options.database, "database"), options.config)


def _simulate(options: argparse.Namespace) -> None:
    from ..lightcones import campaign

    run = run_of(options)
    check_engine(run)
    cones = choose(run.lightcones, options.database, "database")
    span = _within(options.block, cones) or (0, cones.realizations)
    campaign.run_block(cones, span, options.ranks)


def _seal(options: argparse.Namespace) -> None:
    from ..lightcones import database

    database.seal(choose(run_of(options).lightcones, options.database, "database"))


def _images(options: argparse.Namespace) -> None:
    from ..stages import images

    image_set = choose(run_of(options).images, options.database, "image set")
    block = _within(options.block, image_set)
    steps = [options.step] if options.step else images.STEPS
    images.make(image_set, steps, block, options.threads)


def _train(options: argparse.Namespace) -> None:
    from ..stages.train import train_network

    train_network(
        choose(run_of(options).trainings, options.training, "training"),
        options.threads,
        options.device,
    )


def _evaluate(options: argparse.Namespace) -> None:
    from ..stages.evaluate import evaluate_network

    evaluate_network(
        choose(run_of(options).evaluations, options.training, "training"),
        options.threads,
        options.device,
    )


def _compare(options: argparse.Namespace) -> None:
    from ..stages.compare import compare_trials

    compare_trials(
        choose(run_of(options).sweeps, options.sweep, "sweep"), options.threads, options.device
    )


def _figures(options: argparse.Namespace) -> None:
    from ..stages import figures

    run = run_of(options)
    figures.draw_figures(run, choose(run.figures, options.what, "figure").name)


def _summary(options: argparse.Namespace) -> None:
    from ..stages import summary

    summary.write(run_of(options))


def _report(options: argparse.Namespace) -> None:
    from ..stages import report

    print(report.write(run_of(options), options.config))


def _where(options: argparse.Namespace) -> None:
    print(run_of(options).summary.directory)


def _scores(options: argparse.Namespace) -> None:
    from ..stages import summary

    print(summary.scores(run_of(options)))


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lcinfer",
        description="How well 21-cm images tell the parameters of the first galaxies.",
        epilog="Whole runs: snakemake --profile profiles/local --configfile config/demo.yaml",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, does: Verb, what: str, example: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(
            name,
            help=what,
            description=what,
            epilog=f"example: lcinfer {example}",
        )
        added.set_defaults(verb=does)
        return added

    def with_config(added: argparse.ArgumentParser) -> argparse.ArgumentParser:
        added.add_argument("config", type=Path, metavar="CONFIG", help="the configuration file")
        added.add_argument(
            "--results", type=Path, default=Path("results"), help="where products are kept"
        )
        return added

    def with_database(added: argparse.ArgumentParser) -> argparse.ArgumentParser:
        with_config(added)
        added.add_argument("database", metavar="NAME", help="the database, or a mock")
        return added

    with_config(
        verb(
            "check",
            _check,
            "Check a configuration and say what it makes, and where.",
            "check config/demo.yaml",
        )
    )
    added = verb("schema", _schema, "Print the configuration's JSON schema.", "schema")
    added.add_argument("--markdown", action="store_true", help="as a page of tables instead")
    with_config(
        verb(
            "where",
            _where,
            "Print the directory of a run's tables and report.",
            "where config/demo.yaml",
        )
    )
    with_config(
        verb(
            "scores",
            _scores,
            "Print a finished run's R2, and where its results are.",
            "scores config/demo.yaml",
        )
    )
    added = with_config(
        verb(
            "network",
            _network,
            "Print networks layer by layer, as Table 1 of Gillet et al. 2019.",
            "network config/config.yaml ten_images",
        )
    )
    added.add_argument("training", nargs="?", metavar="TRAINING", help="one training alone")
    with_database(
        verb(
            "design",
            _design,
            "Create a database, or grow it: parameters, seeds, room for the light-cones.",
            "design config/demo.yaml demo",
        )
    )
    added = with_database(
        verb(
            "simulate",
            _simulate,
            "Simulate the light-cones of a block that are not there yet; run it under MPI.",
            "simulate config/demo.yaml demo --block 0-20",
        )
    )
    added.add_argument("--block", type=_span, metavar="START-STOP", help="default: everything")
    added.add_argument("--ranks", type=int, help="refuse to run unless MPI has this many ranks")
    with_database(
        verb(
            "seal",
            _seal,
            "Write the histories, and that every light-cone of a database is there.",
            "seal config/demo.yaml demo",
        )
    )
    added = with_database(
        verb(
            "images",
            _images,
            "Cut light-cones into images, block by block.",
            "images config/demo.yaml demo",
        )
    )
    added.add_argument("--step", choices=["prepare", "cut", "seal"], help="default: all three")
    added.add_argument("--block", type=_span, metavar="START-STOP", help="default: everything")
    added.add_argument("--threads", type=int, default=1, help="light-cones cut at a time")
    train = "Train a network, or go on with it after its last whole epoch."
    evaluate = "Predict the test light-cones and the mocks, and score."
    compare = "Rank the trials of a sweep, or gather those of a learning curve."
    for name, does, what, of in (
        ("train", _train, train, "training"),
        ("evaluate", _evaluate, evaluate, "training"),
        ("compare", _compare, compare, "sweep"),
    ):
        example = "study" if of == "sweep" else "all_images"
        added = with_config(verb(name, does, what, f"{name} config/small.yaml {example}"))
        added.add_argument(of, metavar=of.upper(), help=f"the {of}'s name")
        added.add_argument("--threads", type=int, default=None, help="CPU threads")
        added.add_argument(
            "--device", choices=["cpu", "cuda"], help="default: the GPU when there is one"
        )
    added = with_config(
        verb("figures", _figures, "Draw figures.", "figures config/demo.yaml examples")
    )
    added.add_argument(
        "what", metavar="WHAT", help="'examples', 'scheme', or the name of a training or a sweep"
    )
    with_config(
        verb(
            "summary",
            _summary,
            "Write the run's tables and its manifest.",
            "summary config/demo.yaml",
        )
    )
    added = verb(
        "report",
        _report,
        "Write a finished run's report, in the project's directory; an audit then knows it.",
        "report config/demo.yaml",
    )
    added.add_argument("config", type=Path, metavar="CONFIG", help="the configuration file")
    added.set_defaults(results=Path("results"))
    infer.add_verbs(verb)
    planning.add_verbs(verb, with_config)
    upkeep.add_verbs(verb, with_config)
    changes.add_verbs(verb, with_config)
    doctor.add_verbs(verb)
    travel.add_verbs(verb, with_config)
    publish.add_verbs(verb)
    provenance.add_verbs(verb, with_config)
    return parser
