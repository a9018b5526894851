"""The sections of the configuration: typed, with defaults, units and bounds.

``config/schema.json`` and ``config/README.md`` are generated from these classes.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from .base import RUN_ONLY, Ascending, Name, PositiveFloat, PositiveInt, Section
from .networks import AnyNetwork, Gillet2019

# Engines by the names that a configuration gives them, and what is recorded of each, in
# fingerprints too: that stays, wherever the code is.
ENGINES = {
    "21cmfast": "lcinfer.simulate:simulate",
    "torch": "lcinfer.torch_engine:simulate",
}
ENGINE = rf"^({'|'.join(ENGINES)}|[\w.]+:\w+)$"
ADOPTED = r"^[0-9a-f]{64}$"
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
# What no prior can vary, and why. Where a light-cone's cells lie is the same for all of a database,
# whatever the engine: store, images and networks take it from here.
FIXED = {
    **dict.fromkeys(
        ("hlittle", "OMm", "OMb"),
        "distances and redshifts of a database's cells follow from one cosmology, which "
        "database.cosmology sets",
    ),
    **dict.fromkeys(
        ("BOX_LEN", "HII_DIM"), "a database's light-cones have one box, which database.box sets"
    ),
}
Velocities = Literal["gradient", "shift", "both", "subcell", "none"]


class Cosmology(Section):
    """Flat LambdaCDM, in py21cmfast's names. The defaults are Gillet et al. 2019."""

    hlittle: Annotated[float, Field(gt=0, lt=2)] = 0.68
    """H0 / (100 km/s/Mpc)."""
    OMm: Annotated[float, Field(gt=0, lt=1)] = 0.31
    """Matter density today."""
    OMb: Annotated[float, Field(gt=0, lt=1)] = 0.048
    """Baryon density today."""
    POWER_INDEX: PositiveFloat = 0.97
    """Spectral index of the primordial power spectrum."""
    SIGMA_8: Annotated[float, Field(gt=0, lt=5)] = 0.81
    """Amplitude of matter fluctuations in 8 Mpc/h spheres."""

    @model_validator(mode="after")
    def _baryons_are_matter(self) -> "Cosmology":
        if self.OMb >= self.OMm:
            raise ValueError(f"OMb {self.OMb:g} must be < OMm {self.OMm:g}: baryons are matter")
        return self


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

    engine: Annotated[
        str,
        Field(pattern=ENGINE, validate_default=True),
        AfterValidator(lambda name: ENGINES.get(name, name)),
    ] = "21cmfast"
    """`21cmfast`, Greig & Mesinger 2018's model on 21cmFAST; `torch`, the same on PyTorch; or
    `module:function` of your own."""
    engine_version: str
    """The version of the engine that must be there; another one is an error. A module of your own
    may say it, by a function `version()` or as `__version__`."""
    template: str = "const-zeta"
    """The py21cmfast template that the inputs start from."""
    options: dict[str, bool | int | float | str] = Field(default={})
    """py21cmfast inputs to set beside the model's own, by py21cmfast's names."""
    threads: PositiveInt = 1
    """Threads of one simulation. Part of its identity: 21cmFAST draws its random
    numbers per thread."""
    z_step_factor: Annotated[float, Field(gt=1)] = 1.02
    """Ratio of (1 + z) between two nodes of the evolution (ZPRIME_STEP_FACTOR)."""
    z_heat_max: PositiveFloat = 35.0
    """Redshift at which the heating begins (Z_HEAT_MAX); nodes reach just above it."""
    velocity_gradients: bool = True
    """False means `velocities: none`, and is an error beside any other `velocities` than the
    default."""
    velocities: Annotated[Velocities, Field(json_schema_extra={"since": "0.2"})] = "gradient"
    """How peculiar velocities enter. `gradient`: their gradient in the 21-cm optical depth alone
    (Mao et al. 2012). `shift`: cells of the light-cone moved along the line of sight to
    redshift space alone. `both`: the one, then the other, as 21cmFAST 4 does. `subcell`: both in
    each coeval box, before the light-cone is interpolated, as version 3's SUBCELL_RSD and Greig &
    Mesinger 2018's code did. `none`: not at all. `shift` and `both` need a node or more below
    `lightcone.z_min`."""
    thermal_density: Annotated[
        Literal["own", "scaled"], Field(json_schema_extra={"since": "0.2"})
    ] = "own"
    """The density that sources, heating and spin temperatures follow. `own`: that of each redshift.
    `scaled`: that of `lightcone.z_min` times the ratio of linear growth, as in Greig & Mesinger
    2018's code. T_b and ionisation follow that of each redshift in any case."""

    @property
    def treatment(self) -> Velocities:
        """How peculiar velocities enter, by both keys."""
        return self.velocities if self.velocity_gradients else "none"

    @model_validator(mode="after")
    def _one_treatment_of_velocities(self) -> "Simulator":
        if not self.velocity_gradients and self.velocities != "gradient":
            raise ValueError(
                f"velocity_gradients: false already means velocities: none; beside velocities: "
                f"{self.velocities} leave it out"
            )
        return self


