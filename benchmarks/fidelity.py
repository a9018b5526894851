"""FAINT's global history against the one that GM18's authors publish.

    python benchmarks/fidelity.py

A 96 Mpc box of 64^3 cells, one seed, sigma8 = 0.82 as the published mock; tests/physics holds
the bounds.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "physics"))

from heavy import FAINT, ours
from test_simulate import FAINT_PUBLISHED, HALF_NEUTRAL_AT, PUBLISHED, TROUGH_AT, TROUGH_DEPTH


def main() -> None:
    """See the module's docstring."""
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


if __name__ == "__main__":
    main()
