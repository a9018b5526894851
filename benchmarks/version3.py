"""lcinfer's simulator against 21cmFAST 3.4.0, node by node from the same initial conditions.

    python benchmarks/version3.py setup
    python benchmarks/version3.py compare
    python benchmarks/version3.py compare --cells 32 --length 48 --figure ""

`setup` builds an environment of its own for 3.4.0 (Python 3.11, numpy < 2, setuptools < 80; GSL
and FFTW must be installed). `compare` uses the 21cmfast that is installed beside lcinfer. Both
evolve at lcinfer's nodes, without peculiar velocities, on one thread.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "physics"))

from support.heavy import FAINT, SEED

from lcinfer.config.sections import Simulation
from lcinfer.simulator import gm18 as simulate
from lcinfer.simulator.coeval import coeval_boxes

ROOT = Path(__file__).parents[1]
PARAMETERS = {
    "FAINT": FAINT,
    "BRIGHT": {**FAINT, "HII_EFF_FACTOR": 200.0, "ION_Tvir_MIN": 5.477121},
}
REDSHIFTS = (18.0, 15.0, 13.0, 12.0, 10.0, 8.0)  # the nodes nearest to these are compared
EDGES = np.array([0.1, 0.18, 0.32, 0.56, 1.0])  # of k / (1/Mpc), in the tables
FINE_EDGES = np.geomspace(0.09, 1.3, 12)  # in the figure
START = "USE_ADIABATIC_FLUCTUATIONS"  # whether the first temperature box is perturbed
T_CMB = 2.728  # K, 3.4.0's
FIELDS = {  # and py21cmfast 4's names for them
    "density": "density",
    "spin_temperature": "spin_temperature",
    "kinetic_temperature": "kinetic_temp_neutral",
    "electron_fraction": "xray_ionised_fraction",
    "neutral_fraction": "neutral_fraction",
    "brightness_temp": "brightness_temp",
}

Boxes = dict[str, np.ndarray]


def setup(place: Path, python: str) -> None:
    """Build 21cmFAST 3.4.0 in a virtual environment at ``place``."""
    subprocess.run([python, "-m", "venv", place], check=True)
    pip = [place / "bin" / "pip", "install", "--quiet"]
    older = ["numpy<2", "setuptools<80"]  # what 3.4.0 was written for
    subprocess.run([*pip, *older, "wheel", "cffi", "setuptools_scm"], check=True)
    subprocess.run([*pip, *older, "--no-build-isolation", "21cmFAST==3.4.0"], check=True)


def simulation(cells: int, length: float, uniform_start: bool) -> Simulation:
    """The box, with the first temperature box perturbed unless asked otherwise."""
    options = {START: not uniform_start} if hasattr(simulate.AstroOptions, START) else {}
    if uniform_start and not options:
        sys.exit(f"21cmfast {simulate.version()} cannot start from a uniform temperature")
    return Simulation.model_validate(
        {
            "box": {"cells": cells, "length": length},
            "lightcone": {"cells": 2},
            "simulator": {"engine_version": simulate.version(), "options": options},
        }
    )


def ours(settings: Simulation, parameters: dict[str, float], keep: list[int]) -> Boxes:
    """Means at all nodes, and the boxes at those to keep, of lcinfer's simulator."""
    boxes: dict[str, list] = {f"box_{name}": [] for name in FIELDS}
    boxes |= {f"mean_{name}": [] for name in FIELDS}
    inputs = simulate.inputs_for(settings, parameters, SEED)
    for index, coeval in enumerate(coeval_boxes(inputs)):
        for name, its_name in FIELDS.items():
            box = getattr(coeval, its_name)
            boxes[f"mean_{name}"].append(np.mean(box, dtype=float))
            if index in keep:
                boxes[f"box_{name}"].append(np.array(box))
    return {name: np.array(values) for name, values in boxes.items()}


