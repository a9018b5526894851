"""The configuration as a whole: its sections, whether they agree, and how it is read."""

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from .errors import UserError
from .mistakes import one_line
from .section import Name, Section
from .sections import (
    Database,
    Evaluation,
    Figures,
    Images,
    Mock,
    Split,
    Training,
)
from .seeds import mock_block
from .sweeps import Sweep, Trial, trials

OTHER_FIGURES = {"examples": "the mocks' figures", "scheme": "the figure of the slices"}


class Config(Section):
    """The whole configuration of a run."""

    name: Name
    """What the run is called; the name of its directory of results."""
    database: Database
    """The light-cones."""
    mocks: dict[Name, Mock] = Field(default={})
    """Named parameter points, simulated like the database."""
    images: Images = Images()
    """From light-cones to images."""
    split: Split
    """Validation, test and training light-cones."""
    trainings: Annotated[dict[Name, Training], Field(min_length=1)]
    """Named trainings."""
    sweeps: dict[Name, Sweep] = Field(default={})
    """Named sets of trainings that vary one: learning curves, studies of hyper-parameters."""
    evaluation: Evaluation = Evaluation()
    """Scores."""
    figures: Figures = Figures()
    """Plots."""

    @property
    def image_shape(self) -> tuple[int, int]:
        """(transverse, line of sight) cells of an image."""
        along = self.images.line_of_sight_cells or self.database.lightcone.cells
        return self.database.box.cells // self.images.halves, along

    def training_images(self, training: Training) -> int:
        """Images per light-cone that a training learns from."""
        return self.images.per_lightcone if training.images == "all" else training.images

    def training_lightcones(self, training: Training) -> int:
        """Light-cones that a training learns from, if none of them failed."""
        left = self.database.realizations - self.split.validation - self.split.test
        return training.light_cones or left

    def trials(self, sweep: str) -> list[Trial]:
        """The trainings of a sweep."""
        settings = self.sweeps[sweep]
        return trials(settings, self.trainings[settings.training])

    @field_validator("mocks", "trainings", "sweeps")
    @classmethod
    def _by_name(cls, named: dict[str, Any]) -> dict[str, Any]:
        # The order of keys decides nothing: not the rows of a table either.
        return dict(sorted(named.items()))

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        _check_prior(self)
        _check_split(self)
        _check_mocks(self)
        _check_images(self)
        _check_trainings(self)
        _check_sweeps(self)
        return self


def _check_prior(config: Config) -> None:
    for name in sorted(set(config.database.prior) & set(config.database.simulator.options)):
        raise ValueError(f"database: {name} is both in prior and in simulator.options")


def _check_split(config: Config) -> None:
    taken = config.split.validation + config.split.test
    if taken >= config.database.realizations:
        raise ValueError(
            f"split: {config.split.validation} light-cones for validation and "
            f"{config.split.test} for testing leave none of the database's "
            f"{config.database.realizations} for training"
        )


def _check_mocks(config: Config) -> None:
    varied = set(config.database.prior)
    for name, mock in config.mocks.items():
        if set(mock.parameters) != varied:
            raise ValueError(
                f"mocks.{name}.parameters must name the prior's parameters "
                f"({', '.join(sorted(varied))}), not {', '.join(sorted(mock.parameters))}"
            )
    for key in ("examples", "responses"):
        unknown = set(getattr(config.figures, key) or ()) - set(config.mocks)
        if unknown:
            raise ValueError(f"figures.{key}: there is no mock {', '.join(sorted(unknown))}")
    if config.database.name in config.mocks:
        raise ValueError(f"mocks.{config.database.name} has the database's name: rename one")
    for one, other in combinations(config.mocks, 2):
        if mock_block(one) == mock_block(other):
            raise ValueError(f"mocks {one} and {other} would share seeds: rename one of them")


def _check_images(config: Config) -> None:
    box, images = config.database.box, config.images
    steps = images.spacing / box.cell_size
    if abs(steps - round(steps)) > 1e-6 or round(steps) < 1:
        raise ValueError(
            f"images.spacing {images.spacing:g} Mpc is not a whole number of the box's "
            f"{box.cell_size:g} Mpc cells"
        )
    if images.slices * round(steps) > box.cells:
        raise ValueError(
            f"images: {images.slices} slices {images.spacing:g} Mpc apart need a box of "
            f"{images.slices * images.spacing:g} Mpc, and database.box.length is {box.length:g}"
        )
    if box.cells % images.halves:
        raise ValueError(
            f"images.halves {images.halves} does not divide the box's {box.cells} cells"
        )
    if len(set(images.axes)) < len(images.axes):
        raise ValueError(f"images.axes names an axis twice: {', '.join(images.axes)}")
    along = images.line_of_sight_cells
    if along is not None and along > config.database.lightcone.cells:
        raise ValueError(
            f"images.line_of_sight_cells {along} exceeds the light-cone's "
            f"{config.database.lightcone.cells} cells"
        )


def _check_trainings(config: Config) -> None:
    for name, what in OTHER_FIGURES.items():
        if name in config.trainings:
            raise ValueError(f"trainings: {name!r} is the name of {what}: choose another")
    for name, training in config.trainings.items():
        _check_training(config, f"trainings.{name}", training)


def _check_training(config: Config, where: str, training: Training) -> None:
    if config.training_images(training) > config.images.per_lightcone:
        raise ValueError(
            f"{where}.images {training.images} exceeds the "
            f"{config.images.per_lightcone} images cut from a light-cone"
        )
    left = config.database.realizations - config.split.validation - config.split.test
    if config.training_lightcones(training) > left:
        raise ValueError(
            f"{where}.light_cones {training.light_cones} exceeds the {left} that validation and "
            f"test leave of the database's {config.database.realizations}"
        )
    try:
        training.network.sizes(config.image_shape)
    except ValueError as error:
        raise ValueError(f"{where}.network is too large for its image: {error}") from None


def _check_sweeps(config: Config) -> None:
    for name, sweep in config.sweeps.items():
        where = f"sweeps.{name}"
        if name in (*config.trainings, *OTHER_FIGURES):
            raise ValueError(f"{where}: {name} is the name of other figures: choose another")
        if sweep.training not in config.trainings:
            raise ValueError(
                f"{where}.training: there is no training {sweep.training}; there are "
                f"{', '.join(config.trainings)}"
            )
        try:
            found = config.trials(name)
        except ValueError as error:
            raise ValueError(f"{where}.{error}") from None
        for trial in found:
            values = ", ".join(f"{key} = {value}" for key, value in trial.values.items())
            _check_training(config, f"{where} ({values}): training", trial.training)


def parse(settings: Mapping[str, Any], source: str = "configuration") -> Config:
    """Check settings against the classes above.

    Raises:
        UserError: one line with key, value and what is allowed.
    """
    try:
        return Config.model_validate(dict(settings))
    except ValidationError as error:
        raise UserError(f"{source}: {one_line(error, settings)}") from None


def load(path: str | Path) -> Config:
    """Read and check a configuration file.

    Raises:
        UserError: if it is missing, no YAML, or wrong.
    """
    path = Path(path)
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(settings, dict):
        raise UserError(f"{path}: not a configuration: it holds no keys")
    return parse(settings, str(path))
