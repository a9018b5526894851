"""Convolutions with cells folded into channels: the same numbers, on a GPU's matrix units.

A GPU multiplies matrices of some dozen channels at a time. The paper's first convolution reads one
channel and gives eight, its second reads eight: most of the machine idles. Here a block of cells
becomes that many channels, of the image and of what a convolution gives, and a kernel becomes a
smaller one between more channels, most of whose added weights are zero. A block holds the cells of
all poolings to come, so that a pooling takes the largest of some channels, and nothing is ever
unfolded. (Known from networks for photographs as "space to depth" of the first layer.)
"""

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import pad

from ...base.device import fused
from ...config.networks import Window

Block = tuple[int, int]
# Of a block: more, and the added zeros cost more than is won. Blocks of 16 were measured.
MOST_CELLS = 64


class Folded(nn.Module):
    """A trunk's convolutions and poolings, folded, and its other layers as they are.

    It computes what the trunk does, within rounding, with the trunk's own layers and weights.
    """

    def __init__(
        self, trunk: nn.Sequential, windows: Sequence[Window], pooled: tuple[int, int]
    ) -> None:
        """Fold ``trunk``.

        Args:
            trunk: it begins with a convolution, a pooling and a rectifier for each window.
            windows: its convolutions.
            pooled: (transverse, line of sight) cells behind the last pooling.
        """
        super().__init__()
        layers = list(trunk)
        self.convolutions = nn.ModuleList(layers[0 : 3 * len(windows) : 3])
        self.rest = nn.Sequential(*layers[3 * len(windows) :])
        self._windows = windows
        self._blocks = blocks(windows)
        self._cells = _cells_read(windows, self._blocks, pooled)

    def forward(self, images: Tensor) -> Tensor:
        """(image, 1, transverse, line of sight) -> (image, feature)."""
        images = fold(_cropped(images, self._cells), self._blocks[0])
        layers = cast(Sequence[nn.Conv2d], self.convolutions)
        for layer, window, block in zip(layers, self._windows, self._blocks, strict=True):
            kernel = folded_kernel(layer.weight, block, window.pool)
            images = largest(torch.conv2d(images, kernel), layer.bias, math.prod(window.pool))
        features: Tensor = self.rest(images)
        return features


def foldable(windows: Sequence[Window]) -> bool:
    """Whether folding is likely to pay."""
    return math.prod(blocks(windows)[0]) <= MOST_CELLS


def blocks(windows: Sequence[Window]) -> list[Block]:
    """Cells that are one before each convolution: those of all poolings to come."""
    found: list[Block] = []
    block = (1, 1)
    for window in reversed(windows):
        block = block[0] * window.pool[0], block[1] * window.pool[1]
        found.insert(0, block)
    return found