def theirs(
    settings: Simulation,
    parameters: dict[str, float],
    keep: list[int],
    python: Path,
    cache: Path | None,
    uniform_start: bool,
) -> Boxes:
    """The same of 21cmFAST 3.4.0, run by ``python``."""
    gm18, box, simulator = simulate.GM18, settings.box, settings.simulator
    request = {
        "nodes": simulate.node_redshifts(settings),
        "keep": keep,
        "fields": list(FIELDS),
        "seed": SEED,
        "cosmology": settings.cosmology.model_dump(),
        "user": {
            "BOX_LEN": box.length,
            "HII_DIM": box.cells,
            "DIM": box.cells * box.hires_factor,
            "N_THREADS": 1,
            "USE_INTERPOLATION_TABLES": True,
        },
        "flags": {
            "USE_MASS_DEPENDENT_ZETA": False,
            "INHOMO_RECO": False,
            "APPLY_RSDS": False,
            **{
                name: gm18[name]
                for name in ("USE_TS_FLUCT", "M_MIN_in_Mass", "USE_CMB_HEATING", "USE_LYA_HEATING")
            },
        },
        "astro": {
            **parameters,
            **{name: gm18[name] for name in ("R_BUBBLE_MAX", "X_RAY_SPEC_INDEX")},
        },
        "globals": {
            "Pop2_ion": gm18["POP2_ION"],
            "Y_He": gm18["Y_He"],
            "ZPRIME_STEP_FACTOR": simulator.z_step_factor,
            "Z_HEAT_MAX": simulator.z_heat_max,
            "HII_FILTER": 1,  # sharp in k
            START: not uniform_start,
        },
    }
    text = json.dumps(request)
    with tempfile.TemporaryDirectory() as scratch:
        name = f"version3-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"
        made = (cache or Path(scratch)) / name
        if not made.exists():
            new = Path(scratch) / name
            subprocess.run(
                [python, ROOT / "benchmarks" / "version3_boxes.py", new],
                input=text,
                text=True,
                check=True,
                # Version 3 writes a configuration in its home.
                env={"PATH": os.environ["PATH"], "HOME": scratch, "OMP_NUM_THREADS": "1"},
            )
            if made != new:
                shutil.copy(new, made)
        with np.load(made) as boxes:
            result = dict(boxes)
    result["box_optically_thin"] = result["box_brightness_temp"]
    result["box_brightness_temp"] = np.array(
        [
            brightness({name: result[f"box_{name}"][at] for name in FIELDS}, node, settings)
            for at, node in enumerate(np.array(simulate.node_redshifts(settings))[keep])
        ]
    )
    return result


def brightness(boxes: Boxes, redshift: float, settings: Simulation) -> np.ndarray:
    """T_b / mK with all of the optical depth, as lcinfer and Greig & Mesinger 2018 have it.

    Without velocities 3.4.0 itself takes the optically thin limit, several per cent deeper in
    the trough.
    """
    cosmology = settings.cosmology
    matter = cosmology.OMm * cosmology.hlittle**2
    thin = 27 * cosmology.OMb * cosmology.hlittle**2 / 0.023
    thin *= np.sqrt(0.15 / matter * (1 + redshift) / 10)
    spin = boxes["spin_temperature"].astype(float)
    hydrogen = boxes["neutral_fraction"] * (1.0 + boxes["density"])
    depth = thin * hydrogen * (1 + redshift) / (1000 * spin)
    return (1 - np.exp(-depth)) * 1000 * (spin / (1 + redshift) - T_CMB)


def spectrum(box: np.ndarray, length: float, edges: np.ndarray) -> np.ndarray:
    """k^3 P(k) / 2 pi^2 in the box's unit squared, averaged over the modes of each shell."""
    cells = len(box)
    power = np.abs(np.fft.fftn(box - box.mean(dtype=float))) ** 2 * length**3 / cells**6
    axis = 2 * np.pi * np.fft.fftfreq(cells, length / cells)
    k = np.sqrt(sum(along**2 for along in np.meshgrid(axis, axis, axis, indexing="ij")))
    weighted, modes = (
        np.histogram(k, edges, weights=weights)[0] for weights in (power * k**3, np.ones_like(k))
    )
    return weighted / np.maximum(modes, 1) / (2 * np.pi**2)


