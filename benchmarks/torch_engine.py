"""The engine on PyTorch beside 21cmFAST: agreement, CPU seconds, and a GPU's times.

    python benchmarks/torch_engine.py agreement FOLDER --draws 100   # config/demo.yaml's box
    python benchmarks/torch_engine.py costs --plain PYTHON --cells 32 64 100
    python benchmarks/torch_engine.py stages --cells 32 64           # CPU seconds of each stage
    python benchmarks/torch_engine.py draw FOLDER                    # docs/figures/torch-engine.png
    python benchmarks/torch_engine.py r2 FOLDER CONFIG TRAINING      # a network on both engines'
    python benchmarks/torch_engine.py gpu                            # on a machine with one

All but ``stages`` and ``gpu`` run both engines in one thread, in turn.
``agreement`` and ``r2`` go on where they were, by what is in FOLDER. ``gpu`` takes some ten
minutes, small boxes first: a line is printed when it is known.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from lcinfer.config import load
from lcinfer.config.sections import Simulation

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
DEMO = ROOT / "config" / "demo.yaml"
FAINT = {"HII_EFF_FACTOR": 30.0, "ION_Tvir_MIN": 4.69897, "L_X": 40.0, "NU_X_THRESH": 500.0}


def simulation_of(cells: int, length: float, step: float, **simulator: str) -> Simulation:
    """The demo's light-cone, in another box and with other nodes."""
    demo = load(DEMO).database
    kept = {name: getattr(demo, name) for name in ("cosmology", "storage")}
    settings = demo.simulator.model_dump() | {"z_step_factor": step} | simulator
    lines = round(1043 * 3.0 * cells / length)  # to z = 30
    return Simulation(
        **kept,
        box={"cells": cells, "length": length},
        lightcone={"z_min": 6, "cells": lines},
        simulator=settings,
    )


def draws(count: int) -> list[tuple[dict[str, float], int]]:
    """Parameters of the demo's prior and seeds; the first 16 are the prior's corners."""
    prior = load(DEMO).database.prior
    rng = np.random.default_rng(18)
    made = []
    for index in range(count):
        where = rng.random(len(prior))
        if index < 16:
            where = np.array([index >> bit & 1 for bit in range(4)], np.float64)
        ends = zip(prior.items(), where, strict=True)
        given = {name: low + share * (high - low) for (name, (low, high)), share in ends}
        made.append((given, 1000 + index))
    return made


def agreement(folder: Path, count: int) -> None:
    """A line for each draw, then the summary."""
    from support.agreement import compare

    folder.mkdir(parents=True, exist_ok=True)
    notes = folder / "agreement.jsonl"
    done = len(notes.read_text(encoding="utf-8").splitlines()) if notes.exists() else 0
    simulation = simulation_of(32, 96.0, 1.1, velocities="gradient", thermal_density="own")
    if done < count:
        compare(simulation, FAINT, 1)  # what is made once
    for parameters, seed in draws(count)[done:]:
        found = asdict(compare(simulation, parameters, seed))
        with notes.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"seed": seed, **parameters, **found}) + "\n")
    lines = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()][:count]
    table = {name: np.array([line[name] for line in lines]) for name in lines[0]}
    print(f"{len(lines)} draws")
    for name in ("rms", "largest", "mean"):
        values = table[name]
        print(f"{name} / mK: median {np.median(values):.2g}, largest {values.max():.2g}")
    print(f"flipped: {table['flipped'].sum()} of {table['voxels'].sum()}")
    print(f"CPU s: {table['seconds'].mean():.2f} and {table['other_seconds'].mean():.2f}")


