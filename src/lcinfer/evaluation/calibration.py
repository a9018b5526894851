"""Whether posteriors are calibrated: simulation-based calibration, and TARP with references.

Both ask how often the truth lies where a posterior says. Simulation-based calibration (SBC; Talts
et al. 2018, arXiv:1804.06788) ranks the truth among the samples of one parameter; it finds biases,
and widths that are wrong. TARP (Lemos et al. 2023, arXiv:2302.03026, algorithm 2) counts the
samples that are nearer than the truth to a reference point, in all parameters at once; with
references that depend on the observation it also finds the posterior that has learnt nothing and is
the prior, which SBC lets pass. A posterior passes the gate when both do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..config.sections import FOR_A_VERDICT, Evaluation
from .evaluate import parameter_scores
from .posteriors import LEVELS, Posteriors

Array = NDArray[np.float64]

FALSE_ALARMS = 0.05  # of the gate as a whole
PASS, FAIL, NONE = "PASS", "FAIL", "none"


@dataclass(frozen=True)
class Calibration:
    """How posteriors and truths agree on n test light-cones.

    Attributes:
        ranks: of the truth among the samples of each parameter, in (0, 1), shape (n, parameters);
            uniform where a posterior is calibrated.
        credibility: that TARP gives to each truth, in (0, 1), shape (n,); uniform likewise.
        sbc: p values of uniform ranks, a parameter each, of Kolmogorov and Smirnov's test.
        tarp: p value of uniform credibilities.
    """

    ranks: Array
    credibility: Array
    sbc: Array
    tarp: float

    @property
    def light_cones(self) -> int:
        """How many were tested."""
        return len(self.ranks)

    @property
    def p(self) -> float:
        """Of the worst test, corrected for the number of tests (Bonferroni): half for each kind."""
        return float(min(1.0, 2 * self.sbc.size * self.sbc.min(), 2 * self.tarp))

    @property
    def verdict(self) -> str:
        """PASS, FAIL, or none: there are too few light-cones for one."""
        if self.light_cones < FOR_A_VERDICT:
            return NONE
        return PASS if self.p >= FALSE_ALARMS else FAIL

    def coverage(self, level: float) -> Array:
        """(parameter,) share of truths inside the central interval of so much probability."""
        return np.asarray((np.abs(self.ranks - 0.5) < level / 2).mean(axis=0))

    def reason(self, names: Sequence[str]) -> str:
        """Why the verdict is what it is: the worst of the tests, or that light-cones lack."""
        if self.verdict == NONE:
            return f"{self.light_cones} test light-cones, and a verdict needs {FOR_A_VERDICT}"
        worst = self.sbc.size * self.sbc.min() < self.tarp
        which = f"SBC of {names[int(self.sbc.argmin())]}" if worst else "TARP"
        return (
            f"p = {self.p:.2g} by the worst of {self.sbc.size + 1} tests, {which}; "
            f"{self.light_cones} test light-cones"
        )

    def told(self, names: Sequence[str]) -> dict[str, Any]:
        """Verdict with reason, p values and expected coverage, as ``scores.json`` has them."""

        def named(values: Array) -> dict[str, float]:
            return dict(zip(names, values.tolist(), strict=True))

        return {
            "verdict": self.verdict,
            "reason": self.reason(names),
            "p": self.p,
            "false_alarms": FALSE_ALARMS,
            "light_cones": self.light_cones,
            "sbc": named(self.sbc),
            "tarp": self.tarp,
            "coverage": {f"{level:g}": named(self.coverage(level)) for level in LEVELS},
        }


def calibration(
    samples: np.ndarray, truth: np.ndarray, reference: np.ndarray, generator: np.random.Generator
) -> Calibration:
    """Lay posterior samples beside the truths.

    Args:
        samples: of each light-cone's posterior, shape (n, samples, parameters).
        truth: parameters that the light-cones were made with, shape (n, parameters).
        reference: a point prediction from each observation by anything but the posterior that is
            tested, shape (n, parameters). Scatter as wide as the posterior is added, so that the
            truth lies on every side of it.
        generator: draws that scatter, and breaks ties of ranks.
    """
    number = samples.shape[1] + 1
    width = samples.std(axis=1, dtype=np.float64)

    def uniform(below: NDArray[np.intp]) -> Array:
        return np.asarray((below + generator.random(below.shape)) / number)

    ranks = uniform((samples < truth[:, None]).sum(axis=1))
    scale = width.mean(axis=0)  # parameters have units of their own
    about = reference + width * generator.standard_normal(reference.shape)
    far = _distance(truth, about, scale)
    # One light-cone at a time, since all samples times two would be too much memory.
    each = zip(samples, about, far, strict=True)
    nearer = [(_distance(drawn, centre, scale) < limit).sum() for drawn, centre, limit in each]
    credibility = uniform(np.array(nearer))
    return Calibration(
        ranks=ranks,
        credibility=credibility,
        sbc=np.array([stats.kstest(column, "uniform").pvalue for column in ranks.T]),
        tarp=float(stats.kstest(credibility, "uniform").pvalue),
    )


def _distance(points: np.ndarray, centre: np.ndarray, scale: Array) -> Array:
    return np.asarray(np.linalg.norm((points - centre) / scale, axis=-1))


def calibration_of(posteriors: Posteriors, evaluation: Evaluation) -> Calibration:
    """The calibration of an evaluation's test light-cones; its seed makes it the same each time."""
    generator = np.random.default_rng(evaluation.seed)
    return calibration(posteriors.samples, posteriors.truth, posteriors.reference, generator)


def scores_of(posteriors: Posteriors, evaluation: Evaluation) -> dict[str, Any]:
    """Scores of posteriors from all images of each light-cone.

    Returns:
        ``log_density`` at the truth, ``mean`` and ``standard_error`` over light-cones, in nats,
        where the prior's is 0; ``posterior_mean`` as :func:`.evaluate.scores_from` has others;
        ``posterior_width``, of central 68% intervals, on average; ``calibration``.
    """
    names = posteriors.names
    dense, mean = posteriors.log_density, posteriors.samples.mean(axis=1, dtype=float)
    error = float(dense.std(ddof=1) / np.sqrt(len(dense)))
    low, high = np.quantile(posteriors.samples, (0.16, 0.84), axis=1)
    width = (high - low).mean(axis=0, dtype=float)
    return {
        "log_density": {"mean": float(dense.mean()), "standard_error": error},
        "posterior_mean": parameter_scores(names, posteriors.truth, mean, evaluation),
        "posterior_width": dict(zip(names, width.tolist(), strict=True)),
        "calibration": calibration_of(posteriors, evaluation).told(names),
    }