class Storage(Section):
    """How a light-cone lies on disk."""

    keep_bits: Annotated[int, Field(ge=1, le=23)] | None = None
    """Round brightness temperatures to this many mantissa bits; none: keep all 23."""
    compression_level: Annotated[int, Field(ge=0, le=19, json_schema_extra=RUN_ONLY)] = 1
    """Zstandard level; does not change a value."""
    chunk_cells: Annotated[int, Field(ge=1, json_schema_extra=RUN_ONLY)] = 50
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
    def _leaves_room_for_moved_cells(self) -> "Simulation":
        simulator, z_min = self.simulator, self.lightcone.z_min
        if simulator.treatment in ("shift", "both") and z_min < simulator.z_step_factor - 1:
            raise ValueError(
                f"simulator.velocities: {simulator.treatment} needs a node below "
                f"lightcone.z_min, and {z_min:g} leaves no room for one"
            )
        return self


class ApprovalAbove(Section):
    """What may be simulated without a recorded approval (`lcinfer plan CONFIG --approve`)."""

    core_hours: Annotated[float, Field(ge=0)] = 500
    """Core-hours that the light-cones which are left are predicted to cost."""
    gigabytes: Annotated[float, Field(ge=0)] = 200
    """Disk that they and their images are predicted to take, compressed, in GB."""


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
    adopted: Annotated[str | None, Field(pattern=ADOPTED, json_schema_extra={"since": "0.2"})] = (
        None
    )
    """Which light-cones of py21cmfast's own were brought in with `lcinfer adopt`, which says what
    to write here. Parameters and seeds are then those of the files; none is simulated."""
    prior: dict[str, tuple[float, float]] = Field(min_length=1)
    """The varied py21cmfast parameters, each with [low, high]. Not those that decide where cells
    lie, as OMm or BOX_LEN: these are one for a database."""
    block: Annotated[int, Field(gt=0, json_schema_extra=RUN_ONLY)] = 100
    """Realisations that one job takes. The first value used for a database stays."""
    max_attempts: Annotated[int, Field(gt=0, json_schema_extra=RUN_ONLY)] = 3
    """Failed simulations of a realisation, over all jobs, after which it is set aside."""
    allowed_failures: Annotated[float, Field(ge=0, lt=1, json_schema_extra=RUN_ONLY)] = 0
    """Share of the realisations that may be set aside: what follows is then made without them,
    in places of its own for each `max_attempts`. The mocks' must all be there."""
    limit_minutes: Annotated[float, Field(gt=0, json_schema_extra=RUN_ONLY)] = 720
    """A simulation that takes longer is ended and counts as a failed one."""
    approval_above: Annotated[ApprovalAbove, Field(json_schema_extra=RUN_ONLY)] = ApprovalAbove()
    """Light-cones predicted to cost more, mocks included, need an approval, once."""

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
    precision: Annotated[Literal["single", "half"], Field(json_schema_extra={"since": "0.3"})] = (
        "single"
    )
    """What images are kept in: `half` takes half the room, and rounds 100 mK by 0.03 mK at most."""

    @property
    def per_lightcone(self) -> int:
        """Images of one light-cone."""
        return self.slices * self.halves * len(self.axes)


FOR_A_WIDTH = 10  # validation light-cones for each parameter, to set a posterior's widths by
FOR_A_VERDICT = 200  # test light-cones: with fewer, wrong posteriors pass too often


class Split(Section):
    """Light-cones set aside. The lowest indices validate, the next test, the rest train,
    so that a growing database only adds to the training set."""

    validation: PositiveInt
    """Light-cones of the validation set."""
    test: Annotated[int, Field(ge=2)]
    """Light-cones of the test set; R2 needs two."""


