"""Observations -> parameters with their uncertainties: what ``lcinfer infer`` says."""

import csv
import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from torch import Tensor

from ..base import durable
from ..base.device import choose_device
from ..base.errors import UserError, no_such_file
from ..base.version import __version__
from ..config.parameters import shown
from ..evaluation.evaluate import Predictions
from ..evaluation.posteriors import LEVELS, write_zipped
from ..evaluation.predict import load_trained, sampled
from ..images.dataset import Normalisation
from ..images.envelope import Envelope
from ..images.geometry import Geometry
from ..text.tables import aligned, comma_separated
from ..training import checkpoint as checkpoints
from ..training.checkpoint import Checkpoint
from ..training.learner import apply, apply_head
from ..training.memory import within_memory
from ..training.networks.architectures import Network
from ..training.networks.head import Density
from .agreement import check_instrument, check_velocities, cut_like
from .observation import Observation
from .posterior import NO_POSTERIOR, PosteriorSamples, credible
from .uncertainty import Interval, Residuals, find_tested, needed, prior_of

AVERAGE = "average"
NONE = "none"  # in the place of an interval's end
BATCH = 2  # images in the network at a time: on a CPU more of them fall out of the cache
COLUMNS = (
    *("observation", "image", "parameter", "unit", "predicted", "low", "high", "bias", "spread"),
    *("near_from", "near_to", "light_cones", "beyond", "r2", "unlike"),
)
POSTERIOR_COLUMNS = (
    *("observation", "image", "parameter", "unit", "predicted", "spread"),
    *("low_68", "high_68", "low_95", "high_95", "unlike"),
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
    unlike: list[str] | None = None
    """In what the observation is unlike all of the training set; None: it was not checked."""
    remarks: tuple[str, ...] = ()
    """How the observation was read, where that needs saying."""
    posterior: PosteriorSamples | None = None
    """Samples, of a network that gives a posterior."""

    @property
    def average(self) -> np.ndarray:
        """(parameter,) mean over the images, or of the posterior from all of them together."""
        if self.posterior is not None:
            return np.asarray(self.posterior.samples.mean(axis=0, dtype=float))
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
    network: Network
    """With its weights, on a device."""
    tested: Predictions | None
    """Predictions of the test light-cones; None: no evaluation was found."""
    confidence: float
    """Share of the test light-cones inside an interval."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of :func:`rows`."""
        return POSTERIOR_COLUMNS if self.gives_posterior else COLUMNS

    @property
    def gives_posterior(self) -> bool:
        """Whether the network gives more than a best guess."""
        return isinstance(self.network.head, Density)

    def recover(self, observation: Observation, batch: int) -> Recovered:
        """The parameters that each image of an observation, and their average, point to.

        Args:
            observation: the light-cone.
            batch: images in the network at a time; changes no result but its last digits.

        Raises:
            UserError: if the observation does not fit the network, or memory does not suffice.
        """
        cut, outputs = self._applied(observation, batch)
        unlike = None
        if self.checkpoint.envelope:
            envelope = Envelope.read(self.checkpoint.envelope)
            unlike = envelope.unlike(cut, self.geometry.redshift)
        posterior = None
        if self.gives_posterior:
            posterior = PosteriorSamples.of(self.checkpoint, self.network, outputs)
            outputs = apply_head(self.network.head, outputs)
        predicted = self.normalisation.physical(outputs)
        names = tuple(self.checkpoint.names)
        if not np.isfinite(predicted).all():
            raise UserError(f"{observation.name}: the network's outputs are not finite")
        intervals = {} if self.gives_posterior else self._intervals(predicted)
        return Recovered(
            observation.name, names, predicted, intervals, unlike, observation.remarks, posterior
        )

    def samples(self, observation: Observation, batch: int, count: int, seed: int) -> np.ndarray:
        """(sample, parameter) of the posterior from all images together.

        Raises:
            UserError: as :meth:`recover` does; if the network gives no posterior.
        """
        if not self.gives_posterior:
            raise UserError(NO_POSTERIOR)
        _, features = self._applied(observation, batch)
        (samples,) = sampled(self.checkpoint, self.network, features[None], count, seed)
        return np.asarray(samples)

    def _applied(self, observation: Observation, batch: int) -> tuple[np.ndarray, Tensor]:
        """The observation's images in mK, and what the network, or the trunk alone where there is
        a posterior, makes of them."""
        check_instrument(observation, self.checkpoint)
        check_velocities(observation, self.geometry)
        cut = cut_like(observation, self.geometry, self.normalisation)
        images = self.normalisation.images(cut)
        model = self.network.trunk if self.gives_posterior else self.network
        outputs = within_memory(
            lambda together: apply(model, images, together=together),
            min(batch, len(images)),
            "batch",
        )
        return cut, outputs

    def _intervals(self, predicted: np.ndarray) -> dict[int | str, list[Interval]]:
        if self.tested is None:
            return {}
        prior = prior_of(self.checkpoint)
        alone = Residuals.of_images(self.tested, prior)
        together = Residuals.of_averages(self.tested, prior)
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

    ``path`` is its file, or the directory of a training.

    Raises:
        UserError: if it is missing, damaged, unfinished, of another version, or says too little;
            if there is no such device.
    """
    chosen = choose_device(device)
    if not path.exists():
        raise no_such_file(path)
    path = checkpoints.found(path)
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
    """The parameters for a terminal, in the paper's units: what to know of them stands above,
    what the interval rests on below.
    """
    how = [shown(name) for name in recovered.names]
    scales = np.array([each.scale for each in how])
    rows = [["image", *(each.text_label for each in how)]]
    for image, values in enumerate(recovered.predicted * scales):
        rows.append([str(image), *(f"{value:.4g}" for value in values)])
    last = AVERAGE if recovered.posterior is None else "all images"
    rows.append([last, *(f"{value:.4g}" for value in recovered.average * scales)])
    if recovered.posterior is not None:
        for share in LEVELS:
            ends = credible(recovered.posterior.samples, share) * scales
            for end, word in zip(ends, ("from", "to"), strict=True):
                rows.append([f"{_percent(share)} {word}", *(f"{value:.4g}" for value in end)])
    found = recovered.intervals.get(AVERAGE)
    if found:
        percent = _percent(inference.confidence)
        for end, word in (("low", "from"), ("high", "to")):
            values = [getattr(each, end) for each in found]
            cells = [
                NONE if value is None else f"{value * scale:.4g}"
                for value, scale in zip(values, scales.tolist(), strict=True)
            ]
            rows.append([f"{percent} {word}", *cells])
        rows.append(["test set's R2", *(_skill(each.r2) for each in found)])
    lines = aligned(rows, left=0)
    redshift = inference.geometry.redshift
    shape = "x".join(map(str, inference.checkpoint.image_shape))
    head = (
        f"{recovered.name}: {len(recovered.predicted)} images of {shape} cells, "
        f"z = {redshift[0]:.2f} to {redshift[-1]:.2f}"
    )
    above = [*recovered.remarks, *_likeness(recovered, inference.checkpoint), *_doubts(recovered)]
    return "\n".join([head, *above, *lines, _rests_on(recovered, inference)])


def _percent(share: float) -> str:
    return f"{100 * share:g}%"


def _skill(r2: float) -> str:
    return f"{r2:.2f}" if r2 > 0 else f"{r2:.2f}, no skill"


def _likeness(recovered: Recovered, checkpoint: Checkpoint) -> list[str]:
    """Whether the observation is like the training set."""
    if recovered.unlike is None:
        return [
            "not checked whether it is like the training set: an earlier lcinfer wrote this "
            "checkpoint, and did not keep the training set's range in it"
        ]
    if not recovered.unlike:
        return []
    return [
        f"WARNING: unlike each of the {checkpoint.envelope['light_cones']} light-cones that the "
        f"network was trained on, so its answer may mean nothing:",
        *(f"  {line}" for line in recovered.unlike),
    ]


def _doubts(recovered: Recovered) -> list[str]:
    """Parameters whose interval, or whose number itself, says little."""
    found = recovered.intervals.get(AVERAGE, [])
    lines = []
    for which, said in (
        (
            [each.beyond for each in found],
            "beyond every prediction of the test set, so its interval is a guess from the "
            "nearest ones",
        ),
        (
            [not each.r2 > 0 for each in found],
            "no skill, R2 not above 0 on the test set: a guess of the mean does as well",
        ),
    ):
        named = [shown(name).text for name, it in zip(recovered.names, which, strict=False) if it]
        if named:
            lines.append(f"{said}: {', '.join(named)}")
    return lines


def _rests_on(recovered: Recovered, inference: Inference) -> str:
    """What the intervals rest on."""
    if recovered.posterior is not None:
        return (
            f"posterior from all images together: mean and intervals of "
            f"{len(recovered.posterior.samples)} samples, all inside the prior"
        )
    if inference.tested is None:
        return (
            "no uncertainty: the evaluation of this network was not found; make it with "
            "`lcinfer stage evaluate`, or give its directory with --evaluation"
        )
    found, tested = recovered.intervals[AVERAGE], len(inference.tested.light_cones)
    least, percent = needed(inference.confidence), _percent(inference.confidence)
    if tested < least:
        return (
            f"no interval: one of {percent} takes {least} test light-cones, and there are {tested}"
        )
    return (
        f"interval of the average: residuals of the {found[0].light_cones} test light-cones "
        f"with the nearest predictions, of {tested}"
    )


def rows(recovered: Recovered) -> list[dict[str, Any]]:
    """A row per image and parameter, and per average and parameter.

    By ``COLUMNS``, or by ``POSTERIOR_COLUMNS``, where "average" is all images together.
    """
    named: list[tuple[int | str, np.ndarray]] = list(enumerate(recovered.predicted))
    named.append((AVERAGE, recovered.average))
    found = []
    for image, values in named:
        intervals = recovered.intervals.get(image)
        for number, name in enumerate(recovered.names):
            row: dict[str, Any] = {
                "observation": recovered.name,
                "image": image,
                "parameter": name,
                "unit": shown(name).own_unit,
                "predicted": float(values[number]),
                "unlike": None if recovered.unlike is None else bool(recovered.unlike),
            }
            if recovered.posterior is not None:
                row |= recovered.posterior.summed_up(image, number)
            else:
                row = dict.fromkeys(COLUMNS) | row
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
        }
        if not inference.gives_posterior:
            count = 0 if tested is None else len(tested.light_cones)
            about |= {"confidence": inference.confidence, "test_light_cones": count}
        durable.write_json(path, {**about, "recovered": lines})
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, inference.columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    durable.write_text(path, text.getvalue())


def write_samples(made: list[Recovered], path: Path) -> None:
    """Write samples of posteriors, from all images of each observation together.

    A ``.csv`` has a line for each: observation and parameters. An ``.npz`` has ``observation``,
    ``parameter`` and ``samples`` (observation, sample, parameter). A ``.zarr.zip`` has the same and
    opens as an evaluation's posteriors do.
    """
    observed, names = [it.name for it in made], made[0].names
    samples = np.stack([it.posterior.samples for it in made if it.posterior is not None])
    if path.suffix == ".npz":
        with durable.written_aside(path) as file:
            np.savez(file, observation=observed, parameter=names, samples=samples)
    elif path.suffix == ".zip":
        labels = {"observation": np.array(observed, object), "parameter": np.array(names, object)}
        content = {"samples": (("observation", "sample", "parameter"), samples)}
        write_zipped(xr.Dataset(content, labels), path)
    else:
        pairs = zip(observed, samples.tolist(), strict=True)
        lines = [[name, *sample] for name, own in pairs for sample in own]
        durable.write_text(path, comma_separated([["observation", *names], *lines]))
