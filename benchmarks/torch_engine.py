"""The engine on PyTorch beside 21cmFAST: agreement, CPU seconds, and a GPU's times.

    python benchmarks/torch_engine.py agreement FOLDER --draws 100   # config/demo.yaml's box
    python benchmarks/torch_engine.py costs --cells 32 64 100
    python benchmarks/torch_engine.py draw FOLDER                    # docs/figures/torch-engine.png
    python benchmarks/torch_engine.py gpu                            # on a machine with one

All but ``gpu`` run both engines in one process and one thread, in turn. ``agreement`` goes on where
it was, a line a light-cone in FOLDER/agreement.jsonl.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

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


def costs(sizes: list[int]) -> None:
    """CPU seconds of FAINT's light-cone by both engines, start of Python left out."""
    from lcinfer.simulator.gm18 import simulate
    from lcinfer.torch_engine import simulate as simulate_on_torch

    print("| cells | nodes | velocities, density | 21cmFAST / s | torch / s | ratio |")
    print("|---|---|---|---|---|---|")
    for cells in sizes:
        for treatment, density in (("gradient", "own"), ("subcell", "scaled")):
            simulation = simulation_of(
                cells, 3.0 * cells, 1.05, velocities=treatment, thermal_density=density
            )
            repeats = 3 if cells == 32 else 1
            taken: dict[object, list[float]] = {}
            for seed in range(1, repeats + 2):
                for engine in (simulate, simulate_on_torch):
                    if seed == 1 and repeats == 1:
                        continue  # warm from the size before
                    begin = time.process_time()
                    nodes = len(engine(simulation, FAINT, seed).node_redshift)
                    taken.setdefault(engine, []).append(time.process_time() - begin)
            other, own = (
                float(np.mean(taken[e][-repeats:])) for e in (simulate, simulate_on_torch)
            )
            print(
                f"| {cells}^3 | {nodes} | {treatment}, {density} | {other:.2f} | {own:.2f} "
                f"| {other / own:.1f} |",
                flush=True,
            )


def gpu() -> None:
    """Light-cones per hour and peak memory on the GPU, and the time of each stage of a box."""
    from torch.profiler import ProfilerActivity, profile

    from lcinfer.torch_engine import simulate_batch

    print(torch.cuda.get_device_name())
    for cells, batch in ((32, 1), (32, 32), (32, 128), (64, 16), (200, 1)):
        length = 1.5 * cells if cells == 200 else 3.0 * cells
        simulation = simulation_of(
            cells, length, 1.02 if cells == 200 else 1.05, velocities="subcell"
        )
        given = draws(batch)
        torch.cuda.reset_peak_memory_stats()
        for attempt in ("first", "again"):
            begin = time.perf_counter()
            simulate_batch(simulation, [p for p, _ in given], [s for _, s in given], "cuda")
            torch.cuda.synchronize()
            taken = time.perf_counter() - begin
            peak = torch.cuda.max_memory_allocated() / 1e9
            print(
                f"{cells}^3, {batch} at once, {attempt}: {taken:.2f} s, "
                f"{3600 * batch / taken:.0f} an hour, {peak:.2f} GB",
                flush=True,
            )
    simulation = simulation_of(32, 96.0, 1.05, velocities="subcell")
    given = draws(128)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        simulate_batch(simulation, [p for p, _ in given], [s for _, s in given], "cuda")
    print(seen.key_averages().table(sort_by="cuda_time_total", row_limit=30))


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
    what.add_parser("draw").add_argument("folder", type=Path)
    what.add_parser("gpu")
    given = parser.parse_args()
    if given.what == "agreement":
        agreement(given.folder, given.draws)
    elif given.what == "costs":
        costs(given.cells)
    elif given.what == "draw":
        draw(given.folder)
    else:
        gpu()


if __name__ == "__main__":
    main()
