"""An ensemble: the posteriors of several networks, mixed with equal weights.

Networks of other seeds differ in what few light-cones leave open, and a mixture says so where each
alone is too sure of itself (Lakshminarayanan et al. 2017, arXiv:1612.01474; of posteriors Hermans
et al. 2022, arXiv:2110.06581). Where each is as wide as it should be their mixture is wider: flows
with bases of the validation set are made narrower together.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from . import base
from .architectures import Network
from .flow import Flow
from .head import Density


def mixture(networks: Sequence[Network], widths: Sequence[float] = ()) -> Network:
    """Networks with heads of posteriors as one: trunks beside one another, and their mixture, with
    widths of its members' multiplied by ``widths``, one for each parameter."""
    trunks = _Beside([network.trunk for network in networks])
    heads = Mixture([cast(Density, network.head) for network in networks])
    if widths:
        heads.widen(torch.tensor(widths))
    return Network(OrderedDict(trunks=trunks, output=heads))


class Mixture(Density):
    """The mixture of posteriors, each of features of its own: they follow one another."""

    def __init__(self, heads: Sequence[Density]) -> None:
        """Their weights are shared, not copied."""
        super().__init__(heads[0].box.shape[1])
        self.bound(heads[0].box)
        self.heads = nn.ModuleList(heads)

    def errors(self, features: Tensor, targets: Tensor) -> Tensor:
        """See :class:`Density`: of the mean of the densities."""
        each = torch.stack([head.errors(own, targets) for head, own in self._each(features)])
        return math.log(len(each)) - torch.logsumexp(-each, 0)

    def samples(
        self, features: Tensor, count: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """See :class:`Head`: which posterior one is of is drawn for each."""
        which = torch.randint(len(self.heads), (len(features), count), generator=generator)
        taken = one_hot(which, len(self.heads)).cumsum(1)
        most = int(taken[:, -1].max())
        drawn = [
            cast(Tensor, head.samples(own, most, generator)) for head, own in self._each(features)
        ]
        place = taken.gather(2, which[..., None])[..., 0] - 1
        samples: Tensor = torch.stack(drawn, 1)[torch.arange(len(which))[:, None], which, place]
        return samples

    def forward(self, features: Tensor) -> Tensor:
        """The mixture's mean."""
        return torch.stack([head(own) for head, own in self._each(features)]).mean(0)

    def shared_widths(self, features: Tensor, targets: Tensor) -> Tensor:
        """By what the widths of flows with bases of the validation set are most likely to be
        multiplied, (parameter)."""
        found = []
        for head, own in self._each(features):
            flow = cast(Flow, head)
            there, more, stretched = flow.taken(own, targets)
            found.append((there, more + stretched, flow.root))
        return base.shared_widths(found)

    def widen(self, factors: Tensor) -> None:
        """Multiply the members' widths."""
        for flow in cast(Sequence[Flow], self.heads):
            flow.root = factors[:, None].to(flow.root) * flow.root  # not in a checkpoint's own

    def _each(self, features: Tensor) -> Iterator[tuple[Density, Tensor]]:
        heads = cast(Sequence[Density], self.heads)
        return zip(heads, features.chunk(len(heads), -1), strict=True)


class _Beside(nn.ModuleList):
    """Trunks that see the same images."""

    def forward(self, images: Tensor) -> Tensor:
        """(image, feature) of the first, behind them those of the next."""
        return torch.cat([trunk(images) for trunk in self], -1)
