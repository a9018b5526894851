"""What the rules of figures do: read products, draw them, keep the files with their stamps."""

import json
from typing import Any

import numpy as np

from .. import figures
from ..config.parameters import shown
from ..evaluation import trials
from ..evaluation.evaluate import Predictions, read_predictions
from ..evaluation.predict import load_trained
from ..evaluation.responses import filters, reach, responses
from ..images import cutting as images
from ..lightcones import store
from ..products.networks import EvaluationRun
from ..products.run import Run
from ..products.shown import EXAMPLES, RESPONSE_FIGURES, SCHEME
from ..records.record import recorded
from ..records.stamp import stamp
from ..simulator.lightcone import coordinates
from ..training.checkpoint import Checkpoint
from ..training.networks.layers import layers


def draw_figures(run: Run, what: str) -> None:
    """Draw the figures of a training or of a sweep, of the mocks (``examples``), or of how
    images are cut (``scheme``)."""
    drawn = run.figures[what]
    if what in run.sweeps:
        with recorded(drawn, "draw", drawn.outputs, run.sweeps[what].needed):
            _draw_sweep(run, what)
    elif what == EXAMPLES:
        read = [run.mock_images[name].sealed for name in run.examples]
        with recorded(drawn, "draw", drawn.outputs, read):
            _draw_examples(run)
    elif what == SCHEME:
        with recorded(drawn, "draw", drawn.outputs):
            _draw_slicing(run)
    else:
        evaluation = run.evaluations[what]
        read = [evaluation.training.checkpoint, evaluation.predictions, evaluation.scores]
        read += [evaluation.mock_predictions(mock.name) for mock in evaluation.mocks]
        read += [run.mock_images[name].sealed for name in run.responses]
        with recorded(drawn, "draw", drawn.outputs, read):
            _draw_training(run, what)


def _draw_training(run: Run, training: str) -> None:
    evaluation = run.evaluations[training]
    trained = load_trained(evaluation.training.checkpoint)
    tested = read_predictions(evaluation.predictions)
    network = evaluation.training.training.network
    rows = layers(network, run.config.image_shape, len(tested.names))
    _save(run, figures.draw_architecture(rows, tested.names), training, "architecture")
    _draw_loss(run, training, trained)
    _draw_recovery(run, training, evaluation, tested)
    residuals = figures.draw_residuals(tested.true, tested.predicted[:, 0], tested.names)
    _save(run, residuals, training, "residuals")
    _save(run, figures.draw_filters(filters(trained)), training, "filters")
    if set(RESPONSE_FIGURES) <= set(run.figures[training].figures):
        _draw_responses(run, training, trained)


def _draw_sweep(run: Run, what: str) -> None:
    sweep = run.sweeps[what]
    tried = trials.results(sweep)
    if sweep.sweep.scored_on == "validation":
        figure = figures.draw_study(sweep.sweep, tried)
    else:
        averaged = [trend for trend in trials.trends(tried) if trend.prediction == "average"]
        figure = figures.draw_learning(averaged)
    _save(run, figure, what, "sweep")


def _first_images(run: Run, mocks: tuple[str, ...]) -> dict[str, np.ndarray]:
    """(transverse, line of sight) the first image of the first light-cone of each mock, in mK."""
    opened = {name: images.open_store(run.mock_images[name]) for name in mocks}
    return {name: store.values(group, images.IMAGES, 1)[0, 0] for name, group in opened.items()}


def _draw_examples(run: Run) -> None:
    group = images.open_store(run.mock_images[run.examples[0]])
    figure = figures.draw_examples(
        {f"{name} galaxies": image for name, image in _first_images(run, run.examples).items()},
        redshift=store.values(group, "redshift"),
        distance=store.values(group, "distance"),
        cell_size=run.config.database.box.cell_size,
        brightness_range=run.config.figures.brightness_range,
    )
    _save(run, figure, EXAMPLES, EXAMPLES)


def _draw_slicing(run: Run) -> None:
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
    _save(run, figure, SCHEME, "slicing")


def _draw_loss(run: Run, training: str, trained: Checkpoint) -> None:
    columns = ("epoch", "training_loss", "validation_loss", "learning_rate")
    figure = figures.draw_loss(*([row[column] for row in trained.history] for column in columns))
    _save(run, figure, training, "loss")


def _draw_recovery(run: Run, training: str, evaluation: EvaluationRun, tested: Predictions) -> None:
    scores = json.loads(evaluation.scores.read_text(encoding="utf-8"))["one_image"]
    mocks = {}
    for mock in evaluation.mocks:
        recovered = read_predictions(evaluation.mock_predictions(mock.name))
        mocks[mock.name] = (recovered.true[0], recovered.predicted[:, 0])
    figure = figures.draw_recovery(
        tested.true,
        tested.predicted[:, 0],
        tested.names,
        run.config.database.prior,
        mocks=mocks,
        scores={name: (score["r2"], score["low"], score["high"]) for name, score in scores.items()},
        confidence=run.config.evaluation.confidence,
        bins=run.config.figures.bins,
    )
    _save(run, figure, training, "recovery")


def _draw_responses(run: Run, training: str, trained: Checkpoint) -> None:
    shown_to = _first_images(run, run.responses)
    heard = responses(trained, np.stack(list(shown_to.values())))
    titles = [_title(run, mock) for mock in shown_to]
    first, *_ = heard.values()
    redshift = store.values(images.open_store(run.mock_images[run.responses[0]]), "redshift")
    figure = figures.draw_responses(
        dict(zip(titles, shown_to.values(), strict=True)),
        dict(zip(titles, first, strict=True)),
        redshift,
        run.config.figures.brightness_range,
        reach(trained),
    )
    _save(run, figure, training, "responses")
    means = {
        layer: {
            title: output.reshape(len(output), -1).mean(axis=1)
            for title, output in zip(titles, outputs, strict=True)
        }
        for layer, outputs in heard.items()
    }
    _save(run, figures.draw_activations(means), training, "activations")


def _title(run: Run, mock: str) -> str:
    """A mock's name and parameters."""
    point = run.config.mocks[mock].parameters
    values = (shown(name).equal_to(point[name]) for name in run.database.design.names)
    return f"{mock}: {', '.join(values)}"


def _save(run: Run, figure: Any, what: str, name: str) -> None:
    drawn = run.figures[what]
    metadata = {"Software": "lcinfer", **stamp(drawn)}
    figures.save(figure, drawn.stem(name), run.config.figures, metadata)
