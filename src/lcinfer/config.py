"""The configuration: one typed class per section, with defaults, units and bounds.

``config/schema.json`` is generated from these classes (``lcinfer schema``).
"""

import reprlib
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from .errors import UserError
from .networks.layout import Window, feature_sizes

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.]*$"  # goes into paths; '-' separates it from the fingerprint
Name = Annotated[str, Field(pattern=NAME, max_length=40)]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
RUN_ONLY = {"decides_content": False}  # how it is run or called: not in the fingerprint
DEFAULT_ENGINE = "lcinfer.simulate:simulate"
SET_ELSEWHERE = {  # py21cmfast's inputs that have a key here
    "BOX_LEN": "box.length",
    "HII_DIM": "box.cells",
    "DIM": "box.hires_factor",
    "HIRES_TO_LOWRES_FACTOR": "box.hires_factor",
    "N_THREADS": "simulator.threads",
    "ZPRIME_STEP_FACTOR": "simulator.z_step_factor",
    "Z_HEAT_MAX": "simulator.z_heat_max",
    **{name: f"cosmology.{name}" for name in ("hlittle", "OMm", "OMb", "POWER_INDEX", "SIGMA_8")},
}
PLAIN_MESSAGES = {  # for what pydantic says in Python's words
    "missing": "this key is required",
    "model_type": "should be a section with keys of its own",
    "dict_type": "should be a section with keys of its own",
    "tuple_type": "should be a list",
    "too_short": "should hold at least {min_length} of them",
    "too_long": "should hold at most {max_length} of them",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "string_type": "should be a text, in quotes",
    "string_pattern_mismatch": "should match {pattern}",
}


class Section(BaseModel):
    """A section of the configuration: unknown keys are errors, values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Cosmology(Section):
    """Flat LambdaCDM, in py21cmfast's names. The defaults are Gillet et al. 2019."""

    hlittle: Annotated[float, Field(gt=0, lt=2)] = 0.68
    """H0 / (100 km/s/Mpc)."""
    OMm: Annotated[float, Field(gt=0, lt=1)] = 0.31
    """Matter density today."""
    OMb: Annotated[float, Field(gt=0, lt=1)] = 0.048
    """Baryon density today."""
    POWER_INDEX: float = 0.97
    """Spectral index of the primordial power spectrum."""
    SIGMA_8: PositiveFloat = 0.81
    """Amplitude of matter fluctuations in 8 Mpc/h spheres."""


class Box(Section):
    """The periodic simulation box."""

    cells: Annotated[int, Field(ge=4)]
    """Cells along a side of the light-cone's face (HII_DIM)."""
    length: PositiveFloat
    """Side in comoving Mpc (BOX_LEN)."""
    hires_factor: Annotated[int, Field(ge=1)] = 3
    """Initial conditions are made with this many times more cells along a side (DIM / HII_DIM)."""

    @property
    def cell_size(self) -> float:
        """Side of a cell in comoving Mpc."""
        return self.length / self.cells


class LightConeGeometry(Section):
    """Where the light-cone lies along the line of sight."""

    z_min: Annotated[float, Field(ge=0)] = 6.0
    """Redshift of the nearest cell."""
    cells: PositiveInt
    """Cells along the line of sight, each as long as a cell of the box."""


class Simulator(Section):
    """What makes a light-cone from parameters and a seed."""

    engine: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] = DEFAULT_ENGINE
    """`module:function`; the default is Greig & Mesinger 2018's model on 21cmFAST."""
    engine_version: str
    """The version of 21cmfast that must be installed; another one is an error."""
    template: str = "const-zeta"
    """The py21cmfast template that the inputs start from."""
    options: dict[str, bool | int | float | str] = {}
    """py21cmfast inputs to set beside the model's own, by py21cmfast's names."""
    threads: PositiveInt = 1
    """Threads of one simulation. Part of its identity: 21cmFAST draws its random
    numbers per thread."""
    z_step_factor: Annotated[float, Field(gt=1)] = 1.02
    """Ratio of (1 + z) between two nodes of the evolution (ZPRIME_STEP_FACTOR)."""
    z_heat_max: PositiveFloat = 35.0
    """Redshift at which the heating begins (Z_HEAT_MAX); nodes reach just above it."""
    velocity_gradients: bool = True
    """Peculiar velocity gradients in the 21-cm optical depth (Mao et al. 2012)."""


