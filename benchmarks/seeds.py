"""A configuration with each of its trainings repeated for several seeds, on the same database.

python benchmarks/seeds.py config/demo.yaml 1 2 3 >results/seeds.yaml
snakemake --profile profiles/local --configfile results/seeds.yaml
lcinfer scores results/seeds.yaml
"""

import argparse
import sys
from pathlib import Path

import yaml


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("seeds", type=int, nargs="+")
    options = parser.parse_args()
    settings = yaml.safe_load(options.config.read_text(encoding="utf-8"))
    settings["name"] += "_seeds"
    settings["trainings"] = {
        f"{name}_seed_{seed}": {**training, "seed": seed}
        for name, training in settings["trainings"].items()
        for seed in options.seeds
    }
    yaml.safe_dump(settings, sys.stdout, sort_keys=False)


if __name__ == "__main__":
    main()