class Optimiser(Section):
    """RMSprop with the defaults of Keras in 2018, which the paper used."""

    learning_rate: PositiveFloat = 1e-3
    """Step size at the start."""
    rho: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Decay of the running mean of squared gradients."""
    epsilon: PositiveFloat = 1e-7
    """Added to the root of that mean."""
    schedule: Annotated[Literal["plateau", "cosine"], Field(json_schema_extra={"since": "0.2"})] = (
        "plateau"
    )
    """When the learning rate is lowered: on a `plateau` of the training loss, as in the paper, or
    along half a `cosine` to zero at the last epoch."""
    patience: PositiveInt = 5
    """Epochs without a training loss lower by 1e-4 before the learning rate is lowered."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """What the learning rate is then multiplied by."""


class Training(Section):
    """One training of one network."""

    input: Annotated[Name, Field(json_schema_extra={"since": "0.3"})] = "images"
    """What the network reads: `images`, or a section of `spectra` by its name."""
    images: PositiveInt | Literal["all"] = "all"
    """Images per light-cone in the training set. Validation uses one, as the paper does."""
    instrument: Annotated[Name | None, Field(json_schema_extra={"since": "0.3"})] = None
    """What the light-cones are observed with, one of `instruments`; none: nothing is between the
    network and the sky."""
    light_cones: Annotated[PositiveInt | None, Field(json_schema_extra={"since": "0.2"})] = None
    """Train on this many light-cones, the first of the training set; none: all."""
    network: AnyNetwork = Gillet2019()
    """The network: a section of its architecture's; the paper's, unless it says another."""
    optimiser: Optimiser = Optimiser()
    """The optimiser and its schedule."""
    epochs: PositiveInt = 100
    """Passes over the training set."""
    batch: Annotated[int, Field(ge=2)] = 200
    """Images per step."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    """Decides initial weights, dropout, the order of images and their mirroring."""
    repeats: Annotated[PositiveInt, Field(json_schema_extra=RUN_ONLY)] = 1
    """Train as often, with `seed`, `seed` + 1, ...: tables have the mean and the spread."""
    ensemble: Annotated[PositiveInt, Field(json_schema_extra={"since": "0.3"})] = 1
    """Train as many networks, with `seed`, `seed` + 1, ..., and mix their posteriors with equal
    weights. Each is a training of its own; a repeat is an ensemble of the seeds that follow."""
    augment: Annotated[bool, Field(json_schema_extra={"since": "0.2"})] = False
    """Mirror half of the images across the line of sight, others in every epoch."""
    frozen_batch_norm: Annotated[float, Field(ge=0, lt=1, json_schema_extra={"since": "0.4"})] = 0.0
    """Share of the epochs, the last ones, in which batch normalisation keeps its statistics: the
    network then learns from what it sees when it predicts (Wu & Johnson 2021)."""
    precision: Annotated[
        Literal["single", "tf32", "bfloat16"], Field(json_schema_extra={"since": "0.2"})
    ] = "single"
    """What products of a training step are rounded to: `tf32` on GPUs, `bfloat16` on newer CPUs
    too. Weights, sums and predictions are in single precision."""

    def images_of(self, per_lightcone: int) -> int:
        """How many of a light-cone's images it learns from."""
        return per_lightcone if self.images == "all" else self.images


class Evaluation(Section):
    """How the networks are scored on the test set."""

    bootstrap: PositiveInt = 2000
    """Resamples of the test light-cones behind each interval."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Share of the resamples inside an interval."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the resampling, and of samples of posteriors."""
    samples: Annotated[PositiveInt, Field(json_schema_extra={"since": "0.3"})] = 1000
    """Of each light-cone's posterior, for networks that give one."""


class Figures(Section):
    """How figures look."""

    formats: Annotated[tuple[Literal["png", "pdf", "svg"], ...], Field(min_length=1)] = (
        "png",
        "pdf",
    )
    """File formats; the report shows the first one."""
    dpi: Annotated[int, Field(ge=50, le=1200)] = 200
    """Dots per inch of raster parts."""
    brightness_range: Annotated[tuple[float, float], Ascending] = (-150.0, 30.0)
    """Ends of the brightness temperature's colour scale in mK."""
    examples: tuple[Name, ...] | None = None
    """Mocks of Figure 1 from the top; none: all, by name."""
    responses: Annotated[tuple[Name, ...] | None, Field(json_schema_extra={"since": "0.2"})] = None
    """Mocks of Figure A2, to which the networks' responses are drawn; none: those of Figure 1."""
    corners: Annotated[tuple[Name, ...] | None, Field(json_schema_extra={"since": "0.3"})] = None
    """Whose posteriors of the mocks are drawn over one another, four at most: trainings, `mcmc`;
    none: the first four."""
    bins: Annotated[int, Field(ge=4, le=200)] = 25
    """Bins along each axis of a density of predictions."""
