"""A normalising flow inside the prior's box: the posterior itself, of any shape.

Neural spline flows are of Durkan et al. 2019 (arXiv:1906.04032), as zuko has them. A logit of each
parameter stands before the flow, so that no sample can leave the box and none is thrown away.

What a flow stretches, its base, can be fitted to the validation set, of which the network has not
learnt: a Gaussian, or one with the tails of sinh-arcsinh distributions (Jones & Pewsey 2009,
Biometrika 96, 761), of which the Gaussian is the one with a tail of 1.
"""

import math

import torch
import zuko
from torch import Tensor

from ...config.networks import Posterior
from .head import Density

SCALE = math.pi / math.sqrt(3)  # of the logistic distribution: that of the prior's logits is 1
EDGE = 1e-6  # share of the box that counts as its edge: a logit has no end
POINTS = 64  # of a low-discrepancy sequence, whose mean is the point prediction
ROWS = 2**14  # samples at a time; bounds memory
FITTING = 200  # iterations of a base with tails at most; some 20 do


class Flow(Density):
    """The posterior by a flow from what is known to the parameters."""

    points: Tensor
    root: Tensor
    tails: Tensor

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
        self._settled = settings.base != "standard"
        self._tailed = settings.base == "validation_tails"
        if self._settled:  # else no checkpoint has them, and they would be loaded without data
            self.register_buffer("root", torch.eye(outputs))
        if self._tailed:
            self.register_buffer("tails", torch.ones(outputs))

    def errors(self, features: Tensor, targets: Tensor) -> Tensor:
        """See :class:`Density`; when not in training, in double precision."""
        normal, more, stretched = self._base(features, targets)
        fitted = self._settled and not self.training
        errors: Tensor = _error(normal, *self._fit if fitted else ()) - more - stretched
        return errors if self.training else errors.double()

    @property
    def _fit(self) -> tuple[Tensor, ...]:
        return (self.root, self.tails) if self._tailed else (self.root,)

    def settle(self, features: Tensor, targets: Tensor) -> None:
        """Take the base's covariance, and its tails, from the validation set: the most likely
        ones there.

        Its mean stays 0: what a network knows too well makes widths wrong and not means, and of a
        hundred light-cones a mean is known to a tenth of a width alone.
        """
        if self._settled:
            normal = self._base(features, targets)[0].double()
            root = torch.linalg.cholesky(normal.T @ normal / len(normal))
            if self._tailed:
                root, tails = _with_tails(normal.cpu(), root.cpu())
                self.tails.copy_(tails)
            self.root.copy_(root)

    def _base(self, features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(light-cone, parameter) where the flow takes the parameters, and the logarithms of how
        much it and the logit stretch them there."""
        with torch.autocast(features.device.type, enabled=False):
            shares = self.shares(targets).clamp(EDGE, 1 - EDGE)
            logits = torch.logit(shares)
            stretched = -(shares.log() + torch.log1p(-shares) + math.log(SCALE)).sum(-1)
            transform = self.flow.transform(self.averaged(features))
            normal, more = transform.call_and_ladj(logits / SCALE)
            return normal, more, stretched

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
        if self._tailed:
            normal = torch.sinh(torch.asinh(normal) / self.tails)
        if self._settled:
            normal = normal @ self.root.T
        parts = zip(*(torch.split(each, together) for each in (known, normal)), strict=True)
        with torch.autocast(known.device.type, enabled=False):
            logits = [self.flow.transform(one[:, None]).inv(other) for one, other in parts]
        return self.placed(torch.sigmoid(SCALE * torch.cat(logits)))


def _error(there: Tensor, root: Tensor | None = None, tails: Tensor | float = 1.0) -> Tensor:
    """(light-cone) the negative log density of the base where the flow takes the parameters, which
    is (light-cone, parameter); without ``root`` that of the standard normal."""
    more: Tensor | float = 0.0
    if root is not None:
        there = torch.linalg.solve_triangular(root, there.T, upper=False).T
        more = root.diagonal().log().sum()
    if isinstance(tails, Tensor):
        narrow = tails * torch.asinh(there)
        stretched = tails.log() + narrow.cosh().log() - torch.log1p(there.square()) / 2
        there, more = narrow.sinh(), more - stretched.sum(-1)
    error: Tensor = (there.square() + math.log(2 * math.pi)).sum(-1) / 2 + more
    return error


def _with_tails(there: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
    """The most likely root and tails of a base, from the root of the covariance on."""
    with torch.inference_mode(False), torch.enable_grad():
        there, root = there.clone(), root.clone()  # those of inference mode have no gradients
        log_widths = root.diagonal().log().requires_grad_()
        beside = root.tril(-1).requires_grad_()
        log_tails = torch.zeros_like(log_widths).requires_grad_()
        free = [log_widths, beside, log_tails]
        optimiser = torch.optim.LBFGS(free, max_iter=FITTING, line_search_fn="strong_wolfe")

        def base() -> tuple[Tensor, Tensor]:
            return log_widths.exp().diag() + beside.tril(-1), log_tails.exp()

        def error() -> float:
            optimiser.zero_grad()
            mean = _error(there, *base()).mean()
            mean.backward()  # type: ignore[no-untyped-call,unused-ignore]
            return mean.item()

        optimiser.step(error)  # type: ignore[no-untyped-call,unused-ignore]
        root, tails = base()
        return root.detach(), tails.detach()
