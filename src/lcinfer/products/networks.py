"""Products of networks: trained ones, their predictions and scores, the trials of a sweep."""

from dataclasses import dataclass
from pathlib import Path

from ..config.sections import Evaluation, Split, Training
from ..config.sweeps import Sweep, Trial
from .databases import ImageSet
from .product import Product


@dataclass(frozen=True)
class TrainingRun(Product):
    """A network trained on images."""

    training: Training
    split: Split
    images: ImageSet

    kind = "trainings"
    title = "networks"
    does = "train"
    step = "Train a network"
    rules = "train.smk"
    final = "trained.json"

    @property
    def sources(self) -> tuple[Product, ...]:
        """See :class:`Product`."""
        return (self.images,)

    @property
    def keys(self) -> tuple[str, ...]:
        """See :class:`Product`."""
        return (f"trainings.{self.name}", "sweeps", "split", *self.images.keys)

    @property
    def markers(self) -> list[Path]:
        """See :class:`Product`."""
        return [self.trained]

    @property
    def outputs(self) -> list[Path]:
        """See :class:`Product`."""
        return [*self.stamped, self.trained]

    @property
    def stamped(self) -> list[Path]:
        """See :class:`Product`."""
        return [self.checkpoint, self.history]

    @property
    def light_cones(self) -> int:
        """How many of the database's light-cones decide it: those up to its last one."""
        if self.training.light_cones is None:
            return self.images.realizations
        return self.split.validation + self.split.test + self.training.light_cones

    @property
    def training_set(self) -> range:
        """The light-cones that it learns from, failed ones too."""
        return range(self.split.validation + self.split.test, self.light_cones)

    @property
    def checkpoint(self) -> Path:
        """Weights, optimiser, history and normalisation after the last whole epoch."""
        return self.directory / "checkpoint.pt"

    @property
    def history(self) -> Path:
        """Losses per epoch."""
        return self.directory / "history.csv"

    @property
    def trained(self) -> Path:
        """Marker: the last epoch is done."""
        return self.directory / "trained.json"


@dataclass(frozen=True)
class EvaluationRun(Product):
    """Predictions and scores of a trained network."""

    evaluation: Evaluation
    training: TrainingRun
    mocks: tuple[ImageSet, ...]

    kind = "evaluations"
    title = "predictions and scores"
    does = "evaluate"
    step = "Predict and score"
    rules = "evaluate.smk"
    final = "scores.json"

    @property
    def sources(self) -> tuple[Product, ...]:
        """See :class:`Product`."""
        return (self.training, *self.mocks)

    @property
    def keys(self) -> tuple[str, ...]:
        """See :class:`Product`."""
        return ("evaluation", "mocks", *self.training.keys)

    @property
    def markers(self) -> list[Path]:
        """See :class:`Product`."""
        return [self.scores]

    @property
    def outputs(self) -> list[Path]:
        """See :class:`Product`."""
        mocks = (self.mock_predictions(mock.name) for mock in self.mocks)
        return [self.scores, self.predictions, *mocks]

    @property
    def predictions(self) -> Path:
        """True and predicted parameters of every test image."""
        return self.directory / "predictions.csv"

    @property
    def scores(self) -> Path:
        """R2 with intervals."""
        return self.directory / "scores.json"

    def mock_predictions(self, mock: str) -> Path:
        """True and predicted parameters of a mock's images."""
        return self.directory / f"mock_{mock}.csv"


@dataclass(frozen=True)
class SweepRun(Product):
    """The trials of a sweep, ranked or scored."""

    sweep: Sweep
    trials: tuple[tuple[Trial, TrainingRun], ...]
    evaluations: dict[str, EvaluationRun]
    """By the names of the trainings' directories: all are made for a learning curve, the best
    trial's alone for a study."""
    beside: tuple[Product, ...] = ()
    """The run's evaluations and its mocks' images: the best trial of a study is evaluated where
    trials are compared, and not while the same is done elsewhere."""

    kind = "sweeps"
    title = "sweeps"
    does = "compare"
    step = "Compare the trials of a sweep"
    rules = "sweep.smk"
    final = "outcome.json"

    @property
    def sources(self) -> tuple[Product, ...]:
        """See :class:`Product`."""
        if self.sweep.scored_on == "test":
            return tuple(self.evaluations.values())
        return tuple(training for _, training in self.trials)

    @property
    def after(self) -> tuple[Product, ...]:
        """See :class:`Product`."""
        return self.beside

    @property
    def keys(self) -> tuple[str, ...]:
        """See :class:`Product`."""
        return ("evaluation", "mocks", *self.trials[0][1].keys)

    @property
    def markers(self) -> list[Path]:
        """See :class:`Product`."""
        return [self.outcome]

    @property
    def outputs(self) -> list[Path]:
        """See :class:`Product`."""
        return [self.table, self.outcome]

    @property
    def table(self) -> Path:
        """A line per trial: varied keys, losses, scores."""
        return self.directory / "trials.csv"

    @property
    def outcome(self) -> Path:
        """What came out: the best trial of a study with its score on the test set."""
        return self.directory / "outcome.json"
