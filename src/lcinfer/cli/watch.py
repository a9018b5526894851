"""Verbs that look after a database: ``status``, ``verify``, ``repair``."""

import time
from argparse import Namespace

from ..base.counting import counted
from ..base.errors import UserError
from ..products.databases import LightCones
from .arguments import CONFIG, JSON, READERS, as_json, choose, natural, run_of, shared
from .verbs import Verbs


def _status(options: Namespace) -> None:
    """Say how far the database and the mocks are; also while jobs run."""
    from ..upkeep import status

    run = run_of(options)
    found = [status.status(cones, time.time()) for cones in run.lightcones.values()]
    print(*[as_json(found)] if options.json else found, sep="\n")


def _verify(options: Namespace) -> None:
    """Compare every light-cone with digests, journal and design; change nothing."""
    from ..upkeep import verify

    reports = []
    for cones in _begun(options):
        reports.append(verify.verify(cones, options.threads, decode=options.decode))
        if not options.json:
            print(reports[-1])
    if options.json:
        print(as_json(reports))
    if any(report.findings for report in reports):
        raise SystemExit(1)


def _repair(options: Namespace) -> None:
    """Verify, and have made again what does not hold."""
    from ..upkeep import repair, verify

    left = 0
    for cones in _begun(options):
        found = verify.verify(cones, options.threads, decode=options.decode).findings
        done = repair.repair(cones, found, options.most)
        print(*done.said, *done.left, sep="\n", end="\n" * bool(done.said or done.left))
        left += len(done.left)
        if options.simulate:
            repair.make_again(cones, done)
            again = counted(len(done.again), "light-cone")
            print(f"{cones.name}: repaired, {again} made again")
        else:
            print(f"{cones.name}: {repair.what_next(cones, done, options.config)}")
    if left:
        raise SystemExit(1)


def _begun(options: Namespace) -> list[LightCones]:
    """The named database, or all that are there."""
    run = run_of(options)
    if options.database is not None:
        return [choose(run.lightcones, options.database, "database")]
    begun = [cones for cones in run.lightcones.values() if cones.directory.exists()]
    if not begun:
        raise UserError(f"{run.root}: no database of this configuration is there yet")
    return begun


def add_verbs(verbs: Verbs) -> None:
    """Add them to the command line."""
    verbs.add(_status, "config/demo.yaml", CONFIG, JSON)
    checked = shared(CONFIG, READERS)
    checked.add_argument(
        "database", nargs="?", metavar="NAME", help="the database, or a mock; default: all"
    )
    checked.add_argument(
        "--decode", action="store_true", help="also files that are as they were written"
    )
    verbs.add(_verify, "config/demo.yaml demo", checked, JSON)
    added = verbs.add(_repair, "config/demo.yaml demo", checked)
    added.add_argument("--simulate", action="store_true", help="make it again here and now")
    added.add_argument(
        "--most",
        type=natural,
        default=100,
        metavar="N",
        help="refuse if more would be made again",
    )
