"""The configuration's section of a training's network; without torch, as its layout."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from .layout import REVISIONS, Sizes, Window, bank_sizes, feature_sizes
from .section import PositiveInt, Section


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


class Network(Section):
    """Convolutions, then fully connected layers."""

    architecture: Literal["gillet2019", "filter_bank"] = "gillet2019"
    """`gillet2019`: the paper's Table 1, each convolution behind the last one and max-pooled.
    `filter_bank`: moments of learned filters along the line of sight; each convolution sees the
    image itself, averaged over the poolings of those before it. For few light-cones."""
    convolutions: Annotated[tuple[Convolution, ...], Field(min_length=1)] = (
        Convolution(filters=8),
        Convolution(filters=16),
    )
    """The feature extractor, first layer first."""
    slices: Annotated[PositiveInt, Field(json_schema_extra={"since": "0.2"})] = 20
    """Of a `filter_bank`: slices of the line of sight in each of which moments are measured."""
    moments: Annotated[
        tuple[Literal[1, 2, 4], ...], Field(min_length=1, json_schema_extra={"since": "0.2"})
    ] = (2,)
    """Of a `filter_bank`: moments of its rectified filters. The second is their power; beside it,
    the first and the fourth tell a few strong places from many faint ones."""
    line_of_sight: Annotated[
        tuple[LineOfSight, ...], Field(json_schema_extra={"since": "0.2"})
    ] = ()
    """Of a `filter_bank`: convolutions over its slices, one behind the other, that see how moments
    evolve. The same weights serve all slices, so that fewer light-cones teach them."""
    activation: Annotated[Literal["relu", "silu"], Field(json_schema_extra={"since": "0.2"})] = (
        "relu"
    )
    """Of a `filter_bank`: behind the layers that follow its filters, which are always rectified."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the flattened features left out in a training step."""
    dense: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 16, 8)
    """Neurons of the hidden fully connected layers. Batch-normalised is the first, as in the
    paper; of a `filter_bank` all are, and the features."""

    @field_validator("moments")
    @classmethod
    def _each_once(cls, moments: tuple[int, ...]) -> tuple[int, ...]:
        if list(moments) != sorted(set(moments)):
            raise ValueError("moments must be listed once each, the lowest first")
        return moments

    @model_validator(mode="after")
    def _slices_suffice(self) -> Self:
        if self.line_of_sight and self.architecture != "filter_bank":
            raise ValueError(f"line_of_sight is for a filter_bank, not for {self.architecture}")
        left = self.slices
        for number, layer in enumerate(self.line_of_sight, start=1):
            if left < layer.pool:
                raise ValueError(
                    f"line_of_sight: convolution {number} pools {layer.pool} slices, and {left} of "
                    f"{self.slices} reach it"
                )
            left //= layer.pool
        return self

    @property
    def windows(self) -> list[Window]:
        """The convolutions with their poolings, as pairs of cells."""
        return [convolution.window for convolution in self.convolutions]

    @property
    def revision(self) -> int:
        """Of its architecture: others compute otherwise with the same weights."""
        return REVISIONS.get(self.architecture, 1)

    @property
    def settled(self) -> bool:
        """Whether batch normalisation takes its statistics anew after every epoch.

        The paper's network keeps those that Keras gathers on the way.
        """
        return self.architecture == "filter_bank"

    def sizes(self, image: tuple[int, int]) -> Sizes:
        """Data behind the convolutions of an image of (transverse, line of sight) cells.

        Raises:
            ValueError: if the image is too small for the network.
        """
        if self.architecture == "filter_bank":
            return bank_sizes(image, self.windows, self.slices)
        return feature_sizes(image, self.windows)
