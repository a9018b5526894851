"""What is checked of posteriors from a likelihood of spectra."""

import csv
import json
from collections.abc import Iterator
from functools import partial

import numpy as np

from ..base.errors import UserError
from ..images.sets import divide
from ..lightcones import failures
from ..products.mcmc import McmcRun
from ..records.stamp import rows
from .links import Check
from .networks import Mock, compared, posteriors, shared_with_mocks, split
from .walk import Walk, checked

AGAIN = 20  # light-cones of the test set whose densities are found again: more tell nothing new
# Of an emulator that is fitted again. Another processor rounds otherwise, and training goes its own
# way from there: first weights that differ by 1e-7 change the errors of config/beyond.yaml's by
# 0.2 %, and log densities by 0.01 in the median, 0.1 at most.
SCATTER = 0.02
"""Largest difference of its errors, as a share of them."""
NATS = 0.2
"""Largest median difference of log densities."""


@checked.register
def _likelihood(run: McmcRun, walk: Walk) -> Iterator[Check]:
    cones = run.spectra.lightcones
    sets = divide(run.split, run.spectra.realizations, failures.named(run.spectra.sealed))
    mocks: list[Mock] = [(it.name, it.lightcones, range(it.realizations)) for it in run.mocks]
    yield split(cones, sets)
    stores = [(run.mock_posterior(name), of, indices) for name, of, indices in mocks]
    stores += [(run.posterior, cones, sets.test)] if run.mcmc.test else []
    yield (
        "posteriors",
        (
            problem
            for path, of, indices in stores
            for problem in posteriors(path, of.design, indices, cones.design.prior)
        ),
        f"of {len(sets.test) if run.mcmc.test else 'no'} test light-cones and {len(mocks)} mocks, "
        "at their parameters, inside the prior",
    )
    wrong = _outcome(run, len(sets.training))
    yield "outcome", wrong, "log densities and numbers of chains are those of the posteriors"
    if walk.depth.repredict:
        yield "emulator", _again(run), "fitted once more, it has the same errors and densities"
    yield shared_with_mocks(cones, mocks)


def _outcome(run: McmcRun, training: int) -> Iterator[str]:
    """What ``mcmc.json`` says and the posteriors beside it do not."""
    from ..evaluation.posteriors import read_posteriors

    try:
        found = {name: read_posteriors(path) for name, path in run.posteriors.items()}
        said = json.loads(run.outcome.read_bytes())
    except UserError as error:
        yield str(error)
        return
    except ValueError:
        yield f"{run.outcome} is damaged"
        return
    expected = {
        "training_light_cones": training,
        "posteriors": {
            name: {
                "light_cones": len(each.light_cones),
                "log_density": float(each.log_density.mean()),
            }
            for name, each in found.items()
        },
    }
    for name, value, other in compared(expected, said):
        yield f"{run.outcome}: {name} is {other}, and the posteriors give {value}"


def _again(run: McmcRun) -> Iterator[str]:
    """Errors and log densities that the emulator does not have when it is fitted once more."""
    from ..evaluation.posteriors import read_posteriors
    from ..likelihood.sampling import log_density
    from ..stages.mcmc import fitted

    try:
        fit = fitted(run)
        stored = {name: read_posteriors(path) for name, path in run.posteriors.items()}
    except UserError as error:
        yield str(error)
        return
    tables = (rows(run.table), list(csv.DictReader(fit.table.splitlines())))
    for column in ("rms", "rms_training_unseen"):
        one, other = (np.array([float(row[column]) for row in table]) for table in tables)
        if one.shape != other.shape or not np.allclose(one, other, rtol=SCATTER, atol=0):
            yield f"{run.table}: another emulator's {column}"
    for name, observed in fit.observed.items():
        each, off = stored[name], []
        for at, components in enumerate(fit.likelihood.reduced(observed.spectra[:AGAIN])):
            log_likelihood = partial(fit.likelihood.log, components)
            of_one = (each.samples[at], each.truth[at], fit.low, fit.high, run.mcmc.seed)
            off.append(each.log_density[at] - log_density(log_likelihood, *of_one))
        if not np.median(np.abs(off)) <= NATS:
            yield f"{run.posteriors[name]}: the likelihood gives other log densities"
