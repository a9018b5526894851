"""What a flow stretches: the standard normal, or what the validation set says of it.

Of the validation set the network has not learnt, so that a base fitted to it gives widths that are
right for others. It is a Gaussian, or has the tails of sinh-arcsinh distributions (Jones & Pewsey
2009, Biometrika 96, 761), of which the Gaussian is the one with a tail of 1: the smaller, the
longer. Shorter ones than a Gaussian's are not fitted: few light-cones cannot tell them.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

ITERATIONS = 200  # of a fit at most; some 20 do


def log_density(there: Tensor, root: Tensor | None = None, tails: Tensor | None = None) -> Tensor:
    """Logarithm of a base's density, (light-cone).

    Args:
        there: where a flow takes the parameters (light-cone, parameter).
        root: the lower triangular root of the scale's square; none: of the standard normal.
        tails: one for each parameter; none: of a Gaussian.
    """
    more: Tensor | float = 0.0
    if root is not None:
        there = torch.linalg.solve_triangular(root, there.T, upper=False).T
        more = -root.diagonal().log().sum()
    if tails is not None:
        narrow = tails * torch.asinh(there)
        stretched = tails.log() + narrow.cosh().log() - torch.log1p(there.square()) / 2
        there, more = narrow.sinh(), more + stretched.sum(-1)
    log_normal: Tensor = -(there.square() + math.log(2 * math.pi)).sum(-1) / 2
    return log_normal + more


def drawn(normal: Tensor, root: Tensor | None = None, tails: Tensor | None = None) -> Tensor:
    """Normal numbers (..., parameter) as those of a base."""
    if tails is not None:
        normal = torch.sinh(torch.asinh(normal) / tails)
    return normal if root is None else normal @ root.T


def gaussian(there: Tensor) -> Tensor:
    """The most likely root of a Gaussian around 0."""
    root: Tensor = torch.linalg.cholesky(there.T @ there / len(there))
    return root


def with_tails(there: Tensor) -> tuple[Tensor, Tensor]:
    """The most likely root and tails, none above 1."""
    with torch.inference_mode(False), torch.enable_grad():
        there = there.clone()  # those of inference mode have no gradients
        root = gaussian(there)
        log_widths, beside = root.diagonal().log(), root.tril(-1)
        lengths = torch.full_like(log_widths, 0.5)  # where they are 0 nothing says which way

        def base() -> tuple[Tensor, Tensor]:
            return log_widths.exp().diag() + beside.tril(-1), 1 / (1 + lengths.square())

        _fit([log_widths, beside, lengths], lambda: log_density(there, *base()))
        root, tails = base()
        return root.detach(), tails.detach()


def shared_widths(members: Sequence[Sequence[Tensor]]) -> Tensor:
    """By what the roots of an ensemble's members are most likely to be multiplied, (parameter).

    Args:
        members: of each, where its flow takes the parameters, the logarithm of how much it
            stretches them there (light-cone), root and tails.
    """
    with torch.inference_mode(False), torch.enable_grad():
        members = [[each.clone() for each in member] for member in members]
        log_factors = torch.zeros_like(members[0][-1])

        def mixed() -> Tensor:
            each = [
                log_density(there, log_factors.exp()[:, None] * root, tails) + stretched
                for there, stretched, root, tails in members
            ]
            return torch.logsumexp(torch.stack(each), 0)

        _fit([log_factors], mixed)
        return log_factors.exp().detach()


def _fit(free: Sequence[Tensor], log_density: Callable[[], Tensor]) -> None:
    """Find the most likely values."""
    optimiser = torch.optim.LBFGS(
        [each.requires_grad_() for each in free],
        max_iter=ITERATIONS,
        line_search_fn="strong_wolfe",
    )

    def stepped() -> float:
        optimiser.zero_grad()
        now = -log_density().mean()
        now.backward()  # type: ignore[no-untyped-call,unused-ignore]
        return now.item()

    optimiser.step(stepped)  # type: ignore[no-untyped-call,unused-ignore]