class Storage(Section):
    """How a light-cone lies on disk."""

    keep_bits: Annotated[int, Field(ge=1, le=23)] | None = None
    """Round brightness temperatures to this many mantissa bits; none: keep all 23."""
    compression_level: Annotated[int, Field(ge=0, le=19, json_schema_extra=RUN_ONLY)] = 1
    """Zstandard level; does not change a value."""
    chunk_cells: Annotated[int, Field(ge=1, json_schema_extra=RUN_ONLY)] = 64
    """Side of a shard's inner chunks in cells, across and along the line of sight."""


class Simulation(Section):
    """All that decides a light-cone but its parameters and its seed."""

    cosmology: Cosmology = Cosmology()
    """Cosmological parameters."""
    box: Box
    """The simulation box."""
    lightcone: LightConeGeometry
    """The light-cone's extent."""
    simulator: Simulator
    """The code that simulates, and its options."""
    storage: Storage = Storage()
    """Precision and layout on disk."""

    @model_validator(mode="after")
    def _options_of_its_own(self) -> "Simulation":
        for option in self.simulator.options:
            if option in SET_ELSEWHERE:
                raise ValueError(
                    f"simulator.options.{option} is set by the key {SET_ELSEWHERE[option]}"
                )
        return self

    @model_validator(mode="after")
    def _fits_its_bubbles(self) -> "Simulation":
        bubble = self.simulator.options.get("R_BUBBLE_MAX", 15.0)
        if isinstance(bubble, str):
            raise ValueError(f"simulator.options.R_BUBBLE_MAX should be a number, not {bubble!r}")
        if self.simulator.engine == DEFAULT_ENGINE and bubble > self.box.length / 3:
            raise ValueError(
                f"box.length {self.box.length:g} Mpc is too small: with R_BUBBLE_MAX = "
                f"{bubble:g} Mpc it must be at least {3 * bubble:g} Mpc"
            )
        return self


class Database(Simulation):
    """WHAT is simulated: the database of light-cones."""

    name: Annotated[Name, Field(json_schema_extra=RUN_ONLY)]
    """What the database is called; the first part of its directory's name."""
    realizations: Annotated[int, Field(gt=0, lt=2**31, json_schema_extra=RUN_ONLY)]
    """Number of light-cones. More of them keeps every earlier one."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """From it and a realisation's index follow its parameters and its random seed."""
    sampling: Literal["uniform", "sobol"] = "uniform"
    """Independent uniform draws (the paper), or a scrambled Sobol sequence."""
    prior: dict[str, tuple[float, float]] = Field(min_length=1)
    """The varied py21cmfast parameters, each with [low, high]."""
    block: Annotated[int, Field(gt=0, json_schema_extra=RUN_ONLY)] = 100
    """Realisations that one job takes. The first value used for a database stays."""

    @field_validator("prior")
    @classmethod
    def _ranges(cls, prior: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in prior.items():
            if not low < high:
                raise ValueError(f"{name}: low {low:g} is not below high {high:g}")
        return dict(sorted(prior.items()))


class Mock(Section):
    """A named point in parameter space, with several initial conditions."""

    parameters: dict[str, float]
    """A value for each parameter of the prior."""
    realizations: Annotated[int, Field(gt=0, le=2**16, json_schema_extra=RUN_ONLY)] = 1
    """Independent initial conditions; their seeds are never the database's."""


class Images(Section):
    """How a light-cone is cut into images (Gillet et al. 2019, Fig. 2)."""

    slices: PositiveInt = 5
    """Planes along the line of sight, per axis."""
    spacing: PositiveFloat = 60.0
    """Distance between planes in comoving Mpc, a whole number of cells."""
    halves: PositiveInt = 2
    """Images that each plane is cut into, across the line of sight."""
    axes: Annotated[tuple[Literal["x", "y"], ...], Field(min_length=1)] = ("x",)
    """Transverse axes that the planes stand on."""
    line_of_sight_cells: PositiveInt | None = None
    """Keep this many cells from the nearest on; none: all."""

    @property
    def per_lightcone(self) -> int:
        """Images of one light-cone."""
        return self.slices * self.halves * len(self.axes)


class Split(Section):
    """Light-cones set aside. The lowest indices validate, the next test, the rest train,
    so that a growing database only adds to the training set."""

    validation: PositiveInt
    """Light-cones of the validation set."""
    test: Annotated[int, Field(ge=2)]
    """Light-cones of the test set; R2 needs two."""


class Convolution(Section):
    """A convolution without padding, a ReLU, a max pooling."""

    filters: PositiveInt
    """Number of filters."""
    kernel: PositiveInt | tuple[PositiveInt, PositiveInt] = 10
    """Cells of a filter: one number, or [transverse, line of sight]."""
    pool: PositiveInt | tuple[PositiveInt, PositiveInt] = 2
    """Cells pooled into one: one number, or [transverse, line of sight]."""

    @property
    def window(self) -> Window:
        """Filters, kernel and pooling as pairs of cells."""
        return Window(self.filters, _pair(self.kernel), _pair(self.pool))


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


class Network(Section):
    """Convolutions, then fully connected layers (Gillet et al. 2019, Table 1)."""

    architecture: Literal["gillet2019"] = "gillet2019"
    """The kind of network."""
    convolutions: Annotated[tuple[Convolution, ...], Field(min_length=1)] = (
        Convolution(filters=8),
        Convolution(filters=16),
    )
    """The feature extractor, first layer first."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the flattened features left out in a training step."""
    dense: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 16, 8)
    """Neurons of the hidden fully connected layers; the first is batch-normalised."""

    @property
    def windows(self) -> list[Window]:
        """The convolutions with their poolings, as pairs of cells."""
        return [convolution.window for convolution in self.convolutions]


