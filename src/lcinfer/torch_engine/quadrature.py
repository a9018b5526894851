"""Gauss-Kronrod quadrature, fixed and adaptive, on many integrals at once.

21cmFAST integrates with QUADPACK's QAG at tolerances of 0.1 % to 1 % (Piessens et al. 1983,
QUADPACK; GSL has it). What such an integral is off by is part of its results, so that the same
rule and the same bisections are made here.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

SPLITS = 50  # more parts than all but a few integrals are ever divided into
DEEPEST = 24  # levels of bisection
PARTS = 1000  # evaluated at once: their values take some 10 MB


@cache
def gauss_kronrod(gauss: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes in [-1, 1], Kronrod weights, and Gauss weights (zero at the nodes that are not Gauss').

    Laurie 1997 (Math. Comp. 66, 1133): from the recurrence of the Legendre polynomials to that
    of the Kronrod polynomial, whose Jacobi matrix has the nodes as eigenvalues.

    Args:
        gauss: points of the Gauss rule n; the Kronrod rule has 2 n + 1.
    """
    n = gauss
    length = 2 * n + 1
    a, b = np.zeros(length), np.zeros(length)
    known = np.arange(1, -(-3 * n // 2) + 1)
    b[0], b[known] = 2.0, known**2 / (4.0 * known**2 - 1)
    s, t = np.zeros(n // 2 + 2), np.zeros(n // 2 + 2)
    t[1] = b[n + 1]
    for m in range(n - 1):
        total = 0.0
        for k in range((m + 1) // 2, -1, -1):
            i = m - k
            total += (a[k + n + 1] - a[i]) * t[k + 1] + b[k + n + 1] * s[k] - b[i] * s[k + 1]
            s[k + 1] = total
        s, t = t, s
    s[1:] = s[:-1].copy()
    for m in range(n - 1, 2 * n - 2):
        total = 0.0
        for k in range(m + 1 - n, (m - 1) // 2 + 1):
            i = m - k
            j = n - 1 - i
            total += -(a[k + n + 1] - a[i]) * t[j + 1] - b[k + n + 1] * s[j + 1] + b[i] * s[j + 2]
            s[j + 1] = total
        k = (m + 1) // 2
        if m % 2 == 0:
            a[k + n + 1] = a[k] + (s[j + 1] - b[k + n + 1] * s[j + 2]) / t[j + 2]
        else:
            b[k + n + 1] = s[j + 1] / s[j + 2]
        s, t = t, s
    a[2 * n] = a[n - 1] - b[2 * n] * s[1] / t[1]
    nodes, vectors = eigh_tridiagonal(a, np.sqrt(b[1:]))
    weights = 2.0 * vectors[0] ** 2
    own = np.zeros(length)
    own[1::2] = np.polynomial.legendre.leggauss(n)[1]
    return nodes, weights, own


def integrate(
    function: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, gauss: int
) -> Tensor:
    """Integrals from ``low`` to ``high`` by one Kronrod rule.

    Args:
        function: takes points, shape (..., 2 gauss + 1), and gives values of that shape.
        low: float64, any shape; ``high`` the same.
        high: see ``low``.
        gauss: see :func:`gauss_kronrod`.
    """
    nodes, weights, _ = (torch.from_numpy(x).to(low.device) for x in gauss_kronrod(gauss))
    centre, half = 0.5 * (low + high), 0.5 * (high - low)
    values = function(centre[..., None] + half[..., None] * nodes)
    return half * (values * weights).sum(-1)


def integrate_adaptively(
    functions: Callable[[Tensor], Tensor], low: Tensor, high: float, tolerance: float
) -> Tensor:
    """QUADPACK's QAG with the 15-point rule, for many functions and lower limits.

    Of each integral the part with the largest error estimate is bisected, until the estimates'
    sum is below ``tolerance`` times the integral. All parts are dyadic, so that functions share
    their evaluations.

    Args:
        functions: takes points, shape (n,), and gives values, shape (n, functions).
        low: lower limits, float64, shape (limits,).
        high: upper limit.
        tolerance: relative.

    Returns:
        shape (limits, functions).
    """
    parts = _Parts(functions, low, high, tolerance)
    count = parts.values.shape[1]
    limit = torch.arange(len(low)).repeat_interleave(count)
    function = torch.arange(count).repeat(len(low))
    result = torch.zeros(len(limit), dtype=low.dtype)
    unfinished = torch.arange(len(limit))
    leaves = limit[:, None]  # the parts of each unfinished integral
    while len(unfinished):
        of = function[unfinished, None]
        values, errors = parts.values[leaves, of], parts.errors[leaves, of]
        worst = errors.argmax(1, keepdim=True)
        parent = leaves.gather(1, worst)
        total = values.sum(1)
        result[unfinished] = total
        go_on = (errors.sum(1) > tolerance * total.abs()) & (parts.left[parent[:, 0]] > 0)
        unfinished, leaves, worst, parent = (x[go_on] for x in (unfinished, leaves, worst, parent))
        leaves = torch.cat(
            [leaves.scatter(1, worst, parts.left[parent]), parts.right[parent]], dim=1
        )
    return result.view(len(low), count)


class _Parts:
    """Parts of integrals that may be bisected, found level by level.

    Attributes:
        values: integrals, shape (parts, functions); the first parts are the wholes.
        errors: QUADPACK's estimates; same shape.
        left: the first half of a part, shape (parts,); 0 if it is not bisected.
        right: the other half.
    """

    def __init__(
        self, functions: Callable[[Tensor], Tensor], low: Tensor, high: float, tolerance: float
    ) -> None:
        edges = torch.stack([low, torch.full_like(low, high)])
        self.values, self.errors = _estimate(functions, *edges)
        allowed = tolerance * self.values.abs() / SPLITS
        self.left = torch.zeros(len(low), dtype=torch.long)
        self.right = self.left.clone()
        level = owner = torch.arange(len(low))
        for _ in range(DEEPEST):
            # Smaller ones are never the worst of a sum that is too large.
            chosen = (self.errors[level] > allowed[owner]).any(1)
            level, owner, edges = level[chosen], owner[chosen], edges[:, chosen]
            if not len(level):
                break
            begin, end = edges
            middle = 0.5 * (begin + end)
            edges = torch.stack([torch.cat([begin, middle]), torch.cat([middle, end])])
            values, errors = _estimate(functions, *edges)
            first, pairs = len(self.left), len(level)
            self.left[level] = first + torch.arange(pairs)
            self.right[level] = first + pairs + torch.arange(pairs)
            none = torch.zeros(2 * pairs, dtype=torch.long)
            self.values = torch.cat([self.values, values])
            self.errors = torch.cat([self.errors, errors])
            self.left, self.right = torch.cat([self.left, none]), torch.cat([self.right, none])
            level, owner = first + torch.arange(2 * pairs), owner.repeat(2)


def _estimate(
    functions: Callable[[Tensor], Tensor], low: Tensor, high: Tensor
) -> tuple[Tensor, Tensor]:
    """15-point integrals, and QUADPACK's estimates of their errors; shape (parts, functions)."""
    nodes, weights, own = (torch.from_numpy(x) for x in gauss_kronrod(7))
    made = []
    for start in range(0, len(low), PARTS):
        some, others = low[start : start + PARTS], high[start : start + PARTS]
        centre, half = 0.5 * (some + others)[:, None], 0.5 * (others - some)[:, None]
        values = functions((centre + half * nodes).view(-1)).view(len(some), 15, -1)
        mean = torch.einsum("pnf,n->pf", values, weights)
        error = (torch.einsum("pnf,n->pf", values, weights - own) * half).abs()
        size = torch.einsum("pnf,n->pf", values.abs(), weights) * half
        spread = (values - 0.5 * mean[:, None]).abs_()
        spread = torch.einsum("pnf,n->pf", spread, weights) * half
        scaled = spread * (200.0 * error / spread).clamp(max=1.0) ** 1.5
        error = torch.where((spread > 0) & (error > 0), scaled, error)
        floor = 50 * torch.finfo(torch.float64).eps * size
        made.append((mean * half, torch.maximum(error, floor)))
    return torch.cat([value for value, _ in made]), torch.cat([error for _, error in made])
