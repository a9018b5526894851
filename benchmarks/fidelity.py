"""FAINT against what Greig & Mesinger 2018 (GM18) publish of it: global history and power spectra.

    python benchmarks/fidelity.py history
    python benchmarks/fidelity.py spectra FOLDER --seed 1 --density scaled    # and other seeds
    python benchmarks/fidelity.py draw FOLDER

``history``: a 96 Mpc box of 64^3 cells, one seed, sigma8 = 0.82 as the published mock;
tests/physics holds the bounds. ``spectra``: a box of ``--cells`` cells of 1.5 Mpc, in the mocks'
cosmology, one light-cone for each treatment of peculiar velocities from one run of the coeval
boxes, with whatever 21cmfast is installed. ``draw``: tables and a figure of what is in FOLDER.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "physics"))

from support.heavy import FAINT, ours, simulation
from support.spectra import CELL, GM18_COSMOLOGY, NEAR_SIDES, published, relative
from test_simulate import FAINT_PUBLISHED, HALF_NEUTRAL_AT, PUBLISHED, TROUGH_AT, TROUGH_DEPTH

TREATMENTS = ("none", "gradient", "shift", "both", "subcell")
ALONG = 2090  # cells, to z = 30
SHOWN = (0.1, 1.2)  # wavenumbers in 1/Mpc
TICKS = (0.25, 0.5, 1, 2)


def history() -> None:
    """Print the global history beside the published one."""
    cone = ours(PUBLISHED, FAINT)
    nodes = cone.node_redshift[::-1]
    neutral, brightness = cone.neutral_fraction[::-1], cone.global_brightness_temp[::-1]
    print("| z | x_HI published | x_HI here | T_b published / mK | T_b here / mK |")
    print("|---|---|---|---|---|")
    for redshift, its_neutral, its_brightness in FAINT_PUBLISHED:
        here = np.interp(redshift, nodes, neutral), np.interp(redshift, nodes, brightness)
        print(
            f"| {redshift:.2f} | {its_neutral:.4f} | {here[0]:.4f} "
            f"| {its_brightness:.2f} | {here[1]:.2f} |"
        )
    half = np.interp(0.5, neutral, nodes)
    deepest = int(np.argmin(brightness))
    print(f"\nx_HI = 0.5 at z = {half:.2f} (published {HALF_NEUTRAL_AT})")
    print(
        f"trough {brightness[deepest]:.1f} mK at z = {nodes[deepest]:.2f} "
        f"(published {TROUGH_DEPTH} mK at {TROUGH_AT})"
    )
    off = np.interp(FAINT_PUBLISHED[:, 0], nodes, neutral) - FAINT_PUBLISHED[:, 1]
    print(f"largest difference of x_HI: {np.abs(off).max():.3f}")


def spectra(folder: Path, cells: int, seed: int, density: str, threads: int) -> None:
    """Write the light-cones' spectra over the published to ``folder``."""
    from astropy import units
    from py21cmfast import RectilinearLightconer

    from lcinfer.simulator import gm18 as simulate
    from lcinfer.simulator.coeval import coeval_boxes
    from lcinfer.simulator.velocities import include_gradient, move_to_redshift_space

    settings = simulation(
        cells,
        CELL * cells,
        ALONG,
        cosmology=GM18_COSMOLOGY,
        simulator={"thermal_density": density, "threads": threads},
    )
    inputs = simulate.inputs_for(settings, FAINT, seed)
    _, distance = simulate.coordinates(settings)
    lightconer = RectilinearLightconer(
        lc_distances=distance * units.Mpc, cosmo=inputs.cosmo_params.cosmo
    )
    planes = simulate.Planes(lightconer, inputs)
    fields = ("brightness_temp", "velocity_z", "tau_21")
    cubes = {name: np.zeros((cells, cells, ALONG), np.float32) for name in fields}
    subcell = {"brightness_temp": np.zeros_like(cubes["velocity_z"])}
    previous = treated = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for box in coeval_boxes(inputs, simulate.scaled_from(settings)):
            own = box.brightness_temp.copy()
            simulate.treat_as_version_3(box, inputs)
            moved = _Box(box.redshift, box.brightness_temp.copy())
            box.brightness_temp[...] = own
            if previous is not None:
                planes.interpolate(box, previous, cubes)
                planes.interpolate(moved, treated, subcell)
            previous, treated = box, moved
    redshift = lightconer.lc_redshifts
    scales = simulate.scales_of(inputs, redshift)
    largest = inputs.astro_params.MAX_DVDR
    still, velocity, tau = (cubes[name] for name in fields)
    made = {name: still.copy() for name in TREATMENTS[:-1]} | {
        "subcell": subcell["brightness_temp"]
    }
    for name in ("gradient", "both"):
        include_gradient(made[name], velocity, tau, *scales, largest=largest)
    for name in ("shift", "both"):
        move_to_redshift_space(made[name], velocity, *scales)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / f"{simulate.version()}-{density}-{cells}-{seed}.npz",
        **{name: relative(cube, redshift) for name, cube in made.items()},
    )


