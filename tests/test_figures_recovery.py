"""Figure 5: predicted against true parameters."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lcinfer.base.errors import UserError
from lcinfer.evaluation.residuals import density_bins, profile_bins, residual_profile
from lcinfer.figures import draw_recovery, draw_residuals

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
        counts: NDArray[np.float64] = np.ma.asarray(image.get_array())
        assert counts.sum() == n


def bar_labels(figure: Figure, name: str) -> list[str]:
    """What the colour bar's ticks say between its ends."""
    figure.draw_without_rendering()
    bar = panel(figure, f"{name} bar")
    assert bar.get_ylabel() == "images per bin"
    low, high = bar.get_ylim()
    ticks = zip(bar.get_yticks(), bar.get_yticklabels(), strict=True)
    return [label.get_text() for at, label in ticks if low <= at <= high]


def test_few_counts_have_a_colour_and_a_label_each() -> None:
    true = np.array([[4.05]] * 2 + [[5.95]] * 1)
    figure = draw_recovery(true, true, ["ION_Tvir_MIN"], PRIORS)
    assert bar_labels(figure, "ION_Tvir_MIN") == ["1", "2", "3"]
    (image,) = panel(figure, "ION_Tvir_MIN centre").images
    assert len({image.cmap(image.norm(number)) for number in (1, 2, 3)}) == 3


def test_many_counts_are_on_a_logarithmic_scale_that_is_labelled_with_counts() -> None:
    true, predicted = predictions(1000)
    labels = bar_labels(draw_recovery(true, predicted, NAMES, PRIORS), "L_X")
    assert labels[0] == "1" and {"2", "5"} < set(labels)


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


def test_bands_end_with_the_predictions_and_not_at_the_panel_s_edge() -> None:
    true, predicted = predictions(2000)
    figure = draw_recovery(true, predicted, NAMES, PRIORS)
    for number, name in enumerate(NAMES):
        beside = panel(figure, f"{name} beside")
        low, high = beside.get_ylim()
        bands = [bar.get_bbox() for bar in beside.patches]
        room = 0.02 * (high - low)
        assert low + room < min(box.y0 for box in bands)
        assert high - room > max(box.y1 for box in bands)
        assert max(box.y1 for box in bands) <= predicted[:, number].max() * (
            1e-3 if name == "NU_X_THRESH" else 1
        )


def test_a_prediction_far_outside_is_said_to_be_missing() -> None:
    true, predicted = predictions(30)
    predicted[0, 1] = 60.0
    figure = draw_recovery(true, predicted, NAMES, PRIORS)
    notes = {name: panel(figure, f"{name} centre").texts[0].get_text() for name in NAMES}
    assert "1 outside the axes" in notes["ION_Tvir_MIN"]
    assert "outside" not in notes["L_X"]
    assert panel(figure, "ION_Tvir_MIN centre").get_ylim()[1] < 7


def test_what_is_written_covers_no_point() -> None:
    true, predicted = predictions(30)
    figure = draw_recovery(true, predicted, NAMES, PRIORS, scores={"L_X": (0.9, 0.8, 0.95)})
    figure.draw_without_rendering()
    for name in NAMES:
        centre = panel(figure, f"{name} centre")
        (note,) = centre.texts
        assert note.get_window_extent().y0 > centre.get_window_extent().y1


def test_the_figure_says_that_its_images_are_one_of_each_light_cone() -> None:
    figure = draw_recovery(*predictions(30), NAMES, PRIORS)
    assert figure.legends[0].get_title().get_text() == "30 test light-cones, one image of each"


@pytest.mark.parametrize(("n", "fitted"), [(30, False), (399, False), (400, True)])
def test_a_figure_has_one_kind_of_mean_and_spread_and_says_which(n: int, fitted: bool) -> None:
    said = legend_of(draw_recovery(*predictions(n), NAMES, PRIORS))
    assert len(said) == 2
    assert ("Gaussian fits" in said[0]) == fitted
    assert f"bins of {8 if fitted else 3} or more" in said[1]


LONG = "UPPER_STELLAR_TURNOVER_INDEX"


@pytest.mark.parametrize(
    "names", [["L_X"], ["L_X", LONG, "NU_X_THRESH"], NAMES, ["L_X", LONG, LONG, "L_X", "L_X"]]
)
def test_every_text_lies_on_the_page_whatever_parameters_there_are(names: list[str]) -> None:
    ends = {**PRIORS, LONG: (-2.25, -0.75)}
    low, high = np.array([ends[name] for name in names]).T
    random = np.random.default_rng(4)
    true = random.uniform(low, high, (80, len(names)))
    found = true + random.normal(0, 0.05, true.shape) * (high - low)
    mocks = {"A_LONG_NAME": (true[0], found[:3])}
    for figure in (
        draw_recovery(true, found, names, ends, mocks=mocks),
        draw_residuals(true, found, names),
    ):
        figure.draw_without_rendering()  # lays it out
        drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert drawn.x0 >= 0 and drawn.x1 <= width, "cut off at the left or right edge"
        assert drawn.y0 >= 0 and drawn.y1 <= height, "cut off at the lower or upper edge"


def test_r2_is_given_with_its_interval_and_only_when_known() -> None:
    true, predicted = predictions(30)
    scores = {"L_X": (0.9871, 0.9702, 0.9904)}
    figure = draw_recovery(true, predicted, NAMES, PRIORS, scores=scores, confidence=0.9)
    note = panel(figure, "L_X centre").texts[0].get_text()
    assert "R^2=0.987" in note and "90%" in note and "0.970" in note and "0.990" in note
    assert "R^2" not in panel(figure, "HII_EFF_FACTOR centre").texts[0].get_text()


def test_r2_has_no_more_digits_than_its_interval_knows() -> None:
    true, predicted = predictions(30)
    scores = {"L_X": (0.0694, -0.5453, 0.5189), "NU_X_THRESH": (0.99871, 0.99854, 0.99891)}
    figure = draw_recovery(true, predicted, NAMES, PRIORS, scores=scores)
    notes = {name: panel(figure, f"{name} centre").texts[0].get_text() for name in scores}
    assert notes["L_X"].startswith("$R^2=0.07$, 95%: [$-0.55$, $0.52$]")
    assert notes["NU_X_THRESH"].startswith("$R^2=0.9987$, 95%: [$0.9985$, $0.9989$]")


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
