"""Samples of a posterior with a uniform prior, by an ensemble of walkers, and its density."""

from collections.abc import Callable
from dataclasses import dataclass

import emcee
import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_t

from ..config.spectra import Mcmc
from .convergence import required_steps

START = 4096  # draws of the prior that walkers begin at the likeliest of
INTEGRATED = 10_000  # draws behind a posterior's norm
PRIOR_SHARE = 0.2  # of these from the prior: none of it is then left out

LogLikelihood = Callable[[np.ndarray], np.ndarray]
"""(point, parameter) -> (point,), up to a constant."""


@dataclass(frozen=True)
class Chain:
    """Samples of one posterior."""

    samples: np.ndarray
    """(sample, parameter) inside the prior."""
    autocorrelation: float
    """Steps, the longest of all parameters'."""
    accepted: float
    """Share of the proposed moves."""
    steps: int
    """How many it has."""

    @property
    def converged(self) -> bool:
        """Whether it is long enough."""
        return self.steps >= required_steps(self.autocorrelation)


def sample(log_likelihood: LogLikelihood, low: np.ndarray, high: np.ndarray, mcmc: Mcmc) -> Chain:
    """Sample by affine-invariant MCMC (Goodman & Weare 2010; Foreman-Mackey et al. 2013).

    A chain that is too short goes on, to ``most_steps`` at most.

    Args:
        log_likelihood: of many points at once.
        low: (parameter,) ends of the prior, which is uniform.
        high: the others.
        mcmc: walkers, steps and most steps, samples to keep, seed.
    """
    random = np.random.RandomState(mcmc.seed)

    def log_posterior(points: np.ndarray) -> np.ndarray:
        inside = ((points >= low) & (points <= high)).all(axis=1)
        values = np.full(len(points), -np.inf)
        if inside.any():
            values[inside] = log_likelihood(points[inside])
        return values

    drawn = random.uniform(low, high, (START, len(low)))
    likeliest = np.argsort(log_posterior(drawn))[-mcmc.walkers :]
    sampler = emcee.EnsembleSampler(mcmc.walkers, len(low), log_posterior, vectorize=True)
    sampler.random_state = random.get_state()
    walkers, steps = drawn[likeliest], mcmc.steps
    while True:
        walkers = sampler.run_mcmc(walkers, steps - sampler.iteration)
        left_out = steps // 2
        lags = sampler.get_autocorr_time(discard=left_out, quiet=True, tol=0)
        lag = float(np.nan_to_num(lags, nan=steps).max())  # NaN: a walker has not moved
        most = mcmc.most_steps or steps
        if steps >= min(most, required_steps(lag)):
            break
        # The longer a chain, the longer the lags that it finds: half as much again at least.
        steps = min(most, max(required_steps(lag), 3 * steps // 2))
    whole = sampler.get_chain(discard=left_out, flat=True)
    taken = np.linspace(0, len(whole) - 1, mcmc.samples).round().astype(int)
    return Chain(whole[taken], lag, float(sampler.acceptance_fraction.mean()), steps)


def log_density(
    log_likelihood: LogLikelihood,
    samples: np.ndarray,
    at: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    seed: int,
) -> float:
    """Natural logarithm of the posterior's density at a point, where the prior's box is 1.

    The norm is integrated by importance sampling from a Student distribution about the samples,
    mixed with the prior.

    Args:
        log_likelihood: of many points at once.
        samples: (sample, parameter) of the posterior.
        at: (parameter,).
        low: (parameter,) ends of the prior.
        high: the others.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    unit = (samples - low) / (high - low)
    spread = np.cov(unit, rowvar=False) + 1e-12 * np.eye(len(low))
    about = multivariate_t(unit.mean(axis=0), spread, df=5)
    own = random.random(INTEGRATED) > PRIOR_SHARE
    points = np.where(
        own[:, None],
        about.rvs(INTEGRATED, random_state=random).reshape(INTEGRATED, -1),
        random.random((INTEGRATED, len(low))),
    )
    inside = ((points >= 0) & (points <= 1)).all(axis=1)
    points = points[inside]
    proposed = np.log(PRIOR_SHARE + (1 - PRIOR_SHARE) * about.pdf(points))
    found = log_likelihood(low + points * (high - low))
    norm = logsumexp(found - proposed) - np.log(INTEGRATED)
    return float(log_likelihood(at[None])[0] - norm)
