"""The emulator, the likelihood and MCMC, where the posterior is known; what the stage writes."""

import csv
import json
from functools import partial

import numpy as np
import pytest
from support.filling import complete

from lcinfer import config
from lcinfer.config.spectra import Mcmc
from lcinfer.evaluation.posteriors import read_posteriors
from lcinfer.likelihood.convergence import Chains
from lcinfer.likelihood.emulator import fit
from lcinfer.likelihood.gaussian import Likelihood
from lcinfer.likelihood.sampling import log_density, sample
from lcinfer.products.run import Run
from lcinfer.records.stamp import uncommented
from lcinfer.stages import images, mcmc, mock_posteriors, scored
from lcinfer.stages import posteriors as posteriors_of

LOW, HIGH = np.array([0.0, -2.0]), np.array([10.0, 2.0])
SETTINGS = Mcmc(spectra="toy", walkers=32, steps=2500, samples=10000, components=6)


@pytest.fixture(scope="module")
def toy():
    """A linear model of six numbers with Gaussian noise, and a likelihood fitted on draws of it."""
    random = np.random.default_rng(4)
    response = random.normal(size=(2, 6)) * [[1.0], [3.0]]
    root = 0.8 * np.tril(random.normal(size=(6, 6))) + 2 * np.eye(6)
    parameters = random.uniform(LOW, HIGH, (1000, 2))
    spectra = parameters @ response + random.normal(size=(1000, 6)) @ root.T
    emulator, residuals = fit(parameters, spectra, LOW, HIGH, (16,), seed=1)
    return response, root @ root.T, Likelihood.of(emulator, spectra, residuals, 6), residuals


def exact(response, covariance, observed):
    """Mean and covariance of the posterior, far from the prior's ends."""
    found = np.linalg.inv(response @ np.linalg.solve(covariance, response.T))
    return found @ response @ np.linalg.solve(covariance, observed), found


def test_a_gaussian_posterior_is_recovered_with_its_density(toy) -> None:
    response, covariance, likelihood, _ = toy
    truth = np.array([5.0, 0.3])
    mean, spread = exact(response, covariance, truth @ response)
    width = np.sqrt(np.diag(spread))
    log_likelihood = partial(likelihood.log, likelihood.reduced(truth @ response))
    chain = sample(log_likelihood, LOW, HIGH, SETTINGS)
    samples = chain.samples
    assert ((samples >= LOW) & (samples <= HIGH)).all()
    np.testing.assert_allclose((samples.mean(axis=0) - mean) / width, 0, atol=0.1)
    np.testing.assert_allclose(samples.std(axis=0), width, rtol=0.1)
    assert 5 < chain.autocorrelation < 100
    found = log_density(log_likelihood, samples, truth, LOW, HIGH, seed=1)
    unit = spread / np.outer(HIGH - LOW, HIGH - LOW)
    assert found == pytest.approx(-0.5 * np.log(np.linalg.det(2 * np.pi * unit)), abs=0.15)


def test_residuals_are_of_networks_that_have_not_seen_their_light_cones(toy) -> None:
    _, covariance, _, residuals = toy
    ratio = residuals.var(axis=0) / np.diag(covariance)
    assert ((ratio > 0.9) & (ratio < 1.2)).all()


def test_the_same_seed_gives_the_same_chain(toy) -> None:
    _, _, likelihood, _ = toy
    log_likelihood = partial(likelihood.log, np.zeros(6))
    short = SETTINGS.model_copy(update={"steps": 20, "samples": 50})
    one, other = (sample(log_likelihood, LOW, HIGH, short).samples for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_the_stage_writes_posteriors_errors_and_what_is_too_short(
    settings, tmp_path, capsys
) -> None:
    settings["database"]["realizations"] = 25
    settings["spectra"] = {"shells": {"kind": "spherical", "bins": 3}}
    small = {"components": 4, "hidden": [8], "walkers": 8, "steps": 40, "samples": 60, "test": True}
    settings["mcmc"] = {"toy": {"spectra": "shells", **small}}
    made = Run(config.parse(settings), tmp_path)
    for cones in made.lightcones.values():
        complete(cones)
    for product in made.spectra.values():
        images.make(product)
    run = made.mcmc["toy"]
    mcmc.sample(run, 1)
    assert all(path.exists() for path in run.outputs)
    low, high = np.array(list(settings["database"]["prior"].values()), float).T
    posteriors = read_posteriors(run.mock_posterior("FAINT"))
    assert posteriors.samples.shape == (2, 60, 4)
    assert ((posteriors.samples >= low) & (posteriors.samples <= high)).all()
    assert read_posteriors(run.posterior).light_cones.tolist() == [2, 3, 4]
    outcome = json.loads(run.outcome.read_text())
    assert outcome["training_light_cones"] == 20
    assert outcome["posteriors"]["test"]["converged"] == 0
    assert (
        "test: 3 of 3 chains are shorter than 50 autocorrelation times: mcmc.toy.most_steps"
        in capsys.readouterr().out
    )
    with run.table.open() as file:
        lines = list(csv.DictReader(uncommented(file)))
    assert len(lines) == 5 * 3
    assert {"chunk", "redshift", "k", "r2", "bias", "rms"} <= lines[0].keys()
    assert made.summary.identity["mcmc"] == {"toy": run.fingerprint}
    scores = scored.sampled(made)["toy"]
    density = read_posteriors(run.posterior).log_density.mean()
    assert scores["log_density"]["mean"] == pytest.approx(density)
    assert scores["calibration"]["reason"] == "3 test light-cones, and a verdict needs 200"
    (chains,) = scored.chains_of_likelihoods(made).values()
    assert (chains.count, chains.short) == (3, 3)
    table, page = mock_posteriors.tables(made)
    rows = list(csv.DictReader(table.splitlines()))
    assert {row["posterior"] for row in rows} == {"toy"}
    assert len(rows) == 2 * 4
    assert page.count("<code>toy</code>") == 2
    untested = {"toy": Chains(2, 0, 40)}
    *_, last = posteriors_of.lines({"flow": scores}, untested)
    assert last.split()[:2] == ["toy", "none"]
    assert last.endswith("mcmc.toy.test asks for the test light-cones too")
    names = made.database.design.names
    assert "mcmc.toy.test asks" in posteriors_of.page({"flow": scores}, untested, names)