def costs(sizes: list[int], plain: str | None) -> None:
    """CPU seconds of FAINT's light-cone by both engines, start of Python left out.

    With ``plain``, an interpreter that has 21cmFAST as its authors released it, of that one too,
    where it can do the same.
    """
    print(
        "| cells | nodes | velocities, density | released / s | 21cmFAST / s | torch / s | ratios |"
    )
    print("|---|---|---|---|---|---|---|")
    for cells in sizes:
        for treatment, density in (("gradient", "own"), ("subcell", "scaled")):
            one = [str(cells), treatment, density]
            interpreters = (plain, "21cmFAST"), (sys.executable, "21cmFAST")
            taken = [
                _cost(python, engine, *one)
                for python, engine in (*interpreters, (sys.executable, "torch"))
            ]
            nodes, own = taken[-1]
            ratios = ", ".join(f"{other / own:.1f}" for _, other in taken[:-1])
            seconds = " | ".join(f"{each:.2f}" for _, each in taken)
            print(
                f"| {cells}^3 | {nodes} | {treatment}, {density} | {seconds} | {ratios} |",
                flush=True,
            )


def _cost(python: str | None, engine: str, *one: str) -> tuple[int, float]:
    """Nodes and CPU seconds, by :func:`cost` in a process of its own; NaN: it cannot."""
    if python is None:
        return 0, float("nan")
    command = [python, "-W", "ignore", __file__, "cost", engine, *one]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1], file=sys.stderr)
        return 0, float("nan")
    nodes, seconds = json.loads(done.stdout.splitlines()[-1])
    return nodes, seconds


def cost(engine: str, cells: int, treatment: str, density: str) -> None:
    """Print nodes and CPU seconds: the mean of three light-cones of 32^3 cells, else of one."""
    if engine == "torch":
        from lcinfer.torch_engine import simulate
    else:
        from lcinfer.simulator.gm18 import simulate

    def made(size: int, seed: int) -> int:
        simulation = simulation_of(
            size, 3.0 * size, 1.05, velocities=treatment, thermal_density=density
        )
        return len(simulate(simulation, FAINT, seed).node_redshift)

    nodes = made(32, 1)  # warm
    begin = time.process_time()
    repeats = 3 if cells == 32 else 1
    for seed in range(2, repeats + 2):
        nodes = made(cells, seed)
    print(json.dumps([nodes, (time.process_time() - begin) / repeats]))


# Where the engine's stages begin: what of its modules is timed, and as what.
STAGES = {
    "make_initial_conditions": "initial conditions",
    "Particles.at": "perturbed field",
    "Regions": "spin temperature",
    "Radiation.sky": "spin temperature",
    "first_gas": "spin temperature",
    "evolve": "spin temperature",
    "Ionisation.neutral_fraction": "ionisation",
    "Particles.velocity": "brightness temperature",
    "optical_depth": "brightness temperature",
    "brightness": "brightness temperature",
    "include_gradient": "brightness temperature",
    "move": "brightness temperature",
}


@contextmanager
def timed_stages(clock: Callable[[], float]) -> Iterator[Counter[str]]:
    """Seconds of each stage of what is made within; what is no stage's is the light-cone's."""
    from lcinfer.torch_engine import engine

    spent: Counter[str] = Counter()

    def timed(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            begin = clock()
            made = function(*arguments, **named)
            spent[stage] += clock() - begin
            return made

        return call

    with ExitStack() as patches:
        for name, stage in STAGES.items():
            owner, _, method = name.rpartition(".")
            place = getattr(engine, owner) if owner else engine
            patches.enter_context(patch.object(place, method, timed(getattr(place, method), stage)))
        begin = clock()
        yield spent
        whole = clock() - begin
    spent["light-cone"] = whole - spent.total()


def stages(sizes: list[int]) -> None:
    """CPU seconds of each stage of FAINT's light-cone."""
    from lcinfer.torch_engine import simulate

    for cells in sizes:
        simulation = simulation_of(
            cells, 3.0 * cells, 1.05, velocities="subcell", thermal_density="scaled"
        )
        simulate(simulation, FAINT, 1)  # what is made once
        with timed_stages(time.process_time) as spent:
            simulate(simulation, FAINT, 2)
        told = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in spent.items())
        print(f"{cells}^3: {spent.total():.2f} s: {told}", flush=True)