def fold(images: Tensor, block: Block) -> Tensor:
    """(image, channel, row, column) -> (image, (row in block, column in block, channel), ...)."""
    count, channels, rows, columns = images.shape
    a, b = block
    parts = images.reshape(count, channels, rows // a, a, columns // b, b)
    ordered = parts.permute(0, 2, 4, 3, 5, 1)  # channels last in memory
    folded = ordered.reshape(count, rows // a, columns // b, a * b * channels)
    return folded.permute(0, 3, 1, 2)


def folded_kernel(weight: Tensor, block: Block, pool: Block) -> Tensor:
    """A convolution's weights between folded cells.

    Args:
        weight: (filter, channel, row, column).
        block: the cells that are folded.
        pool: those of a pooling, of which blocks hold whole ones.

    Returns:
        (output, input, row of blocks, column of blocks); inputs as :func:`fold` orders them,
        outputs (row in pooling, column in pooling, pooled row, pooled column, filter).
    """
    filters, channels, *kernel = weight.shape
    a, b = block
    across, along = _blocks_read(block, kernel)
    rows, columns = a * across, b * along
    # The cell at d of a block sees the kernel shifted by d: a window that slides over zeros.
    spread = pad(weight, (b - 1, columns - kernel[1], a - 1, rows - kernel[0]))
    shifted = spread.unfold(2, rows, 1).unfold(3, columns, 1).flip(2, 3)
    p, q = pool
    parts = shifted.reshape(filters, channels, a // p, p, b // q, q, across, a, along, b)
    ordered = parts.permute(3, 5, 2, 4, 0, 7, 9, 1, 6, 8)
    folded = ordered.reshape(a * b * filters, a * b * channels, across, along)
    return folded.contiguous(memory_format=torch.channels_last)


class _Largest(Function):
    """See :func:`largest`. As plain operations, all channels would be kept for the way back."""

    @staticmethod
    def forward(context: Any, convolved: Tensor, bias: Tensor, together: int) -> Tensor:
        choose = fused(_choose, convolved.device)
        largest_and_place: tuple[Tensor, Tensor] = choose(convolved, bias, together)
        context.save_for_backward(largest_and_place[1])
        context.sizes = together, len(bias)
        return largest_and_place[0]

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        (place,) = context.saved_tensors
        spread = fused(_spread, gradient.device)
        return *spread(gradient, place, *context.sizes), None


def largest(convolved: Tensor, bias: Tensor | None, together: int) -> Tensor:
    """The largest of each ``together`` channels, plus bias, rectified.

    What max pooling and a rectifier do, and with the same gradients.

    Args:
        convolved: (image, channel, row, column), channels last in memory.
        bias: of each filter.
        together: cells in a pooling; the first of the largest gets the gradient.
    """
    chosen: Tensor = _Largest.apply(convolved, bias, together)  # type: ignore[no-untyped-call,unused-ignore]
    return chosen


def _choose(convolved: Tensor, bias: Tensor, together: int) -> tuple[Tensor, Tensor]:
    """The largest channels, and which those are: ``together``, if the rectifier has shut."""
    kept = convolved.shape[1] // together
    first, *others = torch.split(convolved.permute(0, 2, 3, 1), kept, 3)
    place = torch.zeros_like(first, dtype=torch.uint8)  # a block has fewer cells than it counts
    for number, other in enumerate(others, start=1):
        larger = (other > first) | other.isnan()
        first = torch.where(larger, other, first)
        place = torch.where(larger, number, place)
    first = first + bias.repeat(kept // len(bias)).to(first.dtype)
    shut = first <= 0
    place = torch.where(shut, together, place).to(torch.uint8)
    return first.masked_fill(shut, 0).permute(0, 3, 1, 2), place


def _spread(gradient: Tensor, place: Tensor, together: int, filters: int) -> tuple[Tensor, Tensor]:
    """Gradients of all channels, and of the bias."""
    own = gradient.permute(0, 2, 3, 1)
    channels = [torch.where(place == number, own, 0) for number in range(together)]
    summed_in = torch.promote_types(own.dtype, torch.float32)
    biases = torch.where(place < together, own, 0).sum((0, 1, 2), dtype=summed_in)
    return torch.cat(channels, 3).permute(0, 3, 1, 2), biases.view(-1, filters).sum(0)


def _blocks_read(block: Block, kernel: Sequence[int]) -> Block:
    """Rows and columns of blocks that a block of a convolution's cells is computed from."""
    rows, columns = (
        math.ceil((cells - 1 + width) / cells) for cells, width in zip(block, kernel, strict=True)
    )
    return rows, columns


def _cells_read(windows: Sequence[Window], folds: Sequence[Block], pooled: Block) -> Block:
    """Rows and columns of the image that the kept cells of the last pooling are computed from."""
    rows, columns = pooled
    for window, block in zip(reversed(windows), reversed(folds), strict=True):
        across, along = _blocks_read(block, window.kernel)
        rows, columns = rows + across - 1, columns + along - 1
    return rows * folds[0][0], columns * folds[0][1]


def _cropped(images: Tensor, cells: Block) -> Tensor:
    """Images without cells that no pooling keeps, and with zeros that only zeros multiply."""
    rows, columns = (wanted - there for wanted, there in zip(cells, images.shape[2:], strict=True))
    return pad(images, (0, columns, 0, rows))
