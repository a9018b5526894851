"""Observations -> parameters with their uncertainties: what ``lcinfer infer`` says."""

import csv
import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from .. import __version__, durable
from ..checkpoint import Checkpoint
from ..dataset import Normalisation
from ..device import choose_device
from ..errors import UserError
from ..evaluate import Predictions, load_trained
from ..geometry import Geometry
from ..learning import apply
from ..memory import within_memory
from ..parameters import shown
from .agreement import cut_like
from .observation import Observation
from .uncertainty import Interval, Residuals, find_tested

AVERAGE = "average"
BATCH = 2  # images in the network at a time: on a CPU more of them fall out of the cache
COLUMNS = (
    *("observation", "image", "parameter", "predicted", "low", "high", "bias", "spread"),
    *("near_from", "near_to", "light_cones", "beyond"),
)


@dataclass(frozen=True)
class Recovered:
    """The parameters of one observation, in py21cmfast's units."""

    name: str
    """The observation."""
    names: tuple[str, ...]
    """The parameters."""
    predicted: np.ndarray
    """(image, parameter)."""
    intervals: dict[int | str, list[Interval]] = field(default_factory=dict)
    """Per image, and for ``average``: one per parameter; empty without a test set."""

    @property
    def average(self) -> np.ndarray:
        """(parameter,) mean over the images."""
        return np.asarray(self.predicted.mean(axis=0))


@dataclass(frozen=True)
class Inference:
    """A trained network, ready for observations."""

    checkpoint: Checkpoint
    """Its training's last state."""
    geometry: Geometry
    """Where the images that it knows lie in a light-cone."""
    normalisation: Normalisation
    """Of its training set."""
    network: nn.Module
    """With its weights, on a device."""
    tested: Predictions | None
    """Predictions of the test light-cones; None: no evaluation was found."""
    confidence: float
    """Share of the test light-cones inside an interval."""

    def recover(self, observation: Observation, batch: int) -> Recovered:
        """The parameters that each image of an observation, and their average, point to.

        Args:
            observation: the light-cone.
            batch: images in the network at a time; changes no result but its last digits.

        Raises:
            UserError: if the observation does not fit the network, or memory does not suffice.
        """
        images = self.normalisation.images(cut_like(observation, self.geometry, self.normalisation))
        outputs = within_memory(
            lambda together: apply(self.network, images, together),
            min(batch, len(images)),
            "--batch",
        )
        predicted = self.normalisation.physical(outputs)
        names = tuple(self.checkpoint.names)
        if not np.isfinite(predicted).all():
            raise UserError(f"{observation.name}: the network's outputs are not finite")
        return Recovered(observation.name, names, predicted, self._intervals(predicted))

    def _intervals(self, predicted: np.ndarray) -> dict[int | str, list[Interval]]:
        if self.tested is None:
            return {}
        alone, together = Residuals.of_images(self.tested), Residuals.of_averages(self.tested)
        rows: list[tuple[int | str, Residuals, np.ndarray]] = [
            (image, alone, values) for image, values in enumerate(predicted)
        ]
        rows.append((AVERAGE, together, predicted.mean(axis=0)))
        return {
            image: [
                residuals.interval(parameter, value, self.confidence)
                for parameter, value in enumerate(values.tolist())
            ]
            for image, residuals, values in rows
        }


def load(path: Path, device: str | None, evaluation: Path | None, confidence: float) -> Inference:
    """Read a checkpoint, and the predictions of the test set that its evaluation left.

    Raises:
        UserError: if it is missing, damaged, unfinished, of another version, or says too little;
            if there is no such device.
    """
    chosen = choose_device(device)
    checkpoint = load_trained(path)
    try:
        geometry, network = checkpoint.images_geometry(), checkpoint.trained_network(chosen)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return Inference(
        checkpoint=checkpoint,
        geometry=geometry,
        normalisation=checkpoint.fitted_normalisation(),
        network=network,
        tested=find_tested(checkpoint, path, evaluation),
        confidence=confidence,
    )


def table(recovered: Recovered, inference: Inference) -> str:
    """The parameters for a terminal, in the paper's units, and what they rest on."""
    how = [shown(name) for name in recovered.names]
    scales = np.array([each.scale for each in how])
    rows = [["image", *(each.text_label for each in how)]]
    for image, values in enumerate(recovered.predicted * scales):
        rows.append([str(image), *(f"{value:.4g}" for value in values)])
    rows.append([AVERAGE, *(f"{value:.4g}" for value in recovered.average * scales)])
    found = recovered.intervals.get(AVERAGE)
    if found:
        percent = f"{inference.confidence:.0%}"
        pairs = list(zip(found, scales.tolist(), strict=True))
        rows.append([f"{percent} from", *(f"{each.low * scale:.4g}" for each, scale in pairs)])
        rows.append([f"{percent} to", *(f"{each.high * scale:.4g}" for each, scale in pairs)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    redshift, (across, along) = inference.geometry.redshift, inference.checkpoint.image_shape
    head = (
        f"{recovered.name}: {len(recovered.predicted)} images of {across}x{along} cells, "
        f"z = {redshift[0]:.2f} to {redshift[-1]:.2f}"
    )
    return "\n".join([head, *lines, *_rests_on(recovered, inference)])


def _rests_on(recovered: Recovered, inference: Inference) -> list[str]:
    """What the intervals rest on, and which of them are beyond it."""
    if inference.tested is None:
        return [
            "no uncertainty: the evaluation of this network was not found; make it with "
            "`lcinfer evaluate`, or give its directory with --evaluation"
        ]
    found = recovered.intervals[AVERAGE]
    lines = [
        f"interval of the average: residuals of the {found[0].light_cones} test light-cones "
        f"with the nearest predictions, of {len(inference.tested.light_cones)}"
    ]
    outside = [
        shown(name).text for name, each in zip(recovered.names, found, strict=True) if each.beyond
    ]
    if outside:
        lines.append(
            f"beyond every prediction of the test set, so its interval is a guess from the "
            f"nearest ones: {', '.join(outside)}"
        )
    return lines


def rows(recovered: Recovered) -> list[dict[str, Any]]:
    """A row per image and parameter, and per average and parameter, by ``COLUMNS``."""
    named: list[tuple[int | str, np.ndarray]] = list(enumerate(recovered.predicted))
    named.append((AVERAGE, recovered.average))
    found = []
    for image, values in named:
        intervals = recovered.intervals.get(image)
        for number, name in enumerate(recovered.names):
            row = dict.fromkeys(COLUMNS) | {
                "observation": recovered.name,
                "image": image,
                "parameter": name,
                "predicted": float(values[number]),
            }
            if intervals:
                about = asdict(intervals[number])
                row["near_from"], row["near_to"] = about.pop("near")
                row |= about
            found.append(row)
    return found


def write(made: list[Recovered], inference: Inference, path: Path) -> None:
    """Write all rows: a ``.json`` says too what they rest on, a ``.csv`` is a table."""
    lines = [row for recovered in made for row in rows(recovered)]
    if path.suffix == ".json":
        tested = inference.tested
        about = {
            "lcinfer": __version__,
            "training": inference.checkpoint.identity.get("fingerprint"),
            "confidence": inference.confidence,
            "test_light_cones": 0 if tested is None else len(tested.light_cones),
        }
        durable.write_json(path, {**about, "recovered": lines})
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    durable.write_text(path, text.getvalue())
