"""What the rule `mcmc` does: spectra in, an emulator's error and samples of posteriors out."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..base import durable
from ..base.device import computed_on, use_threads
from ..evaluation.evaluate import r2
from ..evaluation.posteriors import Posteriors, ridge, write_posteriors
from ..images import cutting
from ..images.dataset import LabelledImages
from ..images.sets import divide
from ..lightcones import store
from ..likelihood.convergence import Chains, required_steps
from ..likelihood.emulator import Emulator, fit
from ..likelihood.gaussian import Likelihood
from ..likelihood.sampling import Chain, log_density
from ..likelihood.sampling import sample as sample_one
from ..products.databases import Inputs
from ..products.mcmc import McmcRun
from ..records.record import recorded
from ..records.stamp import comment, stamp
from ..text.tables import comma_separated


class Measured(NamedTuple):
    """Light-cones, their parameters and their spectra."""

    light_cones: np.ndarray
    """(light_cone,) indices."""
    parameters: np.ndarray
    """(light_cone, parameter)."""
    spectra: np.ndarray
    """(light_cone, number)."""

    @classmethod
    def of(cls, labelled: LabelledImages, light_cones: Sequence[int]) -> "Measured":
        """Some of a database's."""
        spectra = labelled.read(light_cones, 1).reshape(len(light_cones), -1)
        parameters = np.asarray(labelled.parameters[list(light_cones)], float)
        return cls(np.array(light_cones), parameters, spectra.astype(float))


class Fitted(NamedTuple):
    """A likelihood, and light-cones that it is asked of."""

    likelihood: Likelihood
    table: str
    """The emulator against the test light-cones, as CSV."""
    light_cones: int
    """That it is fitted on."""
    validation: Measured
    observed: dict[str, Measured]
    """By the names of :attr:`.McmcRun.posteriors`."""
    low: np.ndarray
    """(parameter,) ends of the prior."""
    high: np.ndarray


def fitted(run: McmcRun) -> Fitted:
    """Fit the emulator on the training light-cones."""
    settings, labelled = run.mcmc, cutting.open_labelled(run.spectra)
    sets = divide(run.split, labelled.light_cones, labelled.failed)
    validation, test, training = (Measured.of(labelled, each) for each in sets)
    low, high = np.array([labelled.prior[name] for name in labelled.names], float).T
    _, parameters, spectra = training
    emulator, residuals = fit(parameters, spectra, low, high, settings.hidden, settings.seed)
    observed = {"test": test} if settings.test else {}
    for mock in run.mocks:
        light_cones = range(mock.realizations)
        observed[f"mock {mock.name}"] = Measured.of(cutting.open_labelled(mock), light_cones)
    return Fitted(
        likelihood=Likelihood.of(emulator, spectra, residuals, settings.components),
        table=_errors(run.spectra, emulator, test, residuals.std(axis=0)),
        light_cones=len(spectra),
        validation=validation,
        observed=observed,
        low=low,
        high=high,
    )


def sample(run: McmcRun, threads: int | None = None) -> None:
    """Fit the emulator, and sample the posteriors of the mocks and, if it is asked for, of the test
    light-cones."""
    use_threads(threads)
    stamped = stamp(run)
    with recorded(run, "mcmc", run.outputs, run.needed) as more:
        found, said = fitted(run), {}
        for name, path in run.posteriors.items():
            posteriors, chains = _sampled(run, found, found.observed[name])
            write_posteriors(posteriors, path, stamped)
            said[name] = _said(run, name, posteriors, chains)
        durable.write_text(run.table, comment(stamped) + found.table)
        outcome = {"training_light_cones": found.light_cones, "posteriors": said}
        durable.write_json(run.outcome, {**outcome, "provenance": stamped})
        more |= computed_on("cpu")


def _sampled(run: McmcRun, found: Fitted, observed: Measured) -> tuple[Posteriors, list[Chain]]:
    settings, prior, likelihood = run.mcmc, (found.low, found.high), found.likelihood
    seen, chains, density = likelihood.reduced(observed.spectra), [], []
    for truth, components in zip(observed.parameters, seen, strict=True):
        log_likelihood = partial(likelihood.log, components)
        chains.append(sample_one(log_likelihood, *prior, settings))
        samples = chains[-1].samples
        density.append(log_density(log_likelihood, samples, truth, *prior, settings.seed))
    of_validation = likelihood.reduced(found.validation.spectra)
    posteriors = Posteriors(
        names=run.spectra.lightcones.design.names,
        light_cones=observed.light_cones,
        truth=observed.parameters,
        samples=np.array([chain.samples for chain in chains], np.float32),
        log_density=np.array(density),
        reference=ridge(of_validation, found.validation.parameters, seen),
    )
    return posteriors, chains


def _said(run: McmcRun, name: str, posteriors: Posteriors, chains: list[Chain]) -> dict[str, Any]:
    """What is told of some posteriors; chains that are too short also on the terminal."""
    longest = max(chain.autocorrelation for chain in chains)
    converged = sum(chain.converged for chain in chains)
    short = len(chains) - converged
    if said := Chains(len(chains), short, required_steps(longest)).told(run.name):
        print(f"{name}: {said}")
    return {
        "light_cones": len(chains),
        "log_density": float(posteriors.log_density.mean()),
        "autocorrelation_steps": longest,
        "accepted": float(np.mean([chain.accepted for chain in chains])),
        "converged": converged,
    }


def _errors(spectra: Inputs, emulator: Emulator, test: Measured, scatter: np.ndarray) -> str:
    """The emulator against the test light-cones as CSV: a line for each chunk and bin."""
    redshift = store.values(cutting.open_store(spectra), "redshift")
    form = cutting.form(spectra)
    shape = form.shape[1:]
    emulated = emulator(test.parameters)
    off = emulated - test.spectra
    with np.errstate(divide="ignore", invalid="ignore"):  # of a bin that is the same in all
        known = r2(test.spectra, emulated)
    columns = {
        "r2": known,
        "bias": off.mean(axis=0),
        "rms": np.sqrt(np.square(off).mean(axis=0)),
        "rms_training_unseen": scatter,
    }
    shaped = {name: values.reshape(shape) for name, values in columns.items()}
    waves = {name: values for name, (values, *_) in form.coordinates.items()}
    rows: list[list[object]] = [["chunk", "redshift", *waves, *columns]]
    for chunk, bin_ in np.ndindex(*shape):
        at = [f"{values[bin_]:.5g}" for values in waves.values()]
        found = [f"{values[chunk, bin_]:.5g}" for values in shaped.values()]
        rows.append([chunk, f"{redshift[chunk]:.4f}", *at, *found])
    return comma_separated(rows)
