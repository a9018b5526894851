"""Figures and choices behind docs/posteriors.md, from the results of a configuration.

    python benchmarks/posteriors.py corner config/beyond.yaml FAINT corner.png images spectra
    python benchmarks/posteriors.py widths config/beyond.yaml cylindrical
    python benchmarks/posteriors.py bases config/beyond.yaml images
    python benchmarks/posteriors.py members config/beyond.yaml images_three
    python benchmarks/posteriors.py times config/beyond.yaml images

``corner`` draws a mock's posteriors over one another, of networks and likelihoods that are made
already; the run's own figure waits for all. ``widths`` compares emulators of other hidden layers by
training light-cones that each of their networks has not seen. ``bases`` compares what a flow can
stretch by validation light-cones to which it was not fitted: ten times in five parts, each by a
base that is fitted to the other four. ``members`` tests an ensemble, the same without the widths
that it sets together, and each of its networks; TARP with the scatter of five seeds. ``times`` says
what `lcinfer infer` spends its time on, with one light-cone of a mock; no start, no imports; the
best of three.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lcinfer import figures
from lcinfer.config import load
from lcinfer.evaluation.calibration import calibration_of
from lcinfer.evaluation.posteriors import read_posteriors
from lcinfer.evaluation.predict import Guess, posteriors, sampled
from lcinfer.images import cutting
from lcinfer.images.sets import divide
from lcinfer.infer import recover
from lcinfer.infer.agreement import cut_like
from lcinfer.infer.files import observations
from lcinfer.infer.posterior import COUNT, SEED
from lcinfer.infer.recover import BATCH
from lcinfer.likelihood.emulator import fit
from lcinfer.products.run import Run
from lcinfer.training import checkpoint as checkpoints
from lcinfer.training.learner import apply, apply_together
from lcinfer.training.loop import validation_set
from lcinfer.training.networks import base

REPEATS = 3
PARTS, REPEATS_OF_PARTS = 5, 10
SCATTERS = 5
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


def bases(run: Run, name: str) -> None:
    """Mean log densities of validation light-cones in nats."""
    made = run.trainings[name]
    trained = checkpoints.load(made.checkpoint)
    labelled = cutting.open_labelled(made.inputs)
    network = trained.trained_network(torch.device("cpu"))
    kept = divide(made.split, labelled.light_cones, labelled.failed).validation
    of = (made.training, kept, labelled, trained.fitted_normalisation())
    images, targets = validation_set(*of)
    features = apply_together(network.trunk, images)
    with torch.no_grad():
        there, *stretched = network.head.taken(features, targets)
    there, stretched = there.double(), sum(stretched).double()
    standard, unseen = base.log_density(there) + stretched, torch.zeros_like(stretched)
    for repeat in range(REPEATS_OF_PARTS):
        order = torch.randperm(len(there), generator=torch.Generator().manual_seed(repeat))
        for part in order.chunk(PARTS):
            root = base.gaussian(there[~torch.isin(torch.arange(len(there)), part)])
            density = base.log_density(there[part], root) + stretched[part]
            unseen[part] += density / REPEATS_OF_PARTS
    more = unseen - standard
    error = more.std() / len(more) ** 0.5
    print(f"{name}: a standard normal {standard.mean():.2f} nats", end=", ")
    print(f"a Gaussian of the validation set {more.mean():+.2f} +- {error:.2f}")


def members(run: Run, name: str) -> None:
    """Log densities, verdicts and coverage on the test light-cones."""
    made, asked = run.trainings[name], run.config.evaluation
    trained = checkpoints.load(made.checkpoint)
    labelled = cutting.open_labelled(made.inputs)
    sets = divide(made.split, labelled.light_cones, labelled.failed)
    guess = Guess.fitted(labelled, sets.validation)
    apart = replace(trained, widths=[])
    each = {"as it is": trained, "widths apart": apart}
    for number, state in enumerate(trained.members, start=1):
        each[f"network {number}"] = replace(apart, members=[state])
    for what, one in each.items():
        found = posteriors(one, labelled, sets.test, asked, guess)
        tested = [
            calibration_of(found, asked.model_copy(update={"seed": asked.seed + more}))
            for more in range(SCATTERS)
        ]
        first, tarp = tested[0], ", ".join(f"{it.tarp:.2g}" for it in tested)
        held = " ".join(f"{it:.2f}" for it in first.coverage(0.68))
        density = found.log_density.mean()
        print(f"{what:13}{density:6.2f} nats, {first.verdict} p = {first.p:.2g}", flush=True)
        print(f"{'':13}68 % hold {held}; SBC {first.sbc.round(4)}; TARP {tarp}")


def times(run: Run, name: str, threads: int) -> None:
    """Seconds on the clock, and of processors, of a training's posterior of one light-cone."""
    torch.set_num_threads(threads)
    trained = run.trainings[name].checkpoint
    cone = f"{next(iter(run.mocks.values())).store}:0"
    taken: dict[str, list[tuple[float, float]]] = {}

    def timed(what, work):
        began = time.perf_counter(), time.process_time()
        made = work()
        spent = time.perf_counter() - began[0], time.process_time() - began[1]
        taken.setdefault(what, []).append(spent)
        return made

    def read(instrument):
        (cube,) = observations(cone)
        return replace(cube, instrument=instrument)

    def once():
        known = timed("the checkpoint", lambda: recover.load(trained, "cpu", None, 0.68))
        checkpoint, network, normalisation = known.checkpoint, known.network, known.normalisation
        cube = timed("reading", lambda: read(checkpoint.instrument.get("name", "")))
        cut = timed("cutting", lambda: cut_like(cube, known.geometry, normalisation))
        images = normalisation.images(cut)
        features = timed("the network", lambda: apply(network.trunk, images, together=BATCH))
        timed("10,000 samples", lambda: sampled(checkpoint, network, features[None], COUNT, SEED))
        made = timed("all of it but reading", lambda: known.recover(cube, BATCH))
        timed("the table", lambda: recover.table(made, known))
        timed("1,000 samples from each image", lambda: made.posterior.alone)
        return len(images)

    for _ in range(REPEATS):
        images = once()
    print(f"{name}, {images} images, {threads} threads\n")
    print("| what | best / s | processor time / s |\n|---|---|---|")
    for what, each in taken.items():
        print(
            "| {} | {:.2f} | {:.2f} |".format(what, *map(min, zip(*each, strict=True))), flush=True
        )


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True, dest="verb")
    for verb in ("corner", "widths", "bases", "members", "times"):
        added = verbs.add_parser(verb)
        added.add_argument("config", type=Path)
        added.add_argument("of", help="a mock, a section of `spectra`, or a training")
        added.add_argument("--results", type=Path, default=Path("results"))
    verbs.choices["times"].add_argument("--threads", type=int, default=2)
    verbs.choices["corner"].add_argument("figure", type=Path)
    verbs.choices["corner"].add_argument("names", nargs="+", help="trainings, `mcmc`")
    options = parser.parse_args()
    run = Run(load(options.config), options.results)
    if options.verb == "corner":
        corner(run, options.of, options.figure, options.names)
    elif options.verb == "times":
        times(run, options.of, options.threads)
    else:
        {"bases": bases, "members": members, "widths": widths}[options.verb](run, options.of)


if __name__ == "__main__":
    main()
