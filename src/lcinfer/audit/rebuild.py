"""Products found again from what their directories say, without a configuration file."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..base import durable
from ..base.errors import UserError
from ..base.fingerprint import STAGE_VERSIONS, digest, short
from ..config import Config, parse
from ..config.sections import (
    Database,
    Evaluation,
    Figures,
    Images,
    Mock,
    Simulation,
    Split,
    Training,
)
from ..config.sweeps import Sweep, Trial
from ..products.databases import ImageSet, LightCones
from ..products.design import AdoptedDesign, Design, MockDesign, PriorDesign
from ..products.networks import EvaluationRun, SweepRun, TrainingRun
from ..products.shown import FigureSet, Summary
from .said import stamp_of

MADE = (LightCones, ImageSet, TrainingRun, EvaluationRun, SweepRun, FigureSet, Summary)
KINDS = frozenset(product.kind for product in MADE)
DIRECTORY = re.compile(r"(?P<name>.+)-(?P<digits>[0-9a-f]{10})")


SEAL = re.compile(r"sealed-(?P<total>\d+)(-after-(?P<attempts>\d+)-attempts)?\.json")
GIVEN_UP = re.compile(r"-after-(\d+)-attempts")


class Seal(NamedTuple):
    """How much of a database a product is made from."""

    realizations: int
    attempts: int = 0  # after which failed ones are left out; 0: none is

    @classmethod
    def of(cls, realizations: int, given_up: str = "") -> "Seal":
        """By :attr:`~lcinfer.products.kinds.Realizations.given_up`."""
        found = GIVEN_UP.fullmatch(given_up)
        return cls(realizations, int(found[1]) if found else 0)


class Spec(NamedTuple):
    """A directory's ``spec.json``."""

    directory: Path
    content: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """As it is written there."""
        return str(self.content["fingerprint"])

    @property
    def identity(self) -> dict[str, Any]:
        """What the fingerprint is the digest of."""
        if "made_of" in self.content:
            return dict(self.content["made_of"])
        parts = {name: self.content[name] for name in ("simulation", "design")}
        return {"stage": "lightcones", "version": self.content["stage_version"], **parts}

    def wrong(self) -> list[str]:
        """Why it cannot be what the directory was made from; empty if it can."""
        recomputed = digest(self.identity)
        path = self.directory / "spec.json"
        if recomputed != self.fingerprint:
            return [
                f"{path}: its settings give the fingerprint {short(recomputed)}, "
                f"and it says {short(self.fingerprint)}: it was edited"
            ]
        if self.directory.name != f"{self.content['name']}-{short(recomputed)}":
            return [f"{path} is of {self.content['name']}-{short(recomputed)}"]
        return []


def find(result: Path, results: Path) -> tuple[Path, dict[str, str] | None]:
    """The product's directory that a result belongs to.

    Args:
        result: a product's directory or anything in it; or one of its files anywhere else,
            which says itself where it is from.
        results: where products are kept, if ``result`` is not there.

    Returns:
        The directory, and what the file says of itself if it lay elsewhere.

    Raises:
        UserError: if it is no result, or its product is not there.
    """
    if not result.exists():
        raise UserError(f"{result}: there is no such file or directory")
    whole = result.resolve() if ".." in result.parts else result.absolute()
    for directory in (whole, *whole.parents):
        if directory.parent.name in KINDS and DIRECTORY.fullmatch(directory.name):
            return directory, None
    if result.is_dir():
        raise UserError(f"{result}: not a result of lcinfer: give a product's directory or file")
    said = stamp_of(result)
    kind, _, name = said["product"].partition("/")
    directory = results / kind / name
    if kind not in KINDS or not DIRECTORY.fullmatch(name):
        raise UserError(f"{result}: it does not say that lcinfer made it")
    if not directory.is_dir():
        raise UserError(
            f"{result}: it is of {said['product']}, which is not in {results}: "
            "give the results that it is from with --results"
        )
    return directory, said