class _Box:
    """What the planes of a light-cone are cut from."""

    def __init__(self, redshift: float, brightness_temp: np.ndarray) -> None:
        self.redshift, self.brightness_temp = redshift, brightness_temp


def draw(folder: Path, figure: Path) -> None:
    """Print a table for each version, density and number of cells, and draw all treatments."""
    import matplotlib.pyplot as plt

    found: dict[tuple[str, ...], list[Path]] = {}
    for path in sorted(folder.glob("*.npz")):
        found.setdefault(tuple(path.stem.rsplit("-", 1)[0].rsplit("-", 2)), []).append(path)
    wavenumber, _, _ = published()
    shown = (wavenumber > SHOWN[0]) & (wavenumber < SHOWN[1])
    mean = {}
    for key, paths in found.items():
        for treatment in TREATMENTS:
            each = np.array([np.load(path)[treatment] for path in paths])
            mean[*key, treatment] = each.mean(axis=0), each.std(axis=0)
        version, density, cells = key
        for treatment in ("gradient", "both", "subcell"):
            ratio, _ = mean[*key, treatment]
            print(f"\n{version}, density {density}, {cells}^3, {treatment}, {len(paths)} seeds\n")
            print("| section | " + " | ".join(f"{k:.2f}" for k in wavenumber[shown]) + " |")
            print("|---" * (1 + shown.sum()) + "|")
            for number, row in enumerate(ratio[:, shown]):
                print(f"| {number} | " + " | ".join(f"{value:.2f}" for value in row) + " |")
    panels = list(found)
    fig, axes = plt.subplots(
        len(panels),
        10,
        figsize=(15, 2.1 * len(panels) + 0.8),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, key in zip(axes, panels, strict=True):
        for section, axis in enumerate(row):
            axis.axhspan(0.7, 1.3, color="0.9")
            axis.axhline(1, color="0.5", linewidth=0.6)
            for treatment in TREATMENTS:
                ratio, spread = (part[section] for part in mean[*key, treatment])
                (line,) = axis.plot(wavenumber[shown], ratio[shown], label=treatment)
                axis.fill_between(
                    wavenumber[shown],
                    (ratio - spread)[shown],
                    (ratio + spread)[shown],
                    color=line.get_color(),
                    alpha=0.15,
                    linewidth=0,
                )
            axis.set(xscale="log", yscale="log", ylim=(0.15, 4))
            axis.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
            axis.minorticks_off()
        row[0].set_ylabel(f"{key[0]}\n{key[1]} density, {key[2]}$^3$\n$\\Delta^2$ / GM18's")
    for section, axis in enumerate(axes[0]):
        axis.set_title(f"{section}: from z = {NEAR_SIDES[section]:.1f}", fontsize=9)
    axes[-1][0].legend(fontsize=7)
    fig.supxlabel(r"$k$ / Mpc$^{-1}$")
    fig.savefig(figure, dpi=150)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["history", "spectra", "draw"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--density", choices=["own", "scaled"], default="scaled")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--figure", type=Path, default=Path("fidelity.png"))
    options = parser.parse_args()
    if options.what == "history":
        history()
    elif options.folder is None:
        parser.error(f"{options.what} needs a FOLDER")
    elif options.what == "spectra":
        spectra(options.folder, options.cells, options.seed, options.density, options.threads)
    else:
        draw(options.folder, options.figure)


if __name__ == "__main__":
    main()
