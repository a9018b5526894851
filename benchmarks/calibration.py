"""How often the calibration gate fails posteriors that are right, and several that are wrong.

    python benchmarks/calibration.py [--repeats 200] [--light-cones 200 1000]

On four parameters whose posterior is known exactly, with 200 samples each. Prints the share of
repeats in which each test alone, at 5 %, and the gate reject. TARP with references drawn at random,
as it is often used, stands beside the gate's own.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

from support.toy_posteriors import CASES, toy  # noqa: E402

from lcinfer.evaluation.calibration import FALSE_ALARMS, calibration  # noqa: E402


def rejected(seed: int, number: int, case: str) -> list[bool]:
    """By SBC, TARP with random references, TARP with the gate's, the gate; of one repeat."""
    made = toy(seed, number, **CASES[case])
    found = calibration(*made)
    anywhere = made._replace(reference=made.generator.random(made.reference.shape))
    random = calibration(*anywhere).tarp
    worst = (found.sbc.size * found.sbc.min(), random, found.tarp, found.p)
    return [bool(p < FALSE_ALARMS) for p in worst]


def main() -> None:
    """Print a table for each number of light-cones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--light-cones", type=int, nargs="+", default=[200])
    options = parser.parse_args()
    for number in options.light_cones:
        print(f"| {number} light-cones | SBC | TARP, random references | TARP | gate |")
        print("|---|---|---|---|---|")
        for case in CASES:
            share = np.mean([rejected(it, number, case) for it in range(options.repeats)], axis=0)
            print(f"| {case} | {' | '.join(f'{it:.2f}' for it in share)} |", flush=True)


if __name__ == "__main__":
    main()
