"""Figure 5: predicted against true parameters."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lcinfer.errors import UserError
from lcinfer.figures import draw_recovery
from lcinfer.residuals import density_bins, profile_bins, residual_profile

NAMES = ["HII_EFF_FACTOR", "ION_Tvir_MIN", "L_X", "NU_X_THRESH"]
PRIORS = {
    "HII_EFF_FACTOR": (10.0, 250.0),
    "ION_Tvir_MIN": (4.0, 6.0),
    "L_X": (38.0, 42.0),
    "NU_X_THRESH": (100.0, 1500.0),
}
FAINT = np.array([30.0, 4.7, 40.0, 500.0])


def panel(figure: Figure, label: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_label() == label)


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def predictions(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(n)
    low, high = np.array([PRIORS[name] for name in NAMES]).T
    true = rng.uniform(low, high, (n, 4))
    return true, true + rng.normal(0, 0.05, (n, 4)) * (high - low)


def test_binned_residuals_equal_a_slow_obvious_computation() -> None:
    rng = np.random.default_rng(5)
    at, residual = rng.uniform(-1, 11, 300), rng.normal(1e3, 2, 300)
    at[:3] = 0.0, 4.0, 10.0  # on edges
    edges = np.linspace(0, 10, 6)
    profile = residual_profile(at, residual, edges)
    for number in range(5):
        low, high, last = edges[number], edges[number + 1], number == 4
        inside = [
            r for x, r in zip(at, residual, strict=True) if low <= x < high or (last and x == high)
        ]
        assert profile.count[number] == len(inside)
        assert profile.mean[number] == pytest.approx(np.mean(inside), rel=1e-12)
        assert profile.spread[number] == pytest.approx(np.std(inside, ddof=1), rel=1e-9)


def test_a_bin_of_fewer_than_three_points_is_given_no_spread_and_an_empty_one_no_mean() -> None:
    at = [0.5, 1.5, 1.6, 2.5, 2.6, 2.7]
    profile = residual_profile(at, [1.0, 2.0, 4.0, 1.0, 2.0, 3.0], [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(profile.count, [1, 2, 3, 0])
    np.testing.assert_array_equal(profile.mean, [1.0, 3.0, 2.0, np.nan])
    np.testing.assert_array_equal(profile.spread, [np.nan, np.nan, 1.0, np.nan])


def test_the_figure_draws_no_band_in_a_sparse_bin() -> None:
    true = np.array([[4.1]] * 20 + [[5.9]] * 2)
    residual = np.tile([[0.1], [-0.1]], (11, 1))
    figure = draw_recovery(true, true + residual, ["ION_Tvir_MIN"], PRIORS)
    (band,) = panel(figure, "ION_Tvir_MIN below").patches
    x, width = band.get_x(), band.get_width()  # type: ignore[attr-defined]
    assert x <= 4.1 < x + width


def test_few_points_get_few_bins_and_many_no_more_than_configured() -> None:
    assert profile_bins(24, 25) == 3 and density_bins(24, 25) < 10
    assert profile_bins(1000, 25) == density_bins(1000, 25) == 25
    assert profile_bins(24, 2) == 2


@pytest.mark.parametrize("n", [1, 24, 1000])
def test_every_point_is_counted_in_the_density(n: int) -> None:
    true, predicted = predictions(n)
    figure = draw_recovery(true, predicted, NAMES, PRIORS)
    for name in NAMES:
        (image,) = panel(figure, f"{name} centre").images
        density: NDArray[np.float64] = np.ma.asarray(image.get_array())
        assert float((10.0**density).sum()) == pytest.approx(n)


def test_the_prediction_is_drawn_upwards_and_the_truth_to_the_right() -> None:
    figure = draw_recovery([[4.05]] * 9, [[5.95]] * 9, ["ION_Tvir_MIN"], PRIORS)
    (image,) = panel(figure, "ION_Tvir_MIN centre").images
    ((row, column),) = np.argwhere(~np.ma.getmaskarray(np.ma.asarray(image.get_array())))
    assert image.origin == "lower" and row > column


def test_axes_carry_symbols_and_units_and_values_in_them() -> None:
    true, predicted = predictions(100)
    figure = draw_recovery(true, predicted, NAMES, PRIORS)
    below, beside = panel(figure, "NU_X_THRESH below"), panel(figure, "NU_X_THRESH beside")
    assert below.get_xlabel() == "True $E_0$ [keV]"
    assert beside.get_ylabel() == "Predicted $E_0$ [keV]"
    assert "[keV]" in below.get_ylabel() and "[keV]" in beside.get_xlabel()
    assert "[dex]" in panel(figure, "L_X below").get_ylabel()
    assert below.get_xlim()[1] < 2.0  # keV, not eV


def test_side_panels_share_the_central_axes_and_one_scale_of_residuals() -> None:
    true, predicted = predictions(300)
    figure = draw_recovery(true, predicted, NAMES, PRIORS)
    for name in NAMES:
        centre, below, beside = (
            panel(figure, f"{name} {p}") for p in ("centre", "below", "beside")
        )
        assert centre.get_xlim() == centre.get_ylim() == below.get_xlim() == beside.get_ylim()
        assert below.get_ylim() == beside.get_xlim()
        np.testing.assert_allclose(centre.get_position().x0, below.get_position().x0)
        np.testing.assert_allclose(centre.get_position().y1, beside.get_position().y1)


def test_a_prediction_far_outside_is_said_to_be_missing() -> None:
    true, predicted = predictions(30)
    predicted[0, 1] = 60.0
    figure = draw_recovery(true, predicted, NAMES, PRIORS)
    notes = {name: panel(figure, f"{name} centre").texts[0].get_text() for name in NAMES}
    assert "1 outside the axes" in notes["ION_Tvir_MIN"]
    assert "outside" not in notes["L_X"]
    assert panel(figure, "ION_Tvir_MIN centre").get_ylim()[1] < 7


def test_r2_is_given_with_its_interval_and_only_when_known() -> None:
    true, predicted = predictions(30)
    scores = {"L_X": (0.9871, 0.9702, 0.9904)}
    figure = draw_recovery(true, predicted, NAMES, PRIORS, scores=scores, confidence=0.9)
    note = panel(figure, "L_X centre").texts[0].get_text()
    assert "R^2=0.987" in note and "90%" in note and "0.970" in note and "0.990" in note
    assert "R^2" not in panel(figure, "HII_EFF_FACTOR centre").texts[0].get_text()


def test_a_mock_is_drawn_at_its_recovered_mean_with_the_scatter_of_its_light_cones() -> None:
    true, predicted = predictions(30)
    recovered = FAINT + np.array([-1.0, 0.0, 4.0])[:, None] * [1.0, 0.01, 0.1, 100.0]
    figure = draw_recovery(true, predicted, NAMES, PRIORS, mocks={"FAINT": (FAINT, recovered)})
    (bar,) = panel(figure, "NU_X_THRESH centre").containers
    marker, _, (spread,) = bar.lines  # type: ignore[attr-defined]
    np.testing.assert_allclose(marker.get_xydata(), [[0.5, 0.6]])
    low, high = spread.get_segments()[0][:, 1]
    assert (high - low) / 2 == pytest.approx(np.std([-0.1, 0.0, 0.4], ddof=1))
    assert "FAINT: recovered, mean and s.d. of 3 light-cones" in legend_of(figure)


def test_a_mock_without_scatter_is_given_no_error_bar_and_an_honest_label() -> None:
    true, predicted = predictions(30)
    mocks = {"ONE": (FAINT, FAINT[None] * 1.01), "NONE": (FAINT, None)}
    figure = draw_recovery(true, predicted, NAMES, PRIORS, mocks=mocks)
    for container in panel(figure, "L_X centre").containers:
        assert not container.has_yerr  # type: ignore[attr-defined]
    assert {"ONE: recovered, one light-cone", "NONE: true values"} <= set(legend_of(figure))


def test_predictions_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="must both be"):
        draw_recovery(np.zeros((5, 3)), np.zeros((5, 3)), NAMES, PRIORS)


def test_predictions_that_are_not_numbers_are_named() -> None:
    true, predicted = predictions(30)
    predicted[3:5, 2] = np.nan
    with pytest.raises(UserError, match="2 predictions of L_X are not finite"):
        draw_recovery(true, predicted, NAMES, PRIORS)
