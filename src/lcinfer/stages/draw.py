"""What the rules `draw_...` do: products in, figures with their stamps out."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .. import figures
from ..config.parameters import shown
from ..evaluation import trials
from ..evaluation.calibration import calibration_of
from ..evaluation.evaluate import read_predictions
from ..evaluation.posteriors import read_posteriors
from ..evaluation.predict import load_trained
from ..evaluation.responses import filters, reach, responses
from ..images import cutting as images
from ..lightcones import store
from ..products.databases import Inputs
from ..products.mcmc import McmcRun
from ..products.networks import EvaluationRun, SweepRun
from ..products.run import Run
from ..products.shown import COMPARED, EXAMPLES, SCHEME
from ..records.record import recorded
from ..records.stamp import stamp
from ..simulator.lightcone import coordinates
from ..training.checkpoint import Checkpoint
from ..training.networks.layers import layers

LIGHT_CONES_SHOWN = 50  # whose signal is beside the noise: more tell nothing new
Drawn = Iterator[tuple[str, Any]]
"""Names of figures, and matplotlib's figures."""


def draw_figures(run: Run, what: str) -> None:
    """Draw the figures of a training, a sweep or an instrument, of all posteriors, of the mocks
    (``examples``), or of how images are cut (``scheme``)."""
    product, read = run.figures[what], []
    if what in run.sweeps:
        sweep = run.sweeps[what]
        drawn, read = _of_sweep(run, sweep), sweep.needed
    elif what in run.instruments:
        drawn, read = _of_instrument(run.instruments[what]), product.needed
    elif what in run.evaluations:
        scored = run.evaluations[what]
        drawn = _of_training(run, scored)
        read = [scored.training.checkpoint, *scored.outputs]
        read += [scored.mock_inputs[name].sealed for name in run.responses]
    elif what == EXAMPLES:
        drawn, read = _examples(run), product.needed
    elif what == SCHEME:
        drawn = _slicing(run)
    else:
        drawn, read = _of_posteriors(run), product.needed
    with recorded(product, "draw", [*product.outputs, *product.optional], read):
        for name, figure in drawn:
            metadata = {"Software": "lcinfer", **stamp(product)}
            figures.save(figure, product.directory / name, run.config.figures, metadata)


def _examples(run: Run) -> Drawn:
    group = images.open_store(run.mock_images[run.examples[0]])
    shown_to = _first_images(run.mock_images, run.examples)
    figure = figures.draw_examples(
        {f"{name} galaxies": image for name, image in shown_to.items()},
        redshift=store.values(group, "redshift"),
        distance=store.values(group, "distance"),
        cell_size=run.config.database.box.cell_size,
        brightness_range=run.config.figures.brightness_range,
    )
    yield EXAMPLES, figure


def _slicing(run: Run) -> Drawn:
    database, cut = run.config.database, run.config.images
    redshift, _ = coordinates(database)
    figure = figures.draw_slicing(
        planes=images.planes(database.box, cut),
        axes=cut.axes,
        halves=cut.halves,
        cells=(database.box.cells, database.lightcone.cells),
        along=run.config.image_shape[1],
        cell_size=database.box.cell_size,
        redshifts=(float(redshift[0]), float(redshift[-1])),
    )
    yield "slicing", figure


def _of_instrument(seen: Inputs) -> Drawn:
    group, labelled = images.open_store(seen), images.open_labelled(seen).signal
    there = [index for index in range(labelled.light_cones) if index not in labelled.failed]
    signal = [
        cones.std(axis=(1, 2))
        for cones in labelled.blocks(there[:LIGHT_CONES_SHOWN], labelled.per_lightcone)
    ]
    redshift, noise = (store.values(group, name) for name in ("redshift", images.RMS))
    yield "noise", figures.draw_noise(redshift, noise, np.concatenate(signal))


def _of_sweep(run: Run, sweep: SweepRun) -> Drawn:
    tried = trials.results(sweep)
    if sweep.sweep.scored_on == "validation":
        yield "sweep", figures.draw_study(sweep.sweep, tried)
    elif "instrument" in sweep.sweep.vary and sweep.sweep.vary.keys() <= {"instrument", "seed"}:
        yield "sweep", figures.draw_observing(tried, run.config.database.prior)
    else:
        averaged = [trend for trend in trials.trends(tried) if trend.prediction == "average"]
        yield "sweep", figures.draw_learning(averaged)


