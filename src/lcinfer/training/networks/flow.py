"""A normalising flow inside the prior's box: the posterior itself, of any shape.

Neural spline flows are of Durkan et al. 2019 (arXiv:1906.04032), as zuko has them. A logit of each
parameter stands before the flow, so that no sample can leave the box and none is thrown away.
"""

import math

import torch
import zuko
from torch import Tensor

from ...config.networks import Posterior
from . import base
from .head import Density

SCALE = math.pi / math.sqrt(3)  # of the logistic distribution: that of the prior's logits is 1
EDGE = 1e-6  # share of the box that counts as its edge: a logit has no end
POINTS = 64  # of a low-discrepancy sequence, whose mean is the point prediction
ROWS = 2**14  # samples at a time; bounds memory


class Flow(Density):
    """The posterior by a flow from what is known to the parameters."""

    points: Tensor
    root: Tensor

    def __init__(self, features: int, outputs: int, settings: Posterior) -> None:
        """Draw its weights from PyTorch's global generator."""
        super().__init__(outputs)
        with torch.device("cpu"):  # its masks are computed, also where weights are to be loaded
            self.flow = zuko.flows.NSF(
                outputs,
                features + 1,
                bins=settings.bins,
                transforms=settings.transforms,
                hidden_features=settings.hidden,
            )
            sobol = torch.quasirandom.SobolEngine(outputs)  # type: ignore[no-untyped-call,unused-ignore]
            even = (sobol.draw(POINTS + 1, dtype=torch.float64)[1:]).float()
        self.register_buffer("points", torch.special.ndtri(even), persistent=False)
        self._settled = settings.base == "validation"
        if self._settled:  # else no checkpoint has it, and it would be loaded without data
            self.register_buffer("root", torch.eye(outputs))

    def errors(self, features: Tensor, targets: Tensor) -> Tensor:
        """See :class:`Density`; when not in training, in double precision."""
        there, more, stretched = self.taken(features, targets)
        root = self.root if self._settled and not self.training else None
        errors = -(base.log_density(there, root) + more + stretched)
        return errors if self.training else errors.double()

    def settle(self, features: Tensor, targets: Tensor) -> None:
        """Take the most likely base from the validation set.

        Its mean stays 0: what a network knows too well makes widths wrong and not means, and of a
        hundred light-cones a mean is known to a tenth of a width alone.
        """
        if self._settled:
            self.root.copy_(base.gaussian(self.taken(features, targets)[0]))

    def taken(self, features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(light-cone, parameter) where the flow takes the parameters, and the logarithms of how
        much it and the logit stretch them there."""
        with torch.autocast(features.device.type, enabled=False):
            shares = self.shares(targets).clamp(EDGE, 1 - EDGE)
            logits = torch.logit(shares)
            stretched = -(shares.log() + torch.log1p(-shares) + math.log(SCALE)).sum(-1)
            transform = self.flow.transform(self.averaged(features))
            there, more = transform.call_and_ladj(logits / SCALE)
            return there, more, stretched

    def samples(
        self, features: Tensor, count: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """See :class:`Head`."""
        known = self.averaged(features)
        shape = len(known), count, self.box.shape[1]
        return self._pushed(known, torch.randn(shape, generator=generator).to(known))

    def forward(self, features: Tensor) -> Tensor:
        """The posterior's mean."""
        known = self.averaged(features)
        return self._pushed(known, self.points.expand(len(known), -1, -1)).mean(1)

    def _pushed(self, known: Tensor, normal: Tensor) -> Tensor:
        """(light-cone, sample, parameter) of normal numbers of the same shape."""
        together = max(1, ROWS // normal.shape[1])
        if self._settled:
            normal = normal @ self.root.T
        parts = zip(*(torch.split(each, together) for each in (known, normal)), strict=True)
        with torch.autocast(known.device.type, enabled=False):
            logits = [self.flow.transform(one[:, None]).inv(other) for one, other in parts]
        return self.placed(torch.sigmoid(SCALE * torch.cat(logits)))
