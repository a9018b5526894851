"""Products of networks: trained ones, their predictions and scores, the trials of a sweep."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ..base.fingerprint import identity, short
from ..config.sections import Evaluation, Split, Training
from ..config.sweeps import Sweep, Trial
from .databases import INPUTS, ImageSet, Inputs
from .found import Reference, Seal, Sources, Spec
from .product import SEALED, File, Product


@dataclass(frozen=True)
class TrainingRun(Product):
    """A network trained on images, or on spectra."""

    training: Training
    split: Split
    inputs: Inputs
    members: tuple["TrainingRun", ...] = ()
    """Of an ensemble: the trainings whose networks it mixes."""

    kind = "trainings"
    title = "networks"
    does = "train"
    step = "Training a network"
    rules = "train.smk"
    makes = ("trained.json",)
    made_from = ("inputs", "members")
    settings = ("trainings.{name}", "sweeps", "split")

    checkpoint = File("checkpoint.pt")
    """Weights, optimiser, history and normalisation after the last whole epoch."""
    history = File("history.csv")
    """Losses per epoch; of an ensemble their means over the networks."""
    trained = File(makes[-1])
    """Marker: the last epoch is done."""

    @classmethod
    def refers(cls, spec: Spec, seal: Seal | None) -> list[Reference]:
        kind = _read(spec)
        ((fingerprint, count),) = spec.identity[kind]
        given_up = spec.identity.get("given_up", "")
        of_all = Seal.of(SEALED.format(total=count, given_up=given_up))
        # Their seal may be of more light-cones than it needs.
        fewer = spec.identity["training"].get("light_cones") is not None
        members = (Reference(cls.kind, it) for it in spec.identity.get("members", []))
        return [Reference(kind, fingerprint, seal=None if fewer else of_all), *members]

    @classmethod
    def rebuilt(cls, spec: Spec, sources: Sources, seal: Seal | None) -> Self:
        (inputs,) = sources[_read(spec)]
        return cls(
            **spec.common,
            training=Training.model_validate(spec.identity["training"]),
            split=Split.model_validate(spec.identity["split"]),
            inputs=inputs,
            members=tuple(sources.get(cls.kind, ())),
        )

    @property
    def outputs(self) -> list[Path]:
        return [*self.stamped, self.trained]

    @property
    def stamped(self) -> list[Path]:
        return [self.checkpoint, self.history]

    @property
    def seeds(self) -> list[int]:
        """Its own, or of an ensemble each network's."""
        return [one.training.seed for one in self.members or (self,)]

    @property
    def light_cones(self) -> int:
        """How many of the database's light-cones decide it: those up to its last one."""
        if self.training.light_cones is None:
            return self.inputs.realizations
        return self.split.validation + self.split.test + self.training.light_cones

    def lacks(self, failed: Iterable[int]) -> list[int]:
        """Those of the failed light-cones that it would have used."""
        return [index for index in failed if index < self.light_cones]

    @property
    def training_set(self) -> range:
        """The light-cones that it learns from, failed ones too."""
        return range(self.split.validation + self.split.test, self.light_cones)