def least_bytes(simulation: Simulation, nodes: int) -> float:
    """Bytes of a GPU's memory that a light-cone moves at least.

    Each transform of a field reads and writes it three times, 4 bytes a cell; a node reads where 40
    shells stand, moves 27 particles a cell (or as many as there are), filters the density and x_e
    with some spheres of bubbles, and has some forty reads and writes of a field besides.
    """
    box = simulation.box
    coarse, fine = box.cells**3, (box.cells * box.hires_factor) ** 3
    spheres = np.log(15 / (0.62 * box.cell_size)) / np.log(1.1) + 1
    transform = 3 * 2 * 4
    node = coarse * (4 * 40 + 2 * spheres * transform + 40 * 4) + fine * 4 * 4
    return float(14 * transform * fine + 40 * transform * coarse + nodes * node)


def gpu() -> None:
    """Light-cones per hour, peak memory, each stage's seconds, and the floor from bytes."""
    from lcinfer.torch_engine import simulate_batch

    def clock() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    source, target = (torch.empty(2**28, device="cuda") for _ in range(2))
    target.copy_(source)
    begin = clock()
    for _ in range(20):
        target.copy_(source)
    rate = 20 * 2 * 2**30 / (clock() - begin)
    del source, target
    print(f"{torch.cuda.get_device_name()}: {rate / 1e12:.2f} TB/s copied", flush=True)
    for cells, batch in ((32, 1), (32, 16), (32, 64), (32, 256), (64, 1), (64, 16), (200, 1)):
        length = 1.5 * cells if cells == 200 else 3.0 * cells
        simulation = simulation_of(
            cells,
            length,
            1.02 if cells == 200 else 1.05,
            velocities="subcell",
            thermal_density="scaled",
        )
        given = draws(batch)
        torch.cuda.reset_peak_memory_stats()
        for attempt in ("first", "again"):
            with timed_stages(clock) as spent:
                cones = simulate_batch(
                    simulation, [p for p, _ in given], [s for _, s in given], "cuda"
                )
            taken, nodes = spent.total(), len(cones[0].node_redshift)
            floor = batch * least_bytes(simulation, nodes) / rate
            told = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in spent.items())
            print(
                f"{cells}^3, {nodes} nodes, {batch} at once, {attempt}: {taken:.2f} s "
                f"(from bytes {floor:.2f} s), {3600 * batch / taken:.0f} an hour, "
                f"{torch.cuda.max_memory_allocated() / 1e9:.2f} GB; {told}",
                flush=True,
            )


def r2(folder: Path, config: Path, training: str, results: Path, count: int) -> None:
    """R2 of a network on test light-cones of the torch engine, and on 21cmFAST's of their seeds.

    Args:
        folder: where 21cmFAST's are kept.
        config: with a database by the torch engine that is there.
        training: a finished one of it.
        results: where these are.
        count: test light-cones.
    """
    from lcinfer import load_network
    from lcinfer.evaluation.evaluate import r2 as determination
    from lcinfer.lightcones import store
    from lcinfer.products.run import Run
    from lcinfer.simulator.gm18 import simulate
    from lcinfer.simulator.lightcone import coordinates

    run = Run(load(config), results)
    cones, network = run.database, load_network(config, training, results=results)
    redshift, cell = coordinates(cones.simulation)[0], cones.simulation.box.cell_size
    first, names = run.config.split.validation, cones.design.names
    true = cones.design.parameters(first, first + count)
    seeds = cones.design.seeds(first, first + count)
    folder.mkdir(parents=True, exist_ok=True)
    predicted: dict[str, list[np.ndarray]] = {"torch": [], "21cmFAST": []}
    for index, values, seed in zip(range(first, first + count), true, seeds, strict=True):
        kept = folder / f"{index}.npy"
        if not kept.exists():
            point = dict(zip(names, values.tolist(), strict=True))
            np.save(kept, simulate(cones.simulation, point, int(seed)).brightness_temp)
        for engine, cube in (
            ("torch", store.read(cones.store, index)),
            ("21cmFAST", np.load(kept)),
        ):
            table = network.predict(cube, redshift, cell).set_index("parameter")["predicted"]
            predicted[engine].append(table[list(names)].to_numpy())
    scores = {engine: determination(true, np.array(them)) for engine, them in predicted.items()}
    print(f"{count} light-cones, R2 of the average over a light-cone's images")
    for name, own, other in zip(names, scores["torch"], scores["21cmFAST"], strict=True):
        print(f"{name}: torch {own:.4f}, 21cmFAST {other:.4f}, difference {own - other:+.4f}")


