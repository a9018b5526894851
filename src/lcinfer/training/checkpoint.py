"""A training's checkpoint: all that is needed to go on, or to predict.

It holds tensors, numbers, texts, lists and dicts only, so it opens without running code from
the file (``weights_only``) and without this package.
"""

from collections.abc import Iterable
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self
from zipfile import ZipFile

import torch

from ..base.durable import written_aside
from ..base.errors import UserError
from ..base.fingerprint import STAGE_VERSIONS, canonical, canonical_json
from ..base.version import __version__
from ..config import networks
from ..images.dataset import LabelledImages, Normalisation
from ..images.geometry import Geometry
from ..products.networks import TrainingRun
from .networks.architectures import Network, build
from .networks.mixture import mixture

NAME = "checkpoint.pt"


class DamagedCheckpoint(UserError):
    """A checkpoint that cannot be read."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after an epoch."""

    identity: dict[str, Any]
    """What decides the training's content, as JSON types."""
    network: dict[str, Any]
    """The configuration's section ``network``."""
    image_shape: list[int]
    """Of an image, as [transverse, line of sight] cells."""
    names: list[str]
    """The parameters, in the order of the outputs."""
    normalisation: dict[str, Any]
    """``Normalisation.plain()``."""
    epochs: int
    """Epochs that the training takes in all."""
    history: list[dict[str, float]]
    """Per epoch done: epoch, learning_rate, training_loss, validation_loss."""
    model: dict[str, Any]
    """State of the network."""
    optimiser: dict[str, Any]
    """State of the optimiser."""
    schedule: dict[str, Any]
    """State of the learning rate's schedule."""
    random: dict[str, Any]
    """States of the generators: ``torch``, ``shuffling`` and a list ``cuda``."""
    provenance: dict[str, str] = field(default_factory=dict)
    """The product that it is part of, and the code that made it."""
    geometry: dict[str, Any] = field(default_factory=dict)
    """``Geometry.plain()`` of the images; empty if it is not known, as in version 0.1."""
    prior: dict[str, list[float]] = field(default_factory=dict)
    """Lowest and highest value of each parameter; empty: an earlier lcinfer did not keep it."""
    envelope: dict[str, Any] = field(default_factory=dict)
    """``Envelope.plain()`` of the training set; empty: an earlier lcinfer did not keep it."""
    version: str = ""
    """The lcinfer that wrote it; 0.1 did not say."""
    revision: int = 1
    """The revision of the network's architecture; 0.1 had the first ones alone."""
    instrument: dict[str, Any] = field(default_factory=dict)
    """Name and settings of the instrument that its images are seen with; empty: none is."""
    members: list[dict[str, Any]] = field(default_factory=list)
    """Of an ensemble: the state of each network, in the place of ``model``."""
    widths: list[float] = field(default_factory=list)
    """Of an ensemble: by what its posteriors' widths are multiplied; empty: by nothing."""

    @property
    def complete(self) -> bool:
        """Whether every epoch is done."""
        return len(self.history) >= self.epochs

    def trained_network(self, device: torch.device) -> Network:
        """The network with its weights, ready to predict.

        Raises:
            UserError: if this version of lcinfer builds another network from its settings.
        """
        try:
            network = networks.recorded(self.network)
            built = [self._built(network, state) for state in self.states]
        except (RuntimeError, ValueError, KeyError):
            raise self._of_another_version("its weights do not fit the network here") from None
        if self.revision != network.revision:
            raise self._of_another_version(
                f"its {network.architecture} is of revision {self.revision}, the one here of "
                f"{network.revision}, which computes otherwise"
            )
        model = mixture(built, self.widths) if self.members else built[0]
        return model.to(device).eval()

    def _built(self, network: networks.Network, state: dict[str, Any]) -> Network:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):  # draws no weights
            model = build(network, tuple(self.image_shape), len(self.names))
        model.load_state_dict(state, assign=True)
        return model

    @property
    def states(self) -> list[dict[str, Any]]:
        """Of the network, or of each of an ensemble."""
        return self.members or [self.model]

    @property
    def first(self) -> Self:
        """Of an ensemble its first network alone."""
        return replace(self, model=self.states[0], members=[], widths=[])

    def check_images(self, labelled: LabelledImages) -> None:
        """Refuse images or parameters that the network was not made for.

        Raises:
            UserError: if the shape of an image or the parameters differ.
        """
        made_for, given = ("x".join(map(str, of.image_shape)) for of in (self, labelled))
        if made_for != given:
            raise UserError(
                f"the network was trained on images of {made_for} cells, and these have {given}"
            )
        if tuple(self.names) != labelled.names:
            raise UserError(
                f"the network was trained for {', '.join(self.names)}, "
                f"and the images are labelled with {', '.join(labelled.names)}"
            )

    def images_geometry(self) -> Geometry:
        """Where its images lie in a light-cone.

        Raises:
            UserError: if it does not say so, or images are cut in another way now.
        """
        if not self.geometry:
            raise UserError(
                f"this checkpoint, of {self._writer}, does not say how its images were cut: "
                f"`lcinfer stage train` with its configuration adds that, and trains nothing again"
            )
        try:
            geometry = Geometry.read(self.geometry)
        except (KeyError, TypeError, ValueError):
            raise self._of_another_version("it describes its images otherwise") from None
        if geometry.spectra is not None:
            raise UserError(
                "this network reads power spectra: from light-cones only a network of images infers"
            )
        if geometry.version != STAGE_VERSIONS["images"]:
            raise self._of_another_version("images were cut otherwise then")
        return geometry

    def _of_another_version(self, why: str) -> UserError:
        return UserError(
            f"this checkpoint is of {self._writer}, and this is lcinfer {__version__}: {why}: "
            f"use that version, or train again"
        )

    @property
    def _writer(self) -> str:
        return f"lcinfer {self.version}" if self.version else "an earlier lcinfer"

    def fitted_normalisation(self) -> Normalisation:
        """The normalisation of the training set."""
        return Normalisation(**self.normalisation)


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint aside and move it to ``path``."""
    content = {each.name: getattr(checkpoint, each.name) for each in fields(Checkpoint)}
    with written_aside(path) as file:
        torch.save(content, file)


def found(path: Path) -> Path:
    """The checkpoint that a user means: of a folder that holds one, that."""
    inside = path / NAME
    return inside if inside.exists() else path


def load(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU.

    Raises:
        DamagedCheckpoint: if it is damaged, or is no such file at all.
        UserError: if it is missing, not lcinfer's, or of another version.
    """
    if path.is_dir():
        is_it = path.name == NAME
        what = "a folder, where a file should be" if is_it else f"a folder without a {NAME}"
        raise UserError(f"{path}: {what}")
    whole = False
    try:
        with ZipFile(path) as archive:  # PyTorch reads past a flipped bit
            whole = archive.testzip() is None
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no checkpoint: train the network first") from None
    except PermissionError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except MemoryError:
        raise
    except Exception:
        content = None  # a damage is named by whatever broke on it, in several lines
    ours = isinstance(content, dict) and {"model", "identity"} <= content.keys()
    if not whole or content is None:
        doubt = "" if ours else ", or is none of lcinfer"
        raise DamagedCheckpoint(f"{path}: this checkpoint is damaged{doubt}")
    known = {each.name for each in fields(Checkpoint)}
    needed = {each.name for each in fields(Checkpoint) if _has_no_default(each)}
    if not ours:
        raise UserError(f"{path}: not a checkpoint of lcinfer")
    if not needed <= content.keys() <= known:
        version = content.get("version") or "of another version"
        raise UserError(
            f"{path}: this checkpoint was written by lcinfer {version}, and this is lcinfer "
            f"{__version__}: use that version, or train again"
        )
    return Checkpoint(**content)


def _has_no_default(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def identity_of(run: TrainingRun, failed: Iterable[int]) -> dict[str, Any]:
    """What a checkpoint says that it is of, made without the light-cones that failed."""
    missing = run.lacks(failed)
    return {
        "fingerprint": run.fingerprint,
        "training": canonical(run.training),
        "split": canonical(run.split),
        "images": run.inputs.fingerprint,
        "light_cones": run.light_cones,
        **({"failed_light_cones": missing} if missing else {}),
    }


def check_identity(checkpoint: Checkpoint, identity: dict[str, Any], path: Path) -> None:
    """Refuse to go on from another training's checkpoint.

    Raises:
        UserError: naming the parts that differ.
    """
    if canonical_json(checkpoint.identity) == canonical_json(identity):
        return
    keys = sorted(checkpoint.identity.keys() | identity.keys())
    differing = [
        key
        for key in keys
        if canonical_json(checkpoint.identity.get(key)) != canonical_json(identity.get(key))
    ]
    raise UserError(
        f"{path}: this checkpoint is of another training (it differs in "
        f"{', '.join(differing)}): train in another directory, or move it to one"
    )
