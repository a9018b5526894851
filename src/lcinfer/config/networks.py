"""The configuration's sections of a training's network: one for each architecture, and heads.

A network is a trunk, which makes features of an image, and a head, which makes parameters of them.
Every verb reads this, and data sizes are checked here before any job starts: without torch, in
milliseconds.
"""

from collections.abc import Mapping
from math import prod
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import (
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .base import PositiveInt, Section

Shape = tuple[int, ...]
Sizes = list[tuple[tuple[int, int, int], tuple[int, int, int]]]


class Window(NamedTuple):
    """One convolution (no padding) and the pooling behind it, in cells."""

    filters: int
    kernel: tuple[int, int]
    pool: tuple[int, int]

    @property
    def step(self) -> tuple[int, int]:
        """How far apart a filter bank puts its filters down: half of their width."""
        return max(1, self.kernel[0] // 2), max(1, self.kernel[1] // 2)

    def __str__(self) -> str:
        """The filter's size."""
        return "{}x{}".format(*self.kernel)


class Convolution(Section):
    """A convolution without padding, a ReLU, a pooling."""

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


class LineOfSight(Section):
    """A convolution along the line of sight, batch-normalised and pooled."""

    filters: PositiveInt
    """Number of filters."""
    kernel: PositiveInt = 5
    """Slices that a filter sees; there are empty ones beyond both ends."""
    pool: PositiveInt = 2
    """Slices averaged into one."""


class Regression(Section):
    """A head that gives the parameters themselves, by least squares."""

    kind: Literal["regression"] = "regression"
    """The parameters; the default."""
    loss: ClassVar[str] = "MSE"
    together: ClassVar[bool] = False
    """Whether it answers for several images of a light-cone together, with a posterior."""


class Posterior(Section):
    """A head that gives the posterior by a normalising flow inside the prior's box: autoregressive
    rational-quadratic splines (Durkan et al. 2019)."""

    kind: Literal["posterior"]
    """A flow."""
    transforms: PositiveInt = 3
    """Transformations, one behind the other."""
    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 64)
    """Neurons of the hidden layers that give the splines of each."""
    bins: Annotated[int, Field(ge=2)] = 8
    """Pieces of a spline."""
    base: Annotated[
        Literal["standard", "validation"], Field(json_schema_extra={"since": "0.4"})
    ] = "standard"
    """What the splines stretch, in predictions: the normal distribution, or the Gaussian with the
    covariance of what they make of the validation set's parameters. The latter gives widths that
    are right for light-cones from which the network has not learnt."""
    loss: ClassVar[str] = "negative log density"
    together: ClassVar[bool] = True


class GaussianDropout(Section):
    """A head that gives the posterior as a Gaussian with a full covariance, averaged over dropout
    (Levasseur et al. 2017)."""

    kind: Literal["gaussian_dropout"]
    """A Gaussian, and dropout at prediction."""
    hidden: PositiveInt = 64
    """Neurons of its hidden layer."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of what goes into each of its two layers that is left out in a training step."""
    rates: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(min_length=1)] = (
        *(0.0, 0.02, 0.05, 0.1, 0.2),
        *(0.3, 0.4, 0.5),
    )
    """The same at prediction: that one is taken whose intervals of 68 and 95 % hold as much of the
    validation set, the densest of those that do equally well."""
    loss: ClassVar[str] = "negative log density"
    together: ClassVar[bool] = True


def _unless_said(**default: str) -> BeforeValidator:
    def with_default(settings: Any) -> Any:
        return {**default, **settings} if isinstance(settings, Mapping) else settings

    return BeforeValidator(with_default)


AnyHead = Annotated[
    Regression | Posterior | GaussianDropout,
    Field(discriminator="kind"),
    _unless_said(kind="regression"),
]


