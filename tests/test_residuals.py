"""Gaussian fits of residuals, in bins and over all."""

import numpy as np
import pytest

from lcinfer.evaluation.residuals import decimals, gaussian_fit, residual_profile


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_a_gaussian_is_found_again_whatever_its_unit(scale) -> None:
    residual = scale * np.random.default_rng(1).normal(3, 0.5, 20_000)
    mean, spread = gaussian_fit(residual)
    assert mean == pytest.approx(3 * scale, rel=0.01)
    assert spread == pytest.approx(0.5 * scale, rel=0.02)


def test_outliers_move_the_fit_less_than_the_moments() -> None:
    residual = np.random.default_rng(2).normal(0, 1, 400)
    residual[:12] = 30
    mean, spread = gaussian_fit(residual)
    assert abs(mean) < 0.2 < abs(residual.mean())
    assert spread < 1.2 < residual.std(ddof=1)


def test_too_few_residuals_have_no_fit_and_equal_ones_no_width() -> None:
    assert np.isnan(gaussian_fit([1.0, 2, 3, 4, 5, 6, 7])).all()
    assert gaussian_fit([2.0] * 9) == (2.0, 0.0)


def test_every_bin_of_a_profile_has_the_fit_of_its_own_residuals() -> None:
    at = np.repeat([0.5, 1.5, 2.5], [30, 5, 40])
    residual = np.random.default_rng(3).normal(at, 0.1)
    profile = residual_profile(at, residual, [0, 1, 2, 3], fitted=True)
    for number, part in ((0, residual[:30]), (2, residual[35:])):
        assert (profile.mean[number], profile.spread[number]) == gaussian_fit(part)
    assert np.isnan([profile.mean[1], profile.spread[1]]).all()
    assert profile.count.tolist() == [30, 5, 40]


@pytest.mark.parametrize(
    ("spread", "points", "digits"),
    [(17, 80, 0), (17, 1000, 1), (0.022, 80, 3), (0.39, 32, 2), (2e4, 50, 0), (0.0, 5, 2)],
)
def test_a_mean_has_the_digits_that_its_standard_error_leaves(spread, points, digits) -> None:
    assert decimals(spread, points) == digits