def table(name: str, nodes: np.ndarray, length: float, here: Boxes, there: Boxes) -> None:
    """Print how the boxes compare, 3.4.0 first in each pair."""
    print(f"\n{name}; in each pair 3.4.0 is first\n")
    print(
        "| z | correlation of densities | T_s mean / K | T_s deviation / K | T_k mean / K "
        "| x_HI mean | ionised in one only | T_b mean / mK |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for at, node in enumerate(nodes):
        pair = {field: (there[f"box_{field}"][at], here[f"box_{field}"][at]) for field in FIELDS}
        same = np.corrcoef(*(box.ravel() for box in pair["density"]))[0, 1]
        spin = pair["spin_temperature"]
        flipped = np.mean(
            (pair["neutral_fraction"][0] > 0.5) != (pair["neutral_fraction"][1] > 0.5)
        )
        cells = [
            f"{node:.2f}",
            f"{same:.5f}",
            "{:.2f}, {:.2f}".format(*(np.mean(box) for box in spin)),
            "{:.2f}, {:.2f}".format(*(np.std(box) for box in spin)),
            "{:.2f}, {:.2f}".format(*(np.mean(box) for box in pair["kinetic_temperature"])),
            "{:.4f}, {:.4f}".format(*(np.mean(box) for box in pair["neutral_fraction"])),
            f"{flipped:.1e}",
            "{:.2f}, {:.2f}".format(*(np.mean(box) for box in pair["brightness_temp"])),
        ]
        print(f"| {' | '.join(cells)} |")
    print(f"\n{name}: Delta^2 of T_b relative to 3.4.0\n")
    shells = [f"k = {low:.2g} to {high:.2g}" for low, high in pairwise(EDGES)]
    print(f"| z | {' | '.join(shells)} |")
    print("|---" * (len(shells) + 1) + "|")
    for at, node in enumerate(nodes):
        ratio = ratios(here, there, at, length, EDGES)
        print(f"| {node:.2f} | {' | '.join(f'{value:.3f}' for value in ratio)} |")


def ratios(here: Boxes, there: Boxes, at: int, length: float, edges: np.ndarray) -> np.ndarray:
    """Delta^2 of T_b, relative to 3.4.0."""
    mine, other = (
        spectrum(boxes["box_brightness_temp"][at], length, edges) for boxes in (here, there)
    )
    return mine / np.where(other > 0, other, np.nan)


def draw(path: Path, nodes: np.ndarray, length: float, all_boxes: dict) -> None:
    """Ratios of Delta^2, one panel a model, one line a redshift."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(all_boxes), figsize=(9, 3.8), sharey=True, layout="constrained"
    )
    middle = np.sqrt(FINE_EDGES[1:] * FINE_EDGES[:-1])
    colours = pyplot.get_cmap("viridis")(np.linspace(0, 0.92, len(nodes)))
    for panel, (name, (here, there)) in zip(panels, all_boxes.items(), strict=True):
        panel.axhspan(0.95, 1.05, color="0.9")
        panel.axhline(1, color="0.6", lw=0.8)
        for at, node in enumerate(nodes):
            ratio = ratios(here, there, at, length, FINE_EDGES)
            panel.plot(middle, ratio, "o-", ms=3, color=colours[at], label=f"z = {node:.1f}")
        panel.set(xscale="log", xlabel="k / (1/Mpc)", title=name)
        panel.set_xticks((0.1, 0.2, 0.4, 0.8), ("0.1", "0.2", "0.4", "0.8"))
        panel.set_xticks((), minor=True)
    panels[0].set_ylabel("Δ² of T_b / that of 3.4.0")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    figure.suptitle(f"21cmfast {simulate.version()} and 3.4.0, same initial conditions; grey: 5 %")
    figure.savefig(path, dpi=150)


def compare(arguments: argparse.Namespace) -> None:
    """Run both, print tables, draw the figure."""
    settings = simulation(arguments.cells, arguments.length, arguments.uniform_start)
    nodes = np.array(simulate.node_redshifts(settings))
    keep = [int(np.argmin(np.abs(nodes - redshift))) for redshift in REDSHIFTS]
    print(
        f"21cmfast {simulate.version()} and 21cmFAST 3.4.0; {arguments.cells}^3 cells, "
        f"{arguments.length:g} Mpc, {len(nodes)} nodes from z = {nodes[0]:.2f} to {nodes[-1]:.2f}, "
        f"first temperature box {'uniform' if arguments.uniform_start else 'perturbed'}"
    )
    all_boxes = {}
    for name, parameters in PARAMETERS.items():
        here = ours(settings, parameters, keep)
        there = theirs(
            settings,
            parameters,
            keep,
            arguments.at / "bin" / "python",
            arguments.cache,
            arguments.uniform_start,
        )
        all_boxes[name] = here, there
        table(name, nodes[keep], arguments.length, here, there)
        off = np.abs(here["mean_neutral_fraction"] - there["mean_neutral_fraction"]).max()
        print(f"\n{name}, all nodes: the mean x_HI differs by up to {off:.4f}")
    if arguments.figure:
        draw(Path(arguments.figure), nodes[keep], arguments.length, all_boxes)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("verb", choices=("setup", "compare"))
    parser.add_argument("--at", type=Path, default=ROOT / ".venv-v3", help="3.4.0's environment")
    parser.add_argument("--python", default="python3.11", help="what to build it with")
    parser.add_argument("--cells", type=int, default=64)
    parser.add_argument("--length", type=float, default=96.0, help="Mpc; at least 45")
    parser.add_argument(
        "--uniform-start",
        action="store_true",
        help="where the installed 21cmfast can: 4.2 or later",
    )
    parser.add_argument("--cache", type=Path, help="directory that keeps 3.4.0's boxes")
    parser.add_argument("--figure", default=str(ROOT / "docs" / "figures" / "version3.png"))
    arguments = parser.parse_args()
    if arguments.verb == "setup":
        setup(arguments.at, arguments.python)
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