class Network(Section):
    """What the networks of all architectures have."""

    architecture: str
    """That of the trunk."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of what goes into the fully connected layers that is left out in a training step."""
    dense: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 16, 8)
    """Neurons of the hidden fully connected layers; the last ones are the features."""
    head: Annotated[AnyHead, Field(json_schema_extra={"since": "0.2"})] = Regression()
    """What makes parameters of the features."""

    revision: ClassVar[int] = 1
    """Raised where an architecture that trainings may rest on computes otherwise with the same
    weights. One above 1 is part of a training's fingerprint, and a checkpoint says its own."""
    settled: ClassVar[bool] = False
    """Whether batch normalisation takes its statistics anew after every epoch. The paper's network
    keeps those that Keras gathers on the way."""

    @model_validator(mode="before")
    @classmethod
    def _own_keys(cls, settings: Any, info: ValidationInfo) -> Any:
        """Say whose a key of another architecture is; leave it out of what was recorded before
        each had a section of its own."""
        if not isinstance(settings, Mapping):
            return settings
        others = {
            key: name
            for name, architecture in ARCHITECTURES.items()
            for key in settings.keys() & architecture.model_fields.keys() - cls.model_fields.keys()
        }
        if (info.context or {}).get("recorded"):
            return {key: value for key, value in settings.items() if key not in others}
        if others:
            told = [f"{key} is for a {name}" for key, name in sorted(others.items())]
            raise ValueError("\n".join(f"{it}, not for {settings['architecture']}" for it in told))
        return settings

    def bytes_of_step(self, image: Shape) -> int:
        """Memory that an image surely takes in a training step, in float32.

        Raises:
            ValueError: if the image is too small for the network.
        """
        raise NotImplementedError


class Convolutional(Network):
    """What networks of images of (transverse, line of sight) cells have."""

    convolutions: Annotated[tuple[Convolution, ...], Field(min_length=1)] = (
        Convolution(filters=8),
        Convolution(filters=16),
    )
    """The feature extractor, first layer first."""

    @property
    def windows(self) -> list[Window]:
        """The convolutions with their poolings, as pairs of cells."""
        return [convolution.window for convolution in self.convolutions]

    def sizes(self, image: Shape) -> Sizes:
        """(channels, transverse, line of sight) behind each convolution, and behind its pooling.

        Raises:
            ValueError: if the image is used up before the last one.
        """
        raise NotImplementedError

    def bytes_of_step(self, image: Shape) -> int:
        """See :class:`Network`.

        Kept for the way back: each rectified convolution, what is pooled from it, and from where
        (64-bit); the largest convolution's gradient comes on top. Libraries add to it: about as
        much again.
        """
        cells = [(prod(convolved), prod(pooled)) for convolved, pooled in self.sizes(image)]
        kept = sum(4 * convolved + (4 + 8) * pooled for convolved, pooled in cells)
        return kept + 4 * max(convolved for convolved, _ in cells)