@dataclass(frozen=True)
class EvaluationRun(Product):
    """Predictions and scores of a trained network."""

    evaluation: Evaluation
    training: TrainingRun
    mocks: tuple[Inputs, ...]

    kind = "evaluations"
    title = "predictions and scores"
    does = "evaluate"
    step = "Predicting and scoring"
    rules = "evaluate.smk"
    makes = ("predictions.csv", "scores.json")
    made_from = ("training", "mocks")
    settings = ("evaluation", "mocks")

    predictions = File("predictions.csv")
    """True and predicted parameters of every test image."""
    scores = File(makes[-1])
    """R2 with intervals."""
    posterior = File("posterior.zarr.zip")
    """Samples of every test light-cone's posterior, from all of its images."""

    @classmethod
    def of(cls, evaluation: Evaluation, training: TrainingRun, mocks: tuple[Inputs, ...]) -> Self:
        """That of a training, which also predicts all light-cones of mocks."""
        read = training.inputs.kind
        made_of = identity(
            "evaluation",
            evaluation=evaluation,
            training=training.fingerprint,
            mocks=sorted([it.fingerprint, it.realizations] for it in mocks),
            **({"input": read} if read != ImageSet.kind else {}),
        )
        return cls(training.name, made_of, training.root, evaluation, training, mocks)

    @classmethod
    def refers(cls, spec: Spec, seal: Seal | None) -> list[Reference]:
        kind = spec.identity.get("input", "images")
        mocks = (Reference(kind, it, seal=Seal(count)) for it, count in spec.identity["mocks"])
        return [Reference("trainings", spec.identity["training"]), *mocks]

    @classmethod
    def rebuilt(cls, spec: Spec, sources: Sources, seal: Seal | None) -> Self:
        (training,) = sources["trainings"]
        return cls(
            **spec.common,
            evaluation=Evaluation.model_validate(spec.identity["evaluation"]),
            training=training,
            mocks=tuple(sources[spec.identity.get("input", "images")]),
        )

    @property
    def outputs(self) -> list[Path]:
        mocks = list(self.mock_inputs)
        made = [*super().outputs, *map(self.mock_predictions, mocks)]
        if self.has_posterior:
            made += [self.posterior, *map(self.mock_posterior, mocks)]
        return made

    @property
    def has_posterior(self) -> bool:
        """Whether its network gives more than a best guess."""
        return self.training.training.network.head.together

    @property
    def mock_inputs(self) -> dict[str, Inputs]:
        """By the mocks' names."""
        return {inputs.lightcones.name: inputs for inputs in self.mocks}

    def mock_predictions(self, mock: str) -> Path:
        """True and predicted parameters of a mock's images."""
        return self.directory / f"mock_{mock}.csv"

    def mock_posterior(self, mock: str) -> Path:
        """The same of a mock's light-cones."""
        return self.directory / f"mock_{mock}.posterior.zarr.zip"


@dataclass(frozen=True)
class SweepRun(Product):
    """The trials of a sweep, ranked or scored."""

    sweep: Sweep
    trials: tuple[tuple[Trial, TrainingRun], ...]
    evaluations: dict[str, EvaluationRun]
    """By the names of the trainings' directories: all are made for a learning curve, the best
    trial's alone for a study."""
    after: tuple[Product, ...] = ()
    """The run's evaluations and its mocks' images: the best trial of a study is evaluated where
    trials are compared, and not while the same is done elsewhere."""

    kind = "sweeps"
    title = "sweeps"
    does = "compare"
    step = "Comparing the trials of a sweep"
    rules = "sweep.smk"
    makes = ("trials.csv", "outcome.json")
    settings = ("evaluation", "mocks")

    table = File("trials.csv")
    """A line per trial: varied keys, losses, scores."""
    outcome = File(makes[-1])
    """What came out: the best trial of a study with its score on the test set."""

    @classmethod
    def refers(cls, spec: Spec, seal: Seal | None) -> list[Reference]:
        """See :class:`Product`: of evaluations those that were made."""
        trials = spec.identity["trials"]
        best = _best(spec.directory / cls.makes[-1])
        scored = (
            Reference("evaluations", it)
            for _, _, it in trials
            if spec.identity["scored_on"] == "test" or best.endswith(short(it))
        )
        return [*(Reference("trainings", it) for _, it, _ in trials), *scored]

    @classmethod
    def rebuilt(cls, spec: Spec, sources: Sources, seal: Seal | None) -> Self:
        trainings = sources["trainings"]
        taken = [values for values, _, _ in spec.identity["trials"]]
        return cls(
            **spec.common,
            sweep=Sweep(
                training=trainings[0].name,
                vary={key: tuple(values[key] for values in taken) for key in taken[0]},
                scored_on=spec.identity["scored_on"],
            ),
            trials=tuple(
                (Trial(values, run.training), run)
                for values, run in zip(taken, trainings, strict=True)
            ),
            evaluations={it.training.directory.name: it for it in sources["evaluations"]},
        )

    @property
    def sources(self) -> tuple[Product, ...]:
        if self.sweep.scored_on == "test":
            return tuple(self.evaluations.values())
        return tuple(training for _, training in self.trials)

    @property
    def also(self) -> tuple[Product, ...]:
        """See :class:`Product`: the best trial of a study is evaluated, whichever that is."""
        return tuple(self.evaluations.values())


def _read(spec: Spec) -> str:
    """The kind of what a training's network reads."""
    return next(it.kind for it in INPUTS if it.kind in spec.identity)


def _best(outcome: Path) -> str:
    """The evaluation that a study says is its best trial's: no other one is made."""
    with suppress(OSError, ValueError, KeyError, TypeError):  # what is wrong is told elsewhere
        return str(json.loads(outcome.read_bytes())["best"]["evaluation"])
    return ""
