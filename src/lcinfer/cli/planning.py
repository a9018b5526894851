"""The verb ``plan``."""

import argparse
import json
from collections.abc import Callable
from typing import Any

from ..base.errors import UserError
from ..products.run import Run
from .arguments import run_of

Parser = argparse.ArgumentParser
WHAT = (
    "Say what a configuration still costs, before it is spent: core-hours, time, memory, disk, "
    "files, jobs. An estimate: in the campaign that it was checked with, core-hours came out "
    "1.2 times too large after a calibration (docs/planning.md)."
)


def _plan(options: argparse.Namespace) -> None:
    from ..planning import approval, calibration, plan

    run, ranks = run_of(options), _ranks(options)
    if options.calibrate:
        made = calibration.calibrate(run.config.database, options.ranks_per_node or 1)
        path = calibration.keep(run.root, made)
    left = plan.plan(run, ranks or plan.here(run))
    if options.approve and left.above_limit and approval.approval(run, left) is None:
        approval.approve(run, left)
    checked = _checked(run, ranks, options.check)
    if options.json:
        told: dict[str, Any] = left.as_json() | {"approval": approval.approval(run, left)}
        print(json.dumps(told | {"check": checked and checked.as_json()}, indent=2))
        return
    if options.calibrate:
        for small in made.runs:
            print(f"{small.cells}^3 cells: {small.seconds:.1f} s, {plan.size(small.peak_bytes)}")
        print(f"calibrated: {path}\n")
    print(left)
    print(f"{'approval':14}{approval.said(run, left)}")
    if checked is not None:
        print(f"\n{checked}")


def _ranks(options: argparse.Namespace) -> Any:
    """What the campaign may use, or None if that was not said.

    Raises:
        UserError: if it was said twice, or by half.
    """
    from ..planning.plan import Ranks

    per_node = options.ranks_per_node
    if (options.nodes is None) != (per_node is None) or (options.ranks and options.nodes):
        raise UserError("give --nodes with --ranks-per-node, or --ranks alone")
    if options.ranks:
        return Ranks(options.ranks, options.ranks_per_job)
    if options.nodes:
        return Ranks(options.nodes * per_node, options.ranks_per_job, options.nodes)
    return None


def _checked(run: Run, ranks: Any, asked: bool) -> Any:
    """The comparison, if it was asked for or all is there."""
    from ..planning import check

    complete = all(cones.sealed.exists() for cones in run.lightcones.values())
    return check.check(run, ranks) if asked or complete else None


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def add_verbs(verb: Callable[..., Parser], with_config: Callable[[Parser], Parser]) -> None:
    """Add it to the command line, by its own means of adding a verb and a configuration."""
    example = "plan config/config.yaml --nodes 16 --ranks-per-node 32"
    added = with_config(verb("plan", _plan, WHAT, example))
    for option, metavar, meaning in (
        ("--nodes", "N", "that are used at a time; with --ranks-per-node"),
        ("--ranks-per-node", "R", "each simulates one light-cone at a time, on its threads"),
        ("--ranks", "N", "in all, whatever the nodes; default: this machine's CPUs"),
    ):
        added.add_argument(option, type=_positive, metavar=metavar, help=meaning)
    added.add_argument(
        "--ranks-per-job",
        type=_positive,
        default=16,
        metavar="J",
        help="default: 16, as in profiles/slurm",
    )
    added.add_argument(
        "--calibrate",
        action="store_true",
        help="first time small light-cones on this machine, one to three minutes; with "
        "--ranks-per-node so many side by side, as on a full node",
    )
    added.add_argument(
        "--check",
        action="store_true",
        help="also compare with the light-cones that are there; by itself when all are",
    )
    added.add_argument(
        "--approve", action="store_true", help="record that a large campaign may begin"
    )
    added.add_argument("--json", action="store_true", help="for programs")
