"""The emulator, the likelihood and MCMC, where the posterior is known."""

from functools import partial

import numpy as np
import pytest

from lcinfer.base.fingerprint import identity
from lcinfer.config.spectra import Mcmc
from lcinfer.likelihood.emulator import fit
from lcinfer.likelihood.gaussian import Likelihood
from lcinfer.likelihood.sampling import log_density, sample

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


def test_a_short_chain_goes_on_and_one_that_is_long_enough_stays_what_it_is(toy) -> None:
    _, _, likelihood, _ = toy
    log_likelihood = partial(likelihood.log, np.zeros(6))

    def chain(**settings):
        few = {"steps": 200, "samples": 50, **settings}
        return sample(log_likelihood, LOW, HIGH, SETTINGS.model_copy(update=few))

    short, longer, cut = chain(), chain(most_steps=20_000), chain(most_steps=210)
    assert not short.converged
    assert longer.converged and 200 < longer.steps <= 20_000
    assert (cut.steps, cut.converged) == (210, False)
    enough = chain(steps=longer.steps)
    assert enough.converged
    again = chain(steps=longer.steps, most_steps=20_000)
    np.testing.assert_array_equal(again.samples, enough.samples)


def test_that_chains_may_go_on_changes_no_fingerprint_where_they_do_not() -> None:
    plain = identity("mcmc", mcmc=Mcmc(spectra="toy"))
    assert identity("mcmc", mcmc=Mcmc(spectra="toy", most_steps=None)) == plain
    assert "most_steps" not in plain["mcmc"]
    assert identity("mcmc", mcmc=Mcmc(spectra="toy", most_steps=9000)) != plain
    with pytest.raises(ValueError, match="most_steps 9 are fewer than steps 2500"):
        Mcmc(spectra="toy", most_steps=9)
