"""Draws docs/figures/pipeline.svg, the picture of the pipeline in README.md.

python docs/figures/pipeline.py [FILE]
"""

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

WIDE, HIGH, GAP = 2.0, 1.35, 0.5  # of a box
INK, MADE, READ = "#1f2933", "#dbe7f3", "#f3e9d8"
STEPS = (
    ("configuration", "one YAML file:\nprior, box, networks", "lcinfer check"),
    ("light-cones", "21cmFAST over MPI\nand SLURM, in Zarr", "lcinfer status"),
    ("images", "planes along the\nline of sight", ""),
    ("networks", "PyTorch, trained and\ntested on light-cones", "lcinfer network"),
    ("results", "R2 with intervals,\nfigures, report", "lcinfer scores"),
)


def box(axes, left, bottom, head, text, colour):
    """A box with a head and two lines."""
    shape = FancyBboxPatch(
        (left, bottom), WIDE, HIGH, boxstyle="round,pad=0,rounding_size=0.1", fc=colour, ec=INK
    )
    axes.add_patch(shape)
    middle = left + WIDE / 2
    axes.text(middle, bottom + 1.02, head, ha="center", va="center", weight="bold", color=INK)
    axes.text(middle, bottom + 0.45, text, ha="center", va="center", fontsize=8, color=INK)


def arrow(axes, start, end, line="-"):
    """From one point to another."""
    drawn = FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=13, color=INK, linestyle=line
    )
    axes.add_patch(drawn)


def draw(file):
    """Write the picture."""
    mpl.rcParams |= {"font.size": 10, "svg.hashsalt": "lcinfer", "svg.fonttype": "path"}
    figure, axes = plt.subplots(figsize=(10.2, 3.4))
    for number, (head, text, verb) in enumerate(STEPS):
        left = number * (WIDE + GAP)
        box(axes, left, 0, head, text, MADE)
        axes.text(left + WIDE / 2, HIGH + 0.18, verb, ha="center", fontsize=8, family="monospace")
        if number:
            arrow(axes, (left - GAP, HIGH / 2), (left, HIGH / 2))
    networks = 3 * (WIDE + GAP)
    observed = networks - WIDE - GAP
    told = networks + WIDE + GAP
    below = -1.95
    box(
        axes,
        observed,
        below,
        "an observation",
        "a light-cone in a file\nor an array, in mK",
        READ,
    )
    box(axes, told, below, "its parameters", "with intervals from\nthe test light-cones", READ)
    arrow(axes, (observed + WIDE, below + HIGH / 2), (told, below + HIGH / 2))
    arrow(axes, (networks + WIDE / 2, 0), (networks + WIDE / 2, below + HIGH / 2 + 0.08), "--")
    verb = "lcinfer infer"
    axes.text(networks + WIDE / 2, below + 0.38, verb, ha="center", fontsize=8, family="monospace")
    axes.text(0, below + 0.98, "lcinfer audit", fontsize=8, family="monospace")
    axes.text(
        0,
        below + 0.35,
        "walks back from any figure or table to\nvoxels, configuration and code",
        fontsize=8,
        color=INK,
    )
    axes.set(xlim=(-0.1, 5 * WIDE + 4 * GAP + 0.1), ylim=(below - 0.1, HIGH + 0.45), aspect="equal")
    axes.axis("off")
    figure.savefig(
        file,
        bbox_inches="tight",
        metadata={"Date": None} if file.suffix == ".svg" else None,
        dpi=110,
    )


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).with_suffix(".svg"))
