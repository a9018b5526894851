"""Verbs before a run: ``check``, ``doctor``, ``plan``, ``network``."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from .. import config
from ..base.errors import UserError
from ..config.messages import Mistakes, typos_first, unknown
from ..config.networks import Network
from ..products.run import Run
from ..text.tables import aligned
from . import doctor
from .arguments import (
    CONFIG,
    JSON,
    as_json,
    ask_engine,
    check_engine,
    check_settings,
    choose,
    count,
    run_of,
)
from .verbs import Verbs


def _check(options: Namespace) -> None:
    """Check a configuration and say what it makes, and where."""
    from ..planning.outline import outline

    try:
        run = run_of(options)
    except Mistakes as error:
        found = list(dict.fromkeys([*error.found, *_physics(options)]))
        raise Mistakes(typos_first(found), options.config) from None
    check_engine(run)
    ask_engine(run, options.config)
    for warning in run.config.warnings:
        print(f"lcinfer: {warning}", file=sys.stderr)
    print(outline(run))


def _physics(options: Namespace) -> Sequence[str]:
    """What is wrong with the physics of a configuration that has other mistakes; nothing where
    these are in the way, or the engine is."""
    part = config.simulations(options.config)
    if part is None:
        return ()
    run = Run(part, options.results)
    try:
        check_settings(run, options.config)
        check_engine(run)
        ask_engine(run, options.config)
    except Mistakes as error:
        return error.found
    except UserError:
        return ()
    return ()


def _network(options: Namespace) -> None:
    """Print networks layer by layer, as the paper's Table 1."""
    run = run_of(options)
    outputs = len(run.database.design.names)
    names = [options.training] if options.training else list(run.config.trainings)
    for name in names:
        training = choose(run.trainings, name, "training").training
        print(_layers(name, training.network, run.config.input_shape(training), outputs))


def _layers(name: str, network: Network, image: tuple[int, ...], outputs: int) -> str:
    """A network layer by layer, as Table 1 of Gillet et al. 2019."""
    from ..training.networks.layers import layers

    rows = layers(network, image, outputs)
    table = [("order", "layer", "data", "weights")]
    for row in rows:
        data = " x ".join(f"{cells:,}" for cells in row.shape)
        table.append((str(row.order), row.step, data, f"{row.weights:,}"))
    table.append(("", "all weights", "", f"{sum(row.weights for row in rows):,}"))
    return "\n".join([name, *aligned(table, left=2)])


def _instrument(options: Namespace) -> None:
    """Print an instrument's noise: the root mean square of a plane by redshift."""
    run = run_of(options)
    known = run.config.instruments
    if not known:
        raise UserError(f"{options.config}: it has no section instruments")
    if options.instrument not in (None, *known):
        raise UserError(
            f"in this configuration {unknown('instrument ', options.instrument, known)}"
        )
    for name in [options.instrument] if options.instrument else known:
        print(_sensitivity(run, name))


def _sensitivity(run: Run, name: str) -> str:
    """What an instrument is, and a table of its noise."""
    from ..instrument import array, response
    from ..instrument.noise import Channels

    seen_with = run.config.instruments[name]
    channels = Channels.of(run.config.database, run.config.image_shape[1])
    made = response.Response.of(seen_with, channels)
    stations = array.stations(seen_with.layout, seen_with.without)
    head = (
        f"{name}: {len(stations)} stations of {seen_with.layout}, {seen_with.hours:g} h in tracks "
        f"of {seen_with.track:g} h at declination {seen_with.declination:g}, baselines up to "
        f"{seen_with.longest_baseline:g} km, wedge {seen_with.wedge}"
    )
    flux = response.station_flux(seen_with, channels)
    resolution = channels.metres / (1000 * seen_with.longest_baseline)
    resolution *= channels.cells * channels.cell
    modes, sigma = made.modes, made.rms
    rows = [["z", "MHz", "SEFD (Jy)", "resolution (Mpc)", "modes left", "sigma (mK)"]]
    whole = np.floor(channels.redshift)
    for at in [0, *(np.flatnonzero(np.diff(whole)) + 1)]:
        z, frequency = channels.redshift[at], channels.frequency[at]
        where = (f"{z:.2f}", f"{frequency:.1f}", f"{flux[at]:.0f}", f"{resolution[at]:.1f}")
        rows.append([*where, f"{modes[at]:.1%}", f"{sigma[at]:.3g}"])
    return "\n".join([head, *aligned(rows, left=0)])


def _plan(options: Namespace) -> None:
    """Say what a configuration still costs, before it is spent: core-hours, time, memory, disk,
    files, jobs. An estimate: in the campaign that it was checked with, core-hours came out 1.2
    times too large with --time (docs/planning.md)."""
    from ..planning import approval, plan, timing

    run, ranks = run_of(options), _ranks(options)
    if options.time:
        timed = timing.measure(run.config.database, options.ranks_per_node or 1)
        path = timing.keep(run.root, timed)
    left = plan.plan(run, ranks or plan.here(run))
    if options.approve and left.above_limit and approval.approval(run, left) is None:
        approval.approve(run, left)
    checked = _checked(run, ranks, options.check)
    if options.json:
        more = {"approval": approval.approval(run, left), "check": checked and asdict(checked)}
        print(as_json(left.as_json() | more))
        return
    if options.time:
        for small in timed.runs:
            print(f"{small.cells}^3 cells: {small.seconds:.1f} s, {plan.size(small.peak_bytes)}")
        print(f"timed: {path}\n")
    print(left)
    print(f"{'approval':14}{approval.described(run, left)}")
    if checked is not None:
        print(f"\n{checked}")


def _ranks(options: Namespace) -> Any:
    """What the campaign may use, or None if that was not said."""
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
    from ..planning.comparison import compare

    complete = all(cones.sealed.exists() for cones in run.lightcones.values())
    return compare(run, ranks) if asked or complete else None


def add_verbs(verbs: Verbs) -> None:
    """Add them to the command line."""
    verbs.add(_check, "config/demo.yaml", CONFIG)
    doctor.add_verbs(verbs)
    example = "config/config.yaml --nodes 16 --ranks-per-node 32"
    added = verbs.add(_plan, example, CONFIG, JSON)
    for option, metavar, meaning in (
        ("--nodes", "N", "that are used at a time; with --ranks-per-node"),
        ("--ranks-per-node", "R", "each simulates one light-cone at a time, on its threads"),
        ("--ranks", "N", "in all, whatever the nodes; default: this machine's CPUs"),
    ):
        added.add_argument(option, type=count, metavar=metavar, help=meaning)
    added.add_argument(
        "--ranks-per-job",
        type=count,
        default=16,
        metavar="J",
        help="default: 16, as in profiles/slurm",
    )
    added.add_argument(
        "--time",
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
    added = verbs.add(_network, "config/config.yaml ten_images", CONFIG)
    added.add_argument("training", nargs="?", metavar="TRAINING", help="one training alone")
    added = verbs.add(_instrument, "config/beyond.yaml", CONFIG)
    added.add_argument("instrument", nargs="?", metavar="NAME", help="one instrument alone")
