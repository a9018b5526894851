"""Which parameters and which seed each realisation has."""

import warnings

import numpy as np
import pytest
from scipy import stats

from lcinfer import config
from lcinfer.config.sections import Mock
from lcinfer.products.design import MockDesign, PriorDesign

SAMPLINGS = ("uniform", "sobol")


# A change of these is a change of every light-cone: raise STAGE_VERSIONS["lightcones"].
KNOWN_DRAWS = [
    [186.0990293067127, 5.181041289145418, 38.831235762648284, 720.7083290160947],
    [225.1639548076377, 5.109933746805638, 41.98269948804302, 1417.312179247124],
]
KNOWN_SEED, KNOWN_MOCK_SEED = 16823400, 2760179712


def prior_design(settings, **changes) -> PriorDesign:
    return PriorDesign(config.Database.model_validate({**settings["database"], **changes}))


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_draw_depends_on_seed_and_index_alone(settings, sampling) -> None:
    draws = prior_design(settings, sampling=sampling)
    together = draws.parameters(0, 20)
    alone = np.concatenate([draws.parameters(i, i + 1) for i in range(20)])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(draws.parameters(7, 13), together[7:13])
    np.testing.assert_array_equal(draws.seeds(7, 13), draws.seeds(0, 20)[7:13])


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_growing_keeps_every_draw(settings, sampling) -> None:
    small = prior_design(settings, sampling=sampling, realizations=12)
    large = prior_design(settings, sampling=sampling, realizations=120)
    np.testing.assert_array_equal(small.parameters(0, 12), large.parameters(0, 120)[:12])
    np.testing.assert_array_equal(small.seeds(0, 12), large.seeds(0, 120)[:12])


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_another_seed_gives_other_draws(settings, sampling) -> None:
    one = prior_design(settings, sampling=sampling, seed=1)
    other = prior_design(settings, sampling=sampling, seed=2)
    assert not np.any(one.parameters(0, 50) == other.parameters(0, 50))
    assert not np.any(one.seeds(0, 50) == other.seeds(0, 50))


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_draws_fill_the_prior_uniformly_and_stay_inside(settings, sampling) -> None:
    draws = prior_design(settings, sampling=sampling)
    assert draws.names == ("HII_EFF_FACTOR", "ION_Tvir_MIN", "L_X", "NU_X_THRESH")
    values = draws.parameters(0, 2048)
    assert values.dtype == np.float64
    for name, column in zip(draws.names, values.T, strict=True):
        low, high = draws.database.prior[name]
        assert low <= column.min() < column.max() < high
        unit = (column - low) / (high - low)
        assert stats.kstest(unit, "uniform").pvalue > 0.01
        assert (unit.min(), unit.max()) == pytest.approx((0, 1), abs=0.01)
    assert np.abs(np.corrcoef(values.T) - np.eye(4)).max() < 0.07


def test_sobol_fills_the_prior_more_evenly_than_independent_draws(settings) -> None:
    discrepancy = {
        sampling: stats.qmc.discrepancy(
            stats.qmc.scale(
                draws.parameters(0, 256),
                *np.array([draws.database.prior[name] for name in draws.names]).T,
                reverse=True,
            )
        )
        for sampling in SAMPLINGS
        for draws in [prior_design(settings, sampling=sampling)]
    }
    assert discrepancy["sobol"] < 0.2 * discrepancy["uniform"]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_an_empty_range_has_no_draws(settings, sampling) -> None:
    draws = prior_design(settings, sampling=sampling)
    assert draws.parameters(5, 5).shape == (0, 4)
    assert draws.seeds(5, 5).shape == (0,)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_drawing_warns_of_nothing(settings, sampling) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prior_design(settings, sampling=sampling).parameters(0, 12)


def test_the_order_of_the_priors_parameters_changes_no_draw(settings) -> None:
    before = prior_design(settings)
    backwards = dict(reversed(settings["database"]["prior"].items()))
    after = prior_design(settings, prior=backwards)
    assert after.names == before.names
    np.testing.assert_array_equal(before.parameters(0, 9), after.parameters(0, 9))


@pytest.mark.parametrize("seed", [0, 5, 2019, 2**63 - 1])
def test_seeds_of_a_hundred_thousand_light_cones_differ_and_fit_in_31_bits(settings, seed) -> None:
    seeds = prior_design(settings, seed=seed).seeds(0, 100_000)
    assert seeds.dtype == np.int64
    assert len(np.unique(seeds)) == 100_000
    assert 1 <= seeds.min() <= seeds.max() < 2**31


def test_seeds_stay_different_where_they_wrap_around(settings) -> None:
    draws = prior_design(settings)
    wrap = 2**31 - 1 - int(draws.seeds(0, 1)[0])
    seeds = draws.seeds(wrap - 1000, wrap + 1000)
    assert (seeds.max(), seeds.min()) == (2**31 - 1, 1)
    assert len(np.unique(seeds)) == 2000
    whole_turn = 2**31 - 1
    assert draws.seeds(whole_turn - 1, whole_turn)[0] not in draws.seeds(0, 1000)


def test_seeds_of_mocks_are_neither_the_databases_nor_each_others(settings) -> None:
    mocks = [
        MockDesign(name, Mock(parameters={}, realizations=2**16)) for name in ("FAINT", "BRIGHT")
    ]
    ranges = [mock.seeds(0, 2**16) for mock in mocks]
    for seeds in ranges:
        assert 2**31 <= seeds.min() <= seeds.max() < 2**32, "the database has those below"
        assert len(np.unique(seeds)) == 2**16
    assert not set(ranges[0]) & set(ranges[1])


def test_a_mocks_seeds_depend_on_its_name_alone(settings) -> None:
    point = settings["mocks"]["FAINT"]["parameters"]
    one, other = (
        MockDesign("FAINT", Mock(parameters=point)),
        MockDesign("FAINT", Mock(parameters={})),
    )
    np.testing.assert_array_equal(one.seeds(0, 9), other.seeds(0, 9))


def test_two_mocks_whose_names_share_seeds_are_refused(settings, monkeypatch) -> None:
    settings["mocks"]["BRIGHT"] = settings["mocks"]["FAINT"]
    config.parse(settings)
    monkeypatch.setattr(config.agreement, "mock_block", lambda name: 7)
    with pytest.raises(config.UserError, match="BRIGHT and FAINT would share seeds: rename one"):
        config.parse(settings)


def test_every_realisation_of_a_mock_has_its_point(settings) -> None:
    mock = Mock(parameters={"b": 2, "a": 1}, realizations=3)
    point = MockDesign("FAINT", mock)
    assert point.names == ("a", "b")
    np.testing.assert_array_equal(point.parameters(0, 3), [[1, 2]] * 3)


def test_draws_are_those_of_the_first_release(settings) -> None:
    draws = prior_design(settings)
    np.testing.assert_allclose(draws.parameters(0, 2), KNOWN_DRAWS, rtol=1e-12)
    assert draws.seeds(0, 1)[0] == KNOWN_SEED
    assert MockDesign("FAINT", Mock(parameters={})).seeds(0, 1)[0] == KNOWN_MOCK_SEED
