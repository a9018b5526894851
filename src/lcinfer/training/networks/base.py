"""What a flow stretches: the standard normal, or a Gaussian that the validation set says.

Of the validation set the network has not learnt, so that a base fitted to it gives widths that are
right for others.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...base.errors import UserError

ITERATIONS = 100  # of a fit at most; some 10 do


def log_density(there: Tensor, root: Tensor | None = None) -> Tensor:
    """Logarithm of a base's density, (light-cone).

    Args:
        there: where a flow takes the parameters (light-cone, parameter).
        root: the lower triangular root of the covariance; none: of the standard normal.
    """
    more: Tensor | float = 0.0
    if root is not None:
        there = torch.linalg.solve_triangular(root, there.T, upper=False).T
        more = -root.diagonal().log().sum()
    log_normal: Tensor = -(there.square() + math.log(2 * math.pi)).sum(-1) / 2
    return log_normal + more


def gaussian(there: Tensor) -> Tensor:
    """The most likely root around 0, in double precision on the CPU.

    Raises:
        UserError: if so few light-cones have none.
    """
    there = there.double().cpu()
    root: Tensor
    root, failed = torch.linalg.cholesky_ex(there.T @ there / len(there))
    if failed and there.isfinite().all():
        raise UserError(
            f"base: validation: no widths of {there.shape[1]} parameters follow from the "
            f"{len(there)} light-cones of the validation set: raise split.validation"
        )
    return root


def shared_widths(members: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """By what the roots of an ensemble's members are most likely to be multiplied, (parameter).

    Args:
        members: of each, where its flow takes the parameters, the logarithm of how much it
            stretches them there (light-cone), and its root.
    """
    with torch.inference_mode(False), torch.enable_grad():  # tensors of the former have none
        each = [[one.double().cpu().clone() for one in member] for member in members]
        log_factors = torch.zeros_like(each[0][0][0], requires_grad=True)
        optimiser = torch.optim.LBFGS(
            [log_factors], max_iter=ITERATIONS, line_search_fn="strong_wolfe"
        )

        def mixed() -> Tensor:
            factors = log_factors.exp()[:, None]
            dense = [log_density(there, factors * root) + more for there, more, root in each]
            return -torch.logsumexp(torch.stack(dense), 0).mean()

        def step() -> float:
            optimiser.zero_grad()
            now = mixed()
            now.backward()  # type: ignore[no-untyped-call,unused-ignore]
            return now.item()

        apart = mixed().item()
        optimiser.step(step)  # type: ignore[no-untyped-call,unused-ignore]
        better = mixed().item() < apart  # and no NaN
        return log_factors.detach().exp() if better else torch.ones_like(log_factors)
