"""The sections of a configuration side by side, and what follows from them together."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from .base import Name, Section
from .instruments import Instrument
from .sections import (
    FOR_A_VERDICT,
    Database,
    Evaluation,
    Figures,
    Images,
    Mock,
    Split,
    Training,
)
from .spectra import Mcmc, Spectra
from .sweeps import Sweep, Trial, repeats, trials

MOST_IN_A_CORNER = 4  # posteriors that can be told apart by their colours
OTHER_FIGURES = {"examples": "the mocks' figures", "scheme": "the figure of the slices"}


class Sections(Section):
    """All sections of a configuration, each right alone."""

    name: Name
    """What the run is called; the name of its directory of results."""
    database: Database
    """The light-cones."""
    mocks: dict[Name, Mock] = Field(default={})
    """Named parameter points, simulated like the database."""
    images: Images = Images()
    """From light-cones to images."""
    spectra: dict[Name, Spectra] = Field(default={})
    """Named power spectra of the light-cones, which networks may read in place of images."""
    instruments: dict[Name, Instrument] = Field(default={}, json_schema_extra={"since": "0.3"})
    """Named instruments that light-cones can be observed with."""
    split: Split
    """Validation, test and training light-cones."""
    trainings: Annotated[dict[Name, Training], Field(min_length=1)]
    """Named trainings."""
    sweeps: dict[Name, Sweep] = Field(default={})
    """Named sets of trainings that vary one: learning curves, studies of hyper-parameters."""
    mcmc: dict[Name, Mcmc] = Field(default={})
    """Named posteriors from a likelihood of spectra."""
    evaluation: Evaluation = Evaluation()
    """Scores."""
    figures: Figures = Figures()
    """Plots."""

    @property
    def other_figures(self) -> dict[str, str]:
        """Names of figures that are of no training and no sweep, and what they are."""
        return OTHER_FIGURES | ({"posteriors": "the posteriors' figures"} if self.tested else {})

    @property
    def image_shape(self) -> tuple[int, int]:
        """(transverse, line of sight) cells of an image."""
        along = self.images.line_of_sight_cells or self.database.lightcone.cells
        return self.database.box.cells // self.images.halves, along

    def input_shape(self, training: Training) -> tuple[int, ...]:
        """What a network reads at a time: of an image its cells, of spectra (chunk, number)."""
        if training.input in self.spectra:
            database = self.database
            return self.spectra[training.input].shape(database.box, database.lightcone)
        return self.image_shape

    def per_lightcone(self, training: Training) -> int:
        """Images of a light-cone that there are for a training; of spectra there is one set."""
        return 1 if training.input in self.spectra else self.images.per_lightcone

    def training_images(self, training: Training) -> int:
        """Images per light-cone that a training learns from."""
        return training.images_of(self.per_lightcone(training))

    @property
    def warnings(self) -> list[str]:
        """What is allowed and likely not meant, a line each: mocks outside the prior, posteriors
        without a verdict."""
        outside = [
            f"warning: mocks.{name}.parameters.{parameter}: {value:g} is outside database.prior, "
            f"{low:g} to {high:g}, where no network learns"
            for name, mock in self.mocks.items()
            for parameter, value in mock.parameters.items()
            for low, high in [self.database.prior[parameter]]
            if not low <= value <= high
        ]
        asked = [f"trainings.{name}" for name in self.with_posteriors]
        asked += [f"mcmc.{name}" for name in self.tested[len(asked) :]]
        if self.split.test >= FOR_A_VERDICT or not asked:
            return outside
        unsure = (
            f"warning: {', '.join(asked)}: whether posteriors are calibrated is not decided on "
            f"{self.split.test} test light-cones: split.test must be {FOR_A_VERDICT} at least"
        )
        return [*outside, unsure]

    @property
    def with_posteriors(self) -> tuple[str, ...]:
        """The trainings whose networks give posteriors."""
        return tuple(name for name, it in self.trainings.items() if it.network.head.together)

    @property
    def tested(self) -> tuple[str, ...]:
        """Whose posteriors of the test light-cones are judged: these, then of `mcmc`."""
        return (*self.with_posteriors, *(name for name, it in self.mcmc.items() if it.test))

    @property
    def corners(self) -> tuple[str, ...]:
        """Whose posteriors are drawn over one another, see :class:`Figures`."""
        return self.figures.corners or (*self.with_posteriors, *self.mcmc)[:MOST_IN_A_CORNER]

    def name_of(self, training: Training) -> str | None:
        """The training that this is itself, or repeats."""
        return next((it for it, one in self.trainings.items() if training in repeats(one)), None)

    def trials(self, sweep: str) -> list[Trial]:
        """The trainings of a sweep."""
        settings = self.sweeps[sweep]
        return trials(settings, self.trainings[settings.training])

    @field_validator("mocks", "spectra", "instruments", "trainings", "sweeps", "mcmc")
    @classmethod
    def _by_name(cls, named: dict[str, Any]) -> dict[str, Any]:
        # The order of keys decides nothing: not the rows of a table either.
        return dict(sorted(named.items()))