def draw(folder: Path) -> None:
    """FAINT's light-cone by both engines, and their difference."""
    import matplotlib.pyplot as plt

    from lcinfer.simulator.gm18 import simulate
    from lcinfer.torch_engine import simulate as simulate_on_torch

    simulation = simulation_of(32, 96.0, 1.05, velocities="gradient", thermal_density="own")
    cones = [engine(simulation, FAINT, 7) for engine in (simulate, simulate_on_torch)]
    one, other = (cone.brightness_temp[:, 16] for cone in cones)
    figure, axes = plt.subplots(3, 1, figsize=(10, 4.2), sharex=True, layout="constrained")
    extent = (0, 3.0 * one.shape[1], 0, 96)
    rows = (("21cmFAST", one, 120), ("torch", other, 120), ("difference", other - one, 0.02))
    for axis, (name, values, size) in zip(axes, rows, strict=True):
        image = axis.imshow(
            values,
            extent=extent,
            aspect="auto",
            origin="lower",
            cmap="RdBu_r",
            vmin=-size,
            vmax=size,
        )
        axis.set_ylabel(name)
        figure.colorbar(image, ax=axis, label="$T_b$ / mK")
    axes[-1].set_xlabel("distance beyond z = 6 / Mpc")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "torch-engine.png", dpi=110)
    print(f"rms {np.std(cones[1].brightness_temp - cones[0].brightness_temp):.2g} mK")


def main() -> None:
    """Choose what to measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_subparsers(dest="what", required=True)
    compared = what.add_parser("agreement")
    compared.add_argument("folder", type=Path)
    compared.add_argument("--draws", type=int, default=100)
    priced = what.add_parser("costs")
    priced.add_argument("--cells", type=int, nargs="+", default=[32, 64, 100])
    priced.add_argument("--plain", help="an interpreter with 21cmFAST as it was released")
    alone = what.add_parser("cost")
    alone.add_argument("engine", choices=["21cmFAST", "torch"])
    alone.add_argument("size", type=int)
    alone.add_argument("treatment")
    alone.add_argument("density")
    what.add_parser("draw").add_argument("folder", type=Path)
    staged = what.add_parser("stages")
    staged.add_argument("--cells", type=int, nargs="+", default=[32])
    scored = what.add_parser("r2")
    scored.add_argument("folder", type=Path)
    scored.add_argument("config", type=Path)
    scored.add_argument("training")
    scored.add_argument("--results", type=Path, default=Path("results"))
    scored.add_argument("--light-cones", type=int, default=60)
    what.add_parser("gpu")
    given = parser.parse_args()
    if given.what == "agreement":
        agreement(given.folder, given.draws)
    elif given.what == "costs":
        costs(given.cells, given.plain)
    elif given.what == "cost":
        cost(given.engine, given.size, given.treatment, given.density)
    elif given.what == "stages":
        stages(given.cells)
    elif given.what == "r2":
        r2(given.folder, given.config, given.training, given.results, given.light_cones)
    elif given.what == "draw":
        draw(given.folder)
    else:
        gpu()


if __name__ == "__main__":
    main()