class Optimiser(Section):
    """RMSprop with the defaults of Keras in 2018, which the paper used."""

    learning_rate: PositiveFloat = 1e-3
    """Step size at the start."""
    rho: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Decay of the running mean of squared gradients."""
    epsilon: PositiveFloat = 1e-7
    """Added to the root of that mean."""
    patience: PositiveInt = 5
    """Epochs without a training loss lower by 1e-4 before the learning rate is lowered."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """What the learning rate is then multiplied by."""


class Training(Section):
    """One training of one network."""

    images: PositiveInt | Literal["all"] = "all"
    """Images per light-cone in the training set. Validation uses one, as the paper does."""
    network: Network = Network()
    """The network."""
    optimiser: Optimiser = Optimiser()
    """The optimiser and its schedule."""
    epochs: PositiveInt = 100
    """Passes over the training set."""
    batch: Annotated[int, Field(ge=2)] = 200
    """Images per step."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    """Decides initial weights, dropout and the order of images."""


class Evaluation(Section):
    """How the networks are scored on the test set."""

    bootstrap: PositiveInt = 2000
    """Resamples of the test light-cones behind each interval."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Share of the resamples inside an interval."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the resampling."""


class Figures(Section):
    """How figures look."""

    formats: Annotated[tuple[Literal["png", "pdf", "svg"], ...], Field(min_length=1)] = (
        "png",
        "pdf",
    )
    """File formats; the report shows the first one."""
    dpi: Annotated[int, Field(ge=50, le=1200)] = 200
    """Dots per inch of raster parts."""
    brightness_range: tuple[float, float] = (-150.0, 30.0)
    """Ends of the brightness temperature's colour scale in mK."""
    examples: tuple[Name, ...] | None = None
    """Mocks of Figure 1 from the top; none: all, by name."""
    bins: Annotated[int, Field(ge=4, le=200)] = 25
    """Bins along each axis of a density of predictions."""

    @field_validator("brightness_range")
    @classmethod
    def _ascends(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if not ends[0] < ends[1]:
            raise ValueError(f"low {ends[0]:g} is not below high {ends[1]:g}")
        return ends


class Config(Section):
    """The whole configuration of a run."""

    name: Name
    """What the run is called; the name of its directory of results."""
    database: Database
    """The light-cones."""
    mocks: dict[Name, Mock] = {}
    """Named parameter points, simulated like the database."""
    images: Images = Images()
    """From light-cones to images."""
    split: Split
    """Validation, test and training light-cones."""
    trainings: Annotated[dict[Name, Training], Field(min_length=1)]
    """Named trainings."""
    evaluation: Evaluation = Evaluation()
    """Scores."""
    figures: Figures = Figures()
    """Plots."""

    @property
    def image_shape(self) -> tuple[int, int]:
        """(transverse, line of sight) cells of an image."""
        along = self.images.line_of_sight_cells or self.database.lightcone.cells
        return self.database.box.cells // self.images.halves, along

    def training_images(self, training: str) -> int:
        """Images per light-cone that a training learns from."""
        images = self.trainings[training].images
        return self.images.per_lightcone if images == "all" else images

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        _check_prior(self)
        _check_split(self)
        _check_mocks(self)
        _check_images(self)
        _check_trainings(self)
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
    from .design import mock_seed_block  # keeps numpy out of a bare import

    varied = set(config.database.prior)
    for name, mock in config.mocks.items():
        if set(mock.parameters) != varied:
            raise ValueError(
                f"mocks.{name}.parameters must name the prior's parameters "
                f"({', '.join(sorted(varied))}), not {', '.join(sorted(mock.parameters))}"
            )
    unknown = set(config.figures.examples or ()) - set(config.mocks)
    if unknown:
        raise ValueError(f"figures.examples: there is no mock {', '.join(sorted(unknown))}")
    if config.database.name in config.mocks:
        raise ValueError(f"mocks.{config.database.name} has the database's name: rename one")
    for one, other in combinations(config.mocks, 2):
        if mock_seed_block(one) == mock_seed_block(other):
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
    if "examples" in config.trainings:
        raise ValueError("trainings: 'examples' is the name of the mocks' figures: choose another")
    for name, training in config.trainings.items():
        if config.training_images(name) > config.images.per_lightcone:
            raise ValueError(
                f"trainings.{name}.images {training.images} exceeds the "
                f"{config.images.per_lightcone} images cut from a light-cone"
            )
        try:
            feature_sizes(config.image_shape, training.network.windows)
        except ValueError as error:
            raise ValueError(
                f"trainings.{name}.network is too large for its image: {error}"
            ) from None


def parse(settings: Mapping[str, Any], source: str = "configuration") -> Config:
    """Check settings against the classes above.

    Raises:
        UserError: one line with key, value and what is allowed.
    """
    try:
        return Config.model_validate(dict(settings))
    except ValidationError as error:
        raise UserError(f"{source}: {_one_line(error, settings)}") from None


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


def check_engine(simulator: Simulator) -> None:
    """Refuse a 21cmfast that is not the one the configuration names.

    Raises:
        UserError: if another version, or none, is installed.
    """
    if simulator.engine != DEFAULT_ENGINE:
        return
    try:
        installed = version("21cmfast")
    except PackageNotFoundError:
        installed = "not there"
    if installed != simulator.engine_version:
        raise UserError(
            f"database.simulator.engine_version is {simulator.engine_version}, but the "
            f"installed 21cmfast is {installed}: install the one, or write the other"
        )


def _one_line(error: ValidationError, settings: Mapping[str, Any]) -> str:
    """The first of a validation's mistakes, and how many more there are."""
    mistakes: dict[tuple[str, ...], list[str]] = {}
    found = error.errors(include_url=False)
    for details in found:
        mistakes.setdefault(_keys(details, settings), []).append(_message(details))
    keys, alternatives = next(iter(mistakes.items()))  # several where one of several kinds fits
    message = " or ".join(dict.fromkeys(alternatives))
    if found[0]["type"] not in ("value_error", "extra_forbidden", "missing"):
        message += f", not {reprlib.repr(found[0]['input'])}"
    where = f"{'.'.join(keys)}: " if keys else ""
    others = [other for other in mistakes if other != keys[: len(other)]]
    more = f" (and {len(others)} more)" if others else ""
    return f"{where}{' '.join(message.split())}{more}"


def _keys(details: ErrorDetails, settings: Any) -> tuple[str, ...]:
    """The keys that lead to a mistake, without what pydantic adds to them: kinds of a union."""
    keys: list[str] = []
    for key in details["loc"]:
        with suppress(KeyError, IndexError, TypeError):
            settings = settings[key]
            keys.append(str(key))
    if details["type"] == "missing" and isinstance(details["loc"][-1], str):
        keys.append(details["loc"][-1])
    return tuple(keys)


def _message(details: ErrorDetails) -> str:
    kind, message = details["type"], details["msg"]
    if kind == "extra_forbidden":
        near = get_close_matches(str(details["loc"][-1]), _all_keys(), n=1)
        return "unknown key" + (f" (did you mean {near[0]}?)" if near else "")
    if kind == "missing" and isinstance(details["loc"][-1], int):
        return f"too few values in {details['input']!r}"
    limits = details.get("ctx", {})
    if limits.get("pattern") == NAME:
        return "should begin with a letter or digit, then hold letters, digits, '_' and '.' alone"
    plain = PLAIN_MESSAGES.get(kind, "").format(**limits)
    return plain or message.removeprefix("Value error, ").removeprefix("Input ")


def _all_keys() -> set[str]:
    kinds = [Section]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {key for kind in kinds for key in kind.model_fields}
