"""What the rule `mcmc` does: spectra in, an emulator's error and samples of posteriors out."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
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


def sample(run: McmcRun, threads: int | None = None) -> None:
    """Fit the emulator on the training light-cones, and sample the posteriors of the mocks and, if
    it is asked for, of the test light-cones."""
    use_threads(threads)
    settings, stamped = run.mcmc, stamp(run)
    with recorded(run, "mcmc", run.outputs, run.needed) as more:
        labelled = cutting.open_labelled(run.spectra)
        sets = divide(run.split, labelled.light_cones, labelled.failed)
        validation, test, training = (Measured.of(labelled, each) for each in sets)
        low, high = np.array([labelled.prior[name] for name in labelled.names], float).T
        _, parameters, spectra = training
        emulator, residuals = fit(parameters, spectra, low, high, settings.hidden, settings.seed)
        likelihood = Likelihood.of(emulator, spectra, residuals, settings.components)
        asked: list[tuple[str, Path, Measured]] = [("test", run.posterior, test)]
        asked = asked if settings.test else []
        for mock in run.mocks:
            light_cones = range(mock.realizations)
            observed = Measured.of(cutting.open_labelled(mock), light_cones)
            asked.append((f"mock {mock.name}", run.mock_posterior(mock.name), observed))
        said = {}
        for name, path, observed in asked:
            posteriors, chains = _sampled(run, likelihood, validation, observed, low, high)
            write_posteriors(posteriors, path, stamped)
            said[name] = _said(run, name, posteriors, chains)
        table = _errors(run.spectra, emulator, test, residuals.std(axis=0))
        durable.write_text(run.table, comment(stamped) + table)
        outcome = {"training_light_cones": len(spectra), "posteriors": said}
        durable.write_json(run.outcome, {**outcome, "provenance": stamped})
        more |= computed_on("cpu")


def _sampled(
    run: McmcRun,
    likelihood: Likelihood,
    validation: Measured,
    observed: Measured,
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[Posteriors, list[Chain]]:
    settings = run.mcmc
    seen, chains, density = likelihood.reduced(observed.spectra), [], []
    for truth, components in zip(observed.parameters, seen, strict=True):
        log_likelihood = partial(likelihood.log, components)
        chains.append(sample_one(log_likelihood, low, high, settings))
        samples = chains[-1].samples
        density.append(log_density(log_likelihood, samples, truth, low, high, settings.seed))
    reference = ridge(likelihood.reduced(validation.spectra), validation.parameters, seen)
    posteriors = Posteriors(
        names=run.spectra.lightcones.design.names,
        light_cones=observed.light_cones,
        truth=observed.parameters,
        samples=np.array([chain.samples for chain in chains], np.float32),
        log_density=np.array(density),
        reference=reference,
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
