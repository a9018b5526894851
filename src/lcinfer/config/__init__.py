"""The configuration as a whole: its sections, whether they agree, and how it is read."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from ..base import yamlfile
from ..base.errors import UserError
from . import messages as mistakes
from .base import Name, Section
from .instruments import Instrument
from .messages import Mistakes, meant, unknown
from .sections import (
    FIXED,
    FOR_A_VERDICT,
    FOR_A_WIDTH,
    Database,
    Evaluation,
    Figures,
    Images,
    Mock,
    Split,
    Training,
)
from .seeds import mock_block
from .spectra import Mcmc, Spectra
from .sweeps import Sweep, Trial, repeats, trials

MOST_IN_A_CORNER = 4  # posteriors that can be told apart by their colours
FEWEST_SAMPLES = 20  # between them a truth can fall into 21 places: a twentieth is told
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

    @model_validator(mode="after")
    def _agrees(self, info: ValidationInfo) -> "Config":
        found = [*_prior(self), *_mocks(self)]
        if not (info.context or {}).get("recorded"):
            found += [*_cannot_be_varied(self), *_posteriors(self)]
        cut = [*_split(self), *_images(self), *_spectra(self)]
        # What a training finds wrong with images that are cut wrongly is no mistake of its own.
        found += cut or [
            *_instruments(self),
            *_trainings(self),
            *_sweeps(self),
            *_mcmc(self),
            *_corners(self),
        ]
        if found:
            raise ValueError("\n".join(found))
        return self


def _prior(config: Config) -> Iterator[str]:
    simulator, prior = config.database.simulator, config.database.prior
    for name in sorted(set(prior) & set(simulator.options)):
        yield f"database: {name} is both in prior and in simulator.options"


def _cannot_be_varied(config: Config) -> Iterator[str]:
    for name in sorted(FIXED.keys() & config.database.prior.keys()):
        yield f"database.prior: {name} cannot be varied: {FIXED[name]}"


def _posteriors(config: Config) -> Iterator[str]:
    kept = {f"mcmc.{name}.samples": it.samples for name, it in config.mcmc.items()}
    if config.with_posteriors:
        kept["evaluation.samples"] = config.evaluation.samples
    for key, samples in kept.items():
        if samples < FEWEST_SAMPLES:
            yield (
                f"{key} {samples}: {FEWEST_SAMPLES} at least: fewer tell no interval that holds "
                "95 % of a posterior"
            )
    corners = config.figures.corners or ()
    if config.figures.corners == ():
        yield f"figures.corners names none: leave it out for the first {MOST_IN_A_CORNER}"
    if len(set(corners)) < len(corners):
        yield f"figures.corners names a posterior twice: {', '.join(corners)}"


def _split(config: Config) -> Iterator[str]:
    taken = config.split.validation + config.split.test
    if taken >= config.database.realizations:
        yield (
            f"split: {config.split.validation} light-cones for validation and "
            f"{config.split.test} for testing leave none of the database's "
            f"{config.database.realizations} for training"
        )


def _mocks(config: Config) -> Iterator[str]:
    varied = set(config.database.prior)
    named = {name for mock in config.mocks.values() for name in mock.parameters}
    for name in sorted(varied - named if named else ()):
        if other := meant(name, sorted(named - varied)):
            yield f"database.prior: no mock has {name}{other}"
    for name, mock in config.mocks.items():
        missing, more = sorted(varied - set(mock.parameters)), sorted(set(mock.parameters) - varied)
        differing = [f"lacks {', '.join(missing)}, which the prior varies"] if missing else []
        differing += [f"has {', '.join(more)}, which it does not vary"] if more else []
        if differing:
            yield f"mocks.{name}.parameters {', and '.join(differing)}"
    for key in ("examples", "responses"):
        unknown = set(getattr(config.figures, key) or ()) - set(config.mocks)
        for name in sorted(unknown):
            yield f"figures.{key}: there is no mock {name}{meant(name, config.mocks)}"
    if config.database.name in config.mocks:
        yield f"mocks.{config.database.name} has the database's name: rename one"
    for one, other in combinations(config.mocks, 2):
        if mock_block(one) == mock_block(other):
            yield f"mocks {one} and {other} would share seeds: rename one of them"


def _images(config: Config) -> Iterator[str]:
    box, images = config.database.box, config.images
    steps = images.spacing / box.cell_size
    if abs(steps - round(steps)) > 1e-6 or round(steps) < 1:
        yield (
            f"images.spacing {images.spacing:g} Mpc is not a whole number of the box's "
            f"{box.cell_size:g} Mpc cells"
        )
    elif images.slices * round(steps) > box.cells:
        yield (
            f"images: {images.slices} slices {images.spacing:g} Mpc apart need a box of "
            f"{images.slices * images.spacing:g} Mpc, and database.box.length is {box.length:g}"
        )
    if box.cells % images.halves:
        yield f"images.halves {images.halves} does not divide the box's {box.cells} cells"
    if len(set(images.axes)) < len(images.axes):
        yield f"images.axes names an axis twice: {', '.join(images.axes)}"
    along = images.line_of_sight_cells
    if along is not None and along > config.database.lightcone.cells:
        yield (
            f"images.line_of_sight_cells {along} exceeds the light-cone's "
            f"{config.database.lightcone.cells} cells"
        )


def _spectra(config: Config) -> Iterator[str]:
    for name, spectra in config.spectra.items():
        if name == "images":
            yield "spectra: 'images' is what networks read by default: choose another name"
        try:
            spectra.shape(config.database.box, config.database.lightcone)
        except ValueError as error:
            yield f"spectra.{name}: {error}"


def _mcmc(config: Config) -> Iterator[str]:
    parameters = len(config.database.prior)
    left = config.database.realizations - config.split.validation - config.split.test
    for name, mcmc in config.mcmc.items():
        where = f"mcmc.{name}"
        if name in config.with_posteriors:
            yield f"{where}: a training has posteriors of this name: choose another"
        if mcmc.spectra not in config.spectra:
            yield f"{where}.spectra: {unknown('section spectra.', mcmc.spectra, config.spectra)}"
        if mcmc.walkers < 2 * parameters:
            yield f"{where}.walkers {mcmc.walkers}: {parameters} parameters need {2 * parameters}"
        if left < 2 * mcmc.components:
            yield (
                f"{where}.components {mcmc.components}: the scatter of so many needs "
                f"{2 * mcmc.components} training light-cones, and there are {left}"
            )


def _corners(config: Config) -> Iterator[str]:
    known, asked = (*config.with_posteriors, *config.mcmc), config.figures.corners or ()
    if len(asked) > MOST_IN_A_CORNER:
        yield f"figures.corners: {len(asked)} posteriors, and {MOST_IN_A_CORNER} can be told apart"
    for name in asked:
        if name not in known:
            there = ", ".join(known) or "none"
            yield f"figures.corners: {name} has no posterior{meant(name, known)}; there are {there}"


def _instruments(config: Config) -> Iterator[str]:
    for name in config.instruments:
        if name in (*config.trainings, *config.sweeps, *config.other_figures):
            yield f"instruments.{name}: {name} is the name of other figures: choose another"


def _trainings(config: Config) -> Iterator[str]:
    for name, training in config.trainings.items():
        if what := config.other_figures.get(name):
            yield f"trainings: {name!r} is the name of {what}: choose another"
        else:
            yield from _training(config, f"trainings.{name}", training)


def _training(config: Config, where: str, training: Training) -> Iterator[str]:
    if training.input != "images":
        if training.input not in config.spectra:
            yield f"{where}.input: {unknown('section spectra.', training.input, config.spectra)}"
            return
        if training.network.architecture != "dense":
            yield (
                f"{where}.network: a {training.network.architecture} reads images; for spectra "
                f"say architecture: dense"
            )
            return
        if training.augment:
            yield f"{where}.augment: spectra are the same when mirrored: leave it out"
        if training.instrument is not None:
            yield f"{where}.instrument: spectra are those of light-cones without an instrument"
    images, there = config.training_images(training), config.per_lightcone(training)
    if training.ensemble > 1 and not training.network.head.together:
        yield (
            f"{where}.ensemble: it mixes posteriors, and a head of {training.network.head.kind} "
            f"gives none: say network.head.kind: posterior, or repeats"
        )
    if training.network.head.together and training.batch < images:
        yield (
            f"{where}.batch {training.batch} is less than the {images} images of a light-cone that "
            f"its posterior learns from together"
        )
    head, needed = training.network.head, FOR_A_WIDTH * len(config.database.prior)
    if head.kind == "posterior" and head.base == "validation" and config.split.validation < needed:
        yield (
            f"{where}.network.head.base: validation: widths of {len(config.database.prior)} "
            f"parameters need {needed} validation light-cones, and split.validation is "
            f"{config.split.validation}"
        )
    if images > there:
        what = "images cut from" if training.input == "images" else "set of spectra of"
        yield f"{where}.images {training.images} exceeds the {there} {what} a light-cone"
    asked = training.instrument
    if asked is not None and asked not in config.instruments:
        yield f"{where}.instrument: {unknown('instrument ', asked, config.instruments)}"
    left = config.database.realizations - config.split.validation - config.split.test
    if training.light_cones and training.light_cones > left:
        yield (
            f"{where}.light_cones {training.light_cones} exceeds the {left} that validation and "
            f"test leave of the database's {config.database.realizations}"
        )
    try:
        training.network.bytes_of_step(config.input_shape(training))
    except ValueError as error:
        yield f"{where}.network is too large for its image: {error}"


def _sweeps(config: Config) -> Iterator[str]:
    for name, sweep in config.sweeps.items():
        where = f"sweeps.{name}"
        if name in (*config.trainings, *config.other_figures):
            yield f"{where}: {name} is the name of other figures: choose another"
        if sweep.training not in config.trainings:
            yield f"{where}.training: {unknown('training ', sweep.training, config.trainings)}"
            continue
        try:
            found = config.trials(name)
        except ValueError as error:
            yield f"{where}.{error}"
            continue
        for trial in found:
            values = ", ".join(f"{key} = {value}" for key, value in trial.values.items())
            yield from _training(config, f"{where} ({values}): training", trial.training)


def parse(
    settings: Mapping[str, Any], source: str = "configuration", recorded: bool = False
) -> Config:
    """Check settings against the classes above.

    Args:
        settings: as in a file.
        source: what a mistake is said to be in.
        recorded: whether they are of a run that was made, which may have a prior that no new
            run may have.

    Raises:
        Mistakes: a line for each, with key, value and what is allowed.
    """
    try:
        return Config.model_validate(dict(settings), context={"recorded": recorded})
    except ValidationError as error:
        raise Mistakes(mistakes.of(error, settings), source) from None


def simulations(path: Path) -> Config | None:
    """The sections ``database`` and ``mocks`` alone of a file that something is wrong with; None:
    there is in these too."""
    settings = yamlfile.read(path)
    try:
        database = Database.model_validate(settings["database"])
        mocks = {name: Mock.model_validate(it) for name, it in settings.get("mocks", {}).items()}
    except (ValidationError, KeyError, TypeError, AttributeError):
        return None
    return Config.model_construct(database=database, mocks=mocks)


def load(path: str | Path) -> Config:
    """Read and check a configuration file.

    Raises:
        UserError: if it is missing, no YAML, or wrong.
    """
    path = Path(path)
    settings = yamlfile.read(path)
    if not isinstance(settings, dict):
        raise UserError(f"{path}: not a configuration: it holds no keys")
    return parse(settings, str(path))
