"""Tables of equal steps, read at many voxels: linear between two entries."""

import torch
from torch import Tensor


def below(place: Tensor, entries: int) -> tuple[Tensor, Tensor]:
    """The entry below each place in its table, and how far above it the place is.

    Args:
        place: in tables side by side, from 0 to less than ``entries`` - 1, float32, shape (...,
            tables, voxels).
        entries: of each table.

    Returns:
        Indices into all tables one after another, int32, which are read twice as fast as longer
        ones, and shares from 0 to 1; both of the places' shape.
    """
    low = place.int()
    share = place - low.float()
    tables = place[..., 0].numel()
    first = torch.arange(0, tables * entries, entries, dtype=torch.int32, device=place.device)
    return low.add_(first.view(*place.shape[:-1], 1)), share


def read(tables: Tensor, rise: Tensor, low: Tensor, share: Tensor) -> Tensor:
    """Values of tables at places, float32, of the places' shape.

    Args:
        tables: shape (..., entries).
        rise: from each entry to the next; same shape.
        low: see :func:`below`.
        share: likewise.
    """
    index = low.reshape(-1)
    begin, more = (x.reshape(-1).index_select(0, index).view_as(low) for x in (tables, rise))
    return begin.addcmul_(more, share)