class Gillet2019(Convolutional):
    """The paper's Table 1: each convolution behind the last one, max-pooled; the first of the
    fully connected layers is batch-normalised."""

    architecture: Literal["gillet2019"] = "gillet2019"
    """The paper's; the default."""

    def sizes(self, image: Shape) -> Sizes:
        """See :class:`Convolutional`."""
        sizes: Sizes = []
        rows, columns = image
        for number, window in enumerate(self.windows, start=1):
            convolved = (rows - window.kernel[0] + 1, columns - window.kernel[1] + 1)
            pooled = (convolved[0] // window.pool[0], convolved[1] // window.pool[1])
            if min(*convolved, *pooled) < 1:
                needs = f"{window}, pooled {window.pool[0]}x{window.pool[1]}) needs"
                raise _too_small(number, needs, (rows, columns), image)
            sizes.append(((window.filters, *convolved), (window.filters, *pooled)))
            rows, columns = pooled
        return sizes


class FilterBank(Convolutional):
    """Moments of learned filters along the line of sight, for few light-cones. Each convolution
    sees the image itself, averaged over the poolings of those before it; features and all hidden
    layers are batch-normalised."""

    architecture: Literal["filter_bank"]
    """The filter bank's; never the default."""
    slices: Annotated[PositiveInt, Field(json_schema_extra={"since": "0.2"})] = 20
    """Slices of the line of sight in each of which moments are measured."""
    moments: Annotated[
        tuple[Literal[1, 2, 4], ...], Field(min_length=1, json_schema_extra={"since": "0.2"})
    ] = (2,)
    """Moments of the rectified filters. The second is their power; beside it, the first and the
    fourth tell a few strong places from many faint ones."""
    line_of_sight: Annotated[
        tuple[LineOfSight, ...], Field(json_schema_extra={"since": "0.2"})
    ] = ()
    """Convolutions over the slices, one behind the other, that see how moments evolve. The same
    weights serve all slices, so that fewer light-cones teach them."""
    activation: Annotated[Literal["relu", "silu"], Field(json_schema_extra={"since": "0.2"})] = (
        "relu"
    )
    """Behind the layers that follow the filters, which are always rectified."""

    revision: ClassVar[int] = 3  # 2: batch normalisation as Keras had it; 3: settled
    settled: ClassVar[bool] = True

    @field_validator("moments")
    @classmethod
    def _each_once(cls, moments: tuple[int, ...]) -> tuple[int, ...]:
        if list(moments) != sorted(set(moments)):
            raise ValueError("moments must be listed once each, the lowest first")
        return moments

    @model_validator(mode="after")
    def _slices_suffice(self) -> Self:
        left = self.slices
        for number, layer in enumerate(self.line_of_sight, start=1):
            if left < layer.pool:
                raise ValueError(
                    f"line_of_sight: convolution {number} pools {layer.pool} slices, and {left} of "
                    f"{self.slices} reach it"
                )
            left //= layer.pool
        return self

    def sizes(self, image: Shape) -> Sizes:
        """See :class:`Convolutional`: of each scale's filters, and of the image behind it.

        Raises:
            ValueError: also if there are too few places for the slices of the line of sight.
        """
        sizes: Sizes = []
        rows, columns = image
        for number, window in enumerate(self.windows, start=1):
            across = (rows - window.kernel[0]) // window.step[0] + 1
            along = (columns - window.kernel[1]) // window.step[1] + 1
            if across < 1 or along < self.slices:
                needs = f"{window}) in {self.slices} slices needs"
                raise _too_small(number, needs, (rows, columns), image)
            rows, columns = rows // window.pool[0], columns // window.pool[1]
            sizes.append(((window.filters, across, along), (1, rows, columns)))
        return sizes


class Dense(Network):
    """Fully connected layers alone, for spectra and other vectors. What goes in is
    batch-normalised, each number by itself, and so is every hidden layer."""

    architecture: Literal["dense"]
    """Of what reads `spectra`."""
    activation: Literal["relu", "silu"] = "silu"
    """Behind each hidden layer."""

    settled: ClassVar[bool] = True

    def bytes_of_step(self, image: Shape) -> int:
        """See :class:`Network`: what goes in and its normalisation, and of each layer three."""
        return 4 * (2 * prod(image) + 3 * sum(self.dense))


def _too_small(number: int, needs: str, left: Shape, image: Shape) -> ValueError:
    reach, whole = ("x".join(map(str, cells)) for cells in (left, image))
    return ValueError(
        f"convolution {number} ({needs} more than the {reach} cells that reach it of an image of "
        f"{whole}"
    )


ARCHITECTURES: dict[str, type[Network]] = {
    "gillet2019": Gillet2019,
    "filter_bank": FilterBank,
    "dense": Dense,
}


AnyNetwork = Annotated[
    Gillet2019 | FilterBank | Dense,
    Field(discriminator="architecture"),
    _unless_said(architecture="gillet2019"),
]


def recorded(settings: Mapping[str, Any]) -> Gillet2019 | FilterBank | Dense:
    """The network of a section that a checkpoint holds, of this version or an earlier one.

    Raises:
        ValueError: if there is no such network here.
    """
    adapter: TypeAdapter[Gillet2019 | FilterBank | Dense] = TypeAdapter(AnyNetwork)
    return adapter.validate_python(settings, context={"recorded": True})
