"""Figures and choices behind docs/posteriors.md, from the results of a configuration.

    python benchmarks/posteriors.py corner config/beyond.yaml FAINT corner.png images spectra
    python benchmarks/posteriors.py widths config/beyond.yaml cylindrical

``corner`` draws a mock's posteriors over one another, of networks and likelihoods that are made
already; the run's own figure waits for all. ``widths`` compares emulators of other hidden layers by
training light-cones that each of their networks has not seen.
"""

import argparse
from pathlib import Path

import numpy as np

from lcinfer import figures
from lcinfer.config import load
from lcinfer.evaluation.posteriors import read_posteriors
from lcinfer.images import cutting
from lcinfer.images.sets import divide
from lcinfer.likelihood.emulator import fit
from lcinfer.products.run import Run

HIDDEN = ((32, 32), (64, 64), (128, 128))


def corner(run: Run, mock: str, path: Path, names: list[str]) -> None:
    """The first light-cone of a mock; prints the log densities at the truth of all."""
    methods = {**run.evaluations, **run.mcmc}
    found = {name: read_posteriors(methods[name].mock_posterior(mock)) for name in names}
    first = found[names[0]]
    worth = {
        name: read_posteriors(run.evaluations[name].posterior).log_density.mean()
        for name in names
        if name in run.evaluations
    }
    samples = {name: each.samples[0] for name, each in found.items()}
    others = {name: each.samples[1:] for name, each in found.items()}
    what = (samples, first.truth[0], first.names, run.config.database.prior)
    title = f"{mock}, the first of {len(first.light_cones)} light-cones"
    drawn = figures.draw_corner(*what, title=title, log_density=worth, others=others)
    drawn.savefig(path, dpi=110)
    for name, each in found.items():
        print(f"{name:16}{each.log_density.mean():8.2f} nats: {each.log_density.round(2)}")


def widths(run: Run, name: str) -> None:
    """Rms of unseen training light-cones about emulators, in dex."""
    spectra = cutting.open_labelled(run.spectra[f"{name}.{run.database.name}"])
    taken = divide(run.config.split, spectra.light_cones, spectra.failed).training
    measured = spectra.read(taken, 1).reshape(len(taken), -1).astype(float)
    parameters = np.asarray(spectra.parameters[list(taken)], float)
    low, high = np.array([spectra.prior[each] for each in spectra.names], float).T
    for hidden in HIDDEN:
        _, unseen = fit(parameters, measured, low, high, hidden, seed=1)
        print(f"hidden {hidden}: {np.sqrt(np.square(unseen).mean()):.3f} dex", flush=True)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True, dest="verb")
    for verb in ("corner", "widths"):
        added = verbs.add_parser(verb)
        added.add_argument("config", type=Path)
        added.add_argument("of", help="a mock, or a section of `spectra`")
    verbs.choices["corner"].add_argument("figure", type=Path)
    verbs.choices["corner"].add_argument("names", nargs="+", help="trainings, `mcmc`")
    options = parser.parse_args()
    run = Run(load(options.config))
    if options.verb == "corner":
        corner(run, options.of, options.figure, options.names)
    else:
        widths(run, options.of)


if __name__ == "__main__":
    main()
