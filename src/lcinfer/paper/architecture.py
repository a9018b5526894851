"""Table 1: architecture and settings of the networks, read off the networks themselves."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from ..config.sections import Training
from ..products.run import Run
from ..text.styles import Style
from ..training.networks.architectures import build
from ..training.networks.layers import Layer, layers
from . import basis, published

Column = tuple[str, str]  # data dimension, number of weights; empty: there is none, or no weight


def table(run: Run, style: Style) -> str:
    """A row per layer and setting, two columns per network of the configuration, for programs per
    training.

    The sum of the weights is the network's own, and the paper's columns are what it prints.
    """
    names = list(published.LAYERS)
    networks = []
    for trainings in _together(run, apart=style.for_programs):
        rows = {row.name: row for row in _layers(run, next(iter(trainings.values())))}
        networks.append((trainings, rows))
        names = _merged(names, list(rows))
    columns = {"order": "Order", "layer": "Layer / step"}
    steps: dict[str, str] = {}
    for trainings, rows in networks:
        whose = f"{', '.join(map(style.code, trainings))}: " if len(networks) > 1 else ""
        columns |= _pair(next(iter(trainings)), whose)
        steps = {name: row.step for name, row in rows.items()} | steps
    cells = [_column(run, style, trainings, rows, names) for trainings, rows in networks]
    cells.append(_paper(style, names))
    columns |= _pair("paper", f"{published.ELSEWHERE}: ")
    labels = [*(_step(name, steps) for name in names), "Total number of unknowns"]
    orders = [*map(str, range(1, len(names) + 1)), ""]
    labels += published.SETTINGS
    orders += [""] * len(published.SETTINGS)
    body = [
        [
            order or style.nothing,
            style.text(label),
            *(cell or style.nothing for pair in pairs for cell in pair),
        ]
        for order, label, *pairs in zip(orders, labels, *cells, strict=True)
    ]
    whose = ", ".join(style.code(name) for name in run.config.trainings)
    caption = (
        f"Architecture and settings of the networks ({whose}), as Table 1 of "
        f"{style.cite_in_text('Gillet2019')}. {basis.rests_on(run, style)}"
    )
    return style.table(style.head(columns), body, caption, sentences=range(2, len(columns)))


def _pair(name: str, whose: str) -> dict[str, str]:
    """The names and titles of a network's two columns."""
    return {
        f"{name}_data": f"{whose}data dimension",
        f"{name}_weights": f"{whose}number of weights",
    }


def _together(run: Run, apart: bool) -> list[dict[str, Training]]:
    """The configured trainings of each network by their names; or each one ``apart``."""
    found: dict[str, dict[str, Training]] = {}
    for name, training in run.config.trainings.items():
        one = f"{training.network.model_dump_json()} of {training.input}"
        network = name if apart else one
        found.setdefault(network, {})[name] = training
    return list(found.values())


def _layers(run: Run, training: Training) -> list[Layer]:
    return layers(
        training.network, run.config.input_shape(training), len(run.database.design.names)
    )


def _merged(names: list[str], others: list[str]) -> list[str]:
    """All names, each behind the one that it follows."""
    merged = list(names)
    for before, name in pairwise(others):
        if name not in merged:
            merged.insert(merged.index(before) + 1, name)
    return merged


def _step(name: str, steps: dict[str, str]) -> str:
    """A layer's own words without its sizes; the paper's of what it alone has."""
    return steps[name].split(" (")[0] if name in steps else published.LAYERS[name][0]


def _column(
    run: Run, style: Style, trainings: dict[str, Training], rows: dict[str, Layer], names: list[str]
) -> list[Column]:
    """What a network has, from the top."""
    cells = [
        (_data(style, rows[name].shape), _weights(style, rows[name].weights))
        if name in rows
        else ("", "")
        for name in names
    ]
    cells.append(("", style.count(sum(row.weights for row in rows.values()))))
    told = _settings(run, trainings)
    return cells + [(style.text(told[setting]), "") for setting in published.SETTINGS]


def _paper(style: Style, names: list[str]) -> list[Column]:
    cells = []
    for name in names:
        _, shape, weights = published.LAYERS.get(name, ("", None, None))
        data = _data(style, shape) if shape else ""
        cells.append((data, _weights(style, weights)))
    cells.append(("", style.count(published.WEIGHTS)))
    return cells + [(style.text(value), "") for value in published.SETTINGS.values()]


def _data(style: Style, shape: tuple[int, ...]) -> str:
    return style.count(shape[0]) if len(shape) == 1 else style.cells(*shape)


def _weights(style: Style, weights: int | None) -> str:
    return style.count(weights) if weights else ""


def _settings(run: Run, trainings: dict[str, Training]) -> dict[str, str]:
    """The settings of trainings of one network, by the paper's names of them."""
    config = run.config
    first = next(iter(trainings.values()))
    network, shape = first.network, config.input_shape(first)
    with torch.device("meta"):
        model = build(network, shape, len(run.database.design.names))

    def each(value: Callable[[Training], object]) -> str:
        """Of every training, once where they agree."""
        values = {name: str(value(training)) for name, training in trainings.items()}
        if len(set(values.values())) == 1:
            return next(iter(values.values()))
        return ", ".join(f"{value} ({name})" for name, value in values.items())

    return {
        "Dropout": f"{network.dropout:.0%}",
        "Size convolution filter": _sizes(model, nn.Conv2d),
        "Size MaxPool filter": _sizes(model, nn.MaxPool2d),
        "Activation function": _activation(model),
        "Optimizer": "RMSprop",
        "Loss": network.head.loss,
        "Number of epochs": each(lambda it: it.epochs),
        "Batch size": each(lambda it: it.batch),
        "Training set": each(
            lambda it: f"{len(basis.sets(run, it).training)} x {config.training_images(it)}"
        ),
        "Validation set": each(lambda it: len(basis.sets(run, it).validation)),
        "Testing set": each(lambda it: len(basis.sets(run, it).test)),
        "Learning rate at the start": each(lambda it: f"{it.optimiser.learning_rate:g}"),
        "Learning rate patience": each(lambda it: _lowered(it, f"{it.optimiser.patience} epochs")),
        "Learning rate factor": each(lambda it: _lowered(it, f"{it.optimiser.factor:g}")),
    }


def _sizes(model: nn.Sequential, kind: type[nn.Conv2d | nn.MaxPool2d]) -> str:
    """Cells of the windows of a kind of layer."""
    windows = [layer.kernel_size for layer in model.modules() if isinstance(layer, kind)]
    told = dict.fromkeys("x".join(map(str, np.broadcast_to(window, 2))) for window in windows)
    return ", ".join(told)


def _activation(model: nn.Sequential) -> str:
    """What stands behind the hidden layers."""
    activations = nn.ReLU | nn.SiLU
    kinds = {type(layer).__name__ for layer in model.modules() if isinstance(layer, activations)}
    return ", ".join(sorted(kinds))


def _lowered(training: Training, how: str) -> str:
    """How the learning rate is lowered where the training loss decides it."""
    schedule = training.optimiser.schedule
    return how if schedule == "plateau" else schedule
