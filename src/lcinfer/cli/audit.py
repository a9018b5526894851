"""The verb that asks a result where it comes from: ``audit``."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from ..base.errors import UserError

Parser = argparse.ArgumentParser


def _audit(options: argparse.Namespace) -> None:
    from ..audit.audit import audit
    from ..audit.walk import Depth

    if options.resimulate < 0 or options.seed < 0 or not options.tolerance >= 0:
        raise UserError("--resimulate, --seed and --tolerance cannot be negative")
    depth = Depth(
        repredict=options.repredict,
        resimulate=options.resimulate,
        seed=options.seed,
        tolerance=options.tolerance,
        threads=options.threads,
        decode=options.decode,
    )
    report = audit(options.result, options.results, depth)
    print(json.dumps(report.as_json(), indent=2) if options.json else report)
    if not report.holds:
        raise SystemExit(1)


def add_verbs(verb: Callable[..., Parser], with_config: Callable[[Parser], Parser]) -> None:
    """Add it to the command line, by its own means of adding a verb."""
    added = verb(
        "audit",
        _audit,
        "Walk back from a result to voxels, configuration and code, and check every link.",
        "audit results/runs/demo-c5da378a81",
    )
    added.add_argument(
        "result",
        type=Path,
        metavar="RESULT",
        help="a figure, a table, scores.json, a checkpoint, or a product's directory",
    )
    added.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        help="where products are kept, for a RESULT that lies elsewhere",
    )
    added.add_argument(
        "--repredict", action="store_true", help="normalise and predict again from images"
    )
    added.add_argument(
        "--resimulate", type=int, default=0, metavar="K", help="simulate K light-cones again"
    )
    added.add_argument("--seed", type=int, default=0, help="decides which of them")
    added.add_argument(
        "--tolerance",
        type=float,
        default=0.01,
        metavar="mK",
        help="largest difference of a light-cone that another build simulates again "
        "(default: %(default)s)",
    )
    added.add_argument("--threads", type=int, default=1, help="light-cones read at a time")
    added.add_argument(
        "--decode",
        action="store_true",
        help="decode every light-cone and cut its images anew, also where files are as written",
    )
    added.add_argument("--json", action="store_true", help="for programs")