def _of_training(run: Run, scored: EvaluationRun) -> Drawn:
    trained = load_trained(scored.training.checkpoint)
    tested = read_predictions(scored.predictions)
    true, predicted, names = tested.true, tested.predicted[:, 0], tested.names
    rows = layers(scored.training.training.network, tuple(trained.image_shape), len(names))
    yield "architecture", figures.draw_architecture(rows, names)
    columns = ("epoch", "training_loss", "validation_loss", "learning_rate")
    epoch, *history = ([row[column] for row in trained.history] for column in columns)
    yield "loss", figures.draw_loss(epoch, *history, density=scored.has_posterior)
    scores = json.loads(scored.scores.read_text(encoding="utf-8"))["one_image"]
    mocks = {}
    for name in scored.mock_inputs:
        recovered = read_predictions(scored.mock_predictions(name))
        mocks[name] = (recovered.true[0], recovered.predicted[:, 0])
    recovery = figures.draw_recovery(
        *(true, predicted, names, run.config.database.prior),
        mocks=mocks,
        scores={name: (it["r2"], it["low"], it["high"]) for name, it in scores.items()},
        confidence=run.config.evaluation.confidence,
        bins=run.config.figures.bins,
    )
    yield "recovery", recovery
    yield "residuals", figures.draw_residuals(true, predicted, names)
    if scored.training.training.input != "images":
        return
    one = trained.first
    yield "filters", figures.draw_filters(filters(one))
    if run.mocks:
        yield from _responses(run, one, scored.mock_inputs)


def _of_posteriors(run: Run) -> Drawn:
    prior = run.config.database.prior
    methods: dict[str, EvaluationRun | McmcRun] = {**run.evaluations, **run.mcmc}
    of_each = {}
    for name in run.config.tested:
        tested = read_posteriors(methods[name].posterior)
        of_each[name] = dict(zip(tested.light_cones.tolist(), tested.log_density, strict=True))
        calibrated = calibration_of(tested, run.config.evaluation)
        yield f"calibration_{name}", figures.draw_calibration(calibrated, tested.names)
        shown_as = (tested.truth, tested.samples, tested.names, prior)
        yield f"posterior_{name}", figures.draw_posteriors(*shown_as, bins=run.config.figures.bins)
    if len(of_each) > 1:
        of_all = sorted(set.intersection(*map(set, of_each.values())))
        leading = next((name for name in run.config.corners if name in of_each), None)
        named = sorted(of_each, key=lambda name: name != leading)
        compared = {name: [of_each[name][index] for index in of_all] for name in named}
        yield COMPARED, figures.draw_compared(compared)
    worth = {name: float(np.mean([*found.values()])) for name, found in of_each.items()}
    for mock in sorted(run.mocks):
        paths = {name: methods[name].mock_posterior(mock) for name in run.config.corners}
        found = {name: read_posteriors(path) for name, path in paths.items()}
        first = next(iter(found.values()))
        samples = {name: each.samples[0] for name, each in found.items()}
        others = {name: each.samples[1:] for name, each in found.items()}
        count = len(first.light_cones)
        yield (
            f"corner_{mock}",
            figures.draw_corner(
                *(samples, first.truth[0], first.names, prior),
                title=f"{mock}, the first of {count} light-cones" if count > 1 else mock,
                log_density=worth,
                others=others if count > 1 else None,
            ),
        )


def _responses(run: Run, trained: Checkpoint, mocks: dict[str, Inputs]) -> Drawn:
    shown_to = _first_images(mocks, run.responses)
    heard = responses(trained, np.stack(list(shown_to.values())))
    titles = [_title(run, mock) for mock in shown_to]
    first, *_ = heard.values()
    figure = figures.draw_responses(
        dict(zip(titles, shown_to.values(), strict=True)),
        dict(zip(titles, first, strict=True)),
        store.values(images.open_store(mocks[run.responses[0]]), "redshift"),
        run.config.figures.brightness_range,
        reach(trained),
    )
    yield "responses", figure
    means = {
        layer: {
            title: output.reshape(len(output), -1).mean(axis=1)
            for title, output in zip(titles, outputs, strict=True)
        }
        for layer, outputs in heard.items()
    }
    yield "activations", figures.draw_activations(means)


def _first_images(mocks: Mapping[str, Inputs], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """(transverse, line of sight) the first image of the first light-cone of each mock, in mK."""
    return {name: images.open_labelled(mocks[name]).read([0], 1)[0, 0] for name in names}


def _title(run: Run, mock: str) -> str:
    """A mock's name and parameters."""
    point = run.config.mocks[mock].parameters
    values = (shown(name).equal_to(point[name]) for name in run.database.design.names)
    return f"{mock}: {', '.join(values)}"