class Products:
    """The products under one directory of results."""

    def __init__(self, root: Path) -> None:
        """``root`` is the directory of results."""
        self.root = root

    def directory(self, kind: str, fingerprint: str, read: set[Path], wanted_by: str) -> Path:
        """Where the product with this fingerprint is; one of those that were read, if it is.

        Raises:
            UserError: if it is not there.
        """
        found = durable.own((self.root / kind).glob(f"*-{short(fingerprint)}"))
        if not found:
            raise UserError(
                f"{self.root / kind}: there is nothing with the fingerprint {short(fingerprint)}, "
                f"which {wanted_by} is made from: it was moved or removed"
            )
        return next((path for path in found if path in read), found[0])

    def spec(self, directory: Path) -> Spec:
        """What a directory says that it is.

        Raises:
            UserError: if it says nothing, or not what this version of lcinfer understands.
        """
        path = directory / "spec.json"
        try:
            spec = Spec(directory, json.loads(path.read_bytes()))
            stage, version = str(spec.identity["stage"]), spec.identity["version"]
            _ = spec.fingerprint, str(spec.content["name"])
        except FileNotFoundError:
            raise UserError(
                f"{directory} is not finished, or was made before lcinfer kept provenance: "
                "it has no spec.json"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{path} is damaged") from None
        if version != STAGE_VERSIONS.get(stage):
            raise UserError(
                f"{directory} was made by version {version} of the stage {stage}, and this "
                f"lcinfer has {STAGE_VERSIONS.get(stage)}: audit it with the code that made it"
            )
        return spec

    def lightcones(self, spec: Spec, seal: Seal) -> LightCones:
        """The database, or a mock's, as far as a seal speaks of it."""
        with _understood(spec):
            identity, name = spec.identity, str(spec.content["name"])
            count = seal.realizations
            simulation = Simulation.model_validate(identity["simulation"])
            drawn, block = identity["design"], int(spec.content["block"])
            design: Design
            if "mock" in drawn:
                mock = Mock(parameters=drawn["parameters"], realizations=count)
                design = MockDesign(str(drawn["mock"]), mock)
            else:
                given = {"name": name, "realizations": count, "block": block}
                settings = {**identity["simulation"], **drawn, **given}
                if "adopted" in drawn:
                    settings["prior"] = dict.fromkeys(spec.content["parameters"], (0, 1))
                    database = Database.model_validate(settings)
                    design = AdoptedDesign(database, spec.directory)
                else:
                    design = PriorDesign(Database.model_validate(settings))
            return LightCones(
                name=name,
                identity=identity,
                root=self.root,
                realizations=count,
                block=block,
                simulation=simulation,
                design=design,
                max_attempts=seal.attempts or Database.model_fields["max_attempts"].default,
                limit_minutes=Database.model_fields["limit_minutes"].default,
                # Whether some may be left out; which are, the seal says.
                allowed_failures=0.5 if seal.attempts else 0,
            )

    def images(self, spec: Spec, lightcones: LightCones) -> ImageSet:
        """Images cut from light-cones."""
        with _understood(spec):
            return ImageSet(
                **self._common(spec),
                realizations=lightcones.realizations,
                block=lightcones.block,
                images=Images.model_validate(spec.identity["images"]),
                lightcones=lightcones,
            )

    def training(self, spec: Spec, images: ImageSet) -> TrainingRun:
        """A trained network."""
        with _understood(spec):
            return TrainingRun(
                **self._common(spec),
                training=Training.model_validate(spec.identity["training"]),
                split=Split.model_validate(spec.identity["split"]),
                images=images,
            )

    def evaluation(
        self, spec: Spec, training: TrainingRun, mocks: tuple[ImageSet, ...]
    ) -> EvaluationRun:
        """Predictions and scores."""
        with _understood(spec):
            return EvaluationRun(
                **self._common(spec),
                evaluation=Evaluation.model_validate(spec.identity["evaluation"]),
                training=training,
                mocks=mocks,
            )

    def sweep(
        self, spec: Spec, runs: list[TrainingRun], evaluations: list[EvaluationRun]
    ) -> SweepRun:
        """The trials of a sweep, and the evaluations that there are of them."""
        with _understood(spec):
            taken = [values for values, _, _ in spec.identity["trials"]]
            return SweepRun(
                **self._common(spec),
                sweep=Sweep(
                    training=runs[0].name,
                    vary={key: tuple(values[key] for values in taken) for key in taken[0]},
                    scored_on=spec.identity["scored_on"],
                ),
                trials=tuple(
                    (Trial(values, run.training), run)
                    for values, run in zip(taken, runs, strict=True)
                ),
                evaluations={it.training.directory.name: it for it in evaluations},
            )

    def figures(self, spec: Spec) -> FigureSet:
        """Plots."""
        with _understood(spec):
            style = Figures.model_validate(spec.identity["style"])
            return FigureSet(**self._common(spec), formats=style.formats)

    def summary(self, spec: Spec) -> Summary:
        """A run's own directory."""
        return Summary(**self._common(spec))

    def _common(self, spec: Spec) -> dict[str, Any]:
        name = str(spec.content["name"])
        return {"name": name, "identity": spec.identity, "root": self.root}


def sealed(directory: Path) -> Seal:
    """The largest seal of a database or of its images, one that leaves out none if there is one.

    Raises:
        UserError: if there is none.
    """
    names = (SEAL.fullmatch(path.name) for path in directory.glob("sealed-*.json"))
    seals = [Seal(int(it["total"]), int(it["attempts"] or 0)) for it in names if it]
    if not seals:
        raise UserError(f"{directory} is not finished: it has no seal")
    return max(seals, key=lambda seal: (seal.realizations, -seal.attempts))


def configuration(manifest: Path) -> Config:
    """The configuration that a run's manifest holds.

    Raises:
        UserError: if it holds none, or one of another version of lcinfer.
    """
    try:
        settings = json.loads(manifest.read_bytes())["configuration"]
    except FileNotFoundError:
        raise UserError(f"{manifest.parent} is not finished: it has no manifest.json") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{manifest} is damaged") from None
    return parse(settings, str(manifest), recorded=True)


@contextmanager
def _understood(spec: Spec) -> Iterator[None]:
    try:
        yield
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        what = str(error).splitlines()[0]
        raise UserError(
            f"{spec.directory / 'spec.json'}: this lcinfer does not understand it: {what}"
        ) from None
