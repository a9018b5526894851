"""Figures of posteriors: calibration, means and widths, corner plots."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from support.toy_posteriors import toy

from lcinfer.evaluation.calibration import calibration
from lcinfer.figures import draw_calibration, draw_compared, draw_corner, draw_posteriors
from lcinfer.figures.corner import _density, _levels

NAMES = ("HII_EFF_FACTOR", "ION_Tvir_MIN", "L_X", "NU_X_THRESH")
PRIORS = {
    "HII_EFF_FACTOR": (10.0, 250.0),
    "ION_Tvir_MIN": (4.0, 6.0),
    "L_X": (38.0, 42.0),
    "NU_X_THRESH": (100.0, 1500.0),
}
LOW, HIGH = np.array(list(PRIORS.values())).T


def panel(figure: Figure, label: str) -> Axes:
    found = [axes for axes in figure.axes if axes.get_label() == label]
    found += [axes for part in figure.subfigs for axes in part.axes if axes.get_label() == label]
    return found[0]


def physical(unit: np.ndarray) -> np.ndarray:
    return LOW + unit * (HIGH - LOW)


@pytest.mark.parametrize(("width", "verdict"), [(1.0, "PASS"), (0.7, "FAIL")])
def test_calibration_s_title_says_the_verdict_and_its_bars_are_all_light_cones(width, verdict):
    found = calibration(*toy(2, width=width))
    figure = draw_calibration(found, NAMES)
    assert figure.get_suptitle().startswith(f"{verdict}: p = {found.p:.2g} by the worst of 5 tests")
    for name in NAMES:
        bars = panel(figure, name).containers[0]
        assert sum(bar.get_height() for bar in bars) == 200
    (step, _) = panel(figure, "tarp").lines
    np.testing.assert_array_equal(step.get_xdata()[1:-1], np.sort(found.credibility))
    curve = panel(figure, "coverage").lines[0]
    at = np.searchsorted(curve.get_xdata(), 0.68)
    assert curve.get_ydata()[at] == pytest.approx(found.coverage(0.68)[0], abs=0.02)


def test_few_light_cones_are_drawn_without_a_verdict() -> None:
    figure = draw_calibration(calibration(*toy(2, number=20)), NAMES)
    assert figure.get_suptitle() == "No verdict: 20 test light-cones, and a verdict needs 200"


def test_means_and_intervals_are_those_of_the_samples_in_the_papers_units() -> None:
    samples, truth, *_ = toy(2, number=50)
    samples, truth = physical(samples), physical(truth)
    figure = draw_posteriors(truth, samples, NAMES, PRIORS)
    points = panel(figure, "NU_X_THRESH mean").lines[1]
    np.testing.assert_allclose(points.get_xdata(), truth[:, 3] / 1000)
    np.testing.assert_allclose(points.get_ydata(), samples[:, :, 3].mean(axis=1) / 1000)
    widths = panel(figure, "NU_X_THRESH width").lines
    low, high = np.quantile(samples[:, :, 3], (0.16, 0.84), axis=1)
    np.testing.assert_allclose(widths[0].get_ydata(), (high - low) / 1000)
    assert widths[1].get_ydata()[0] == pytest.approx(0.68 * 1.4), "the prior's own"


def test_contours_hold_their_share_of_the_samples() -> None:
    generator = np.random.default_rng(1)
    points = generator.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 200_000).T
    density, edges = _density(list(points), [(-5, 5), (-5, 5)])
    cells = [np.digitize(each, edge) - 1 for each, edge in zip(points, edges, strict=True)]
    for level, share in zip(_levels(density), (0.95, 0.68), strict=True):
        assert np.mean(density[cells[0], cells[1]] >= level) == pytest.approx(share, abs=0.02)


def test_densities_do_not_fall_off_at_the_prior_s_end() -> None:
    points = np.random.default_rng(1).random(100_000)
    density, _ = _density([points], [(0.0, 1.0)])
    np.testing.assert_allclose(density, 1 / 96, rtol=0.1)


def test_a_corner_has_thin_lines_of_other_light_cones_inside_its_axes() -> None:
    one, *others = (physical(toy(seed, number=1).samples[0]) for seed in (1, 2, 3))
    drawn = {"flow": one, "dropout": one}
    what = (one.mean(axis=0), NAMES, PRIORS)
    figure = draw_corner(drawn, *what, others={"flow": others, "dropout": others})
    for at, name in enumerate(NAMES):
        axes = panel(figure, f"{name} {name}")
        thin = [line for line in axes.lines if line.get_linewidth() == 0.5]
        assert len(thin) == 2 * len(others)
        assert {line.get_color() for line in thin} == {line.get_color() for line in axes.lines[:4]}
        low, high = axes.get_xlim()
        scale = 1e-3 if name == "NU_X_THRESH" else 1
        middles = [np.median(other[:, at]) * scale for other in others]
        assert all(low < middle < high for middle in middles)
    (legend,) = figure.legends
    assert legend.get_texts()[-1].get_text() == "2 other light-cones: densities alone"
    (alone,) = draw_corner(drawn, *what).legends
    assert alone.get_texts()[-1].get_text() == "true values"


def test_a_corner_s_axes_hold_the_truth_and_stay_inside_the_prior() -> None:
    one, other = (physical(toy(seed, number=1).samples[0]) for seed in (1, 2))
    truth = np.array([12.0, 5.9, 38.1, 1480.0])
    figure = draw_corner(
        {"flow": one, "dropout": other},
        *(truth, NAMES, PRIORS),
        title="FAINT",
        log_density={"flow": 3.214, "dropout": 2.0},
    )
    for number, name in enumerate(NAMES):
        scale = 1e-3 if name == "NU_X_THRESH" else 1
        low, high = panel(figure, f"{name} {name}").get_xlim()
        assert PRIORS[name][0] * scale <= low <= truth[number] * scale
        assert truth[number] * scale <= high <= PRIORS[name][1] * scale + 1e-12
    (legend,) = figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told == ["flow: 3.21 nats", "dropout: 2.00 nats", "true values"]
    assert legend.get_title().get_text().startswith("FAINT")
    square = panel(figure, "HII_EFF_FACTOR NU_X_THRESH").lines[-1]
    assert (square.get_xdata()[0], square.get_ydata()[0]) == (12.0, 1.48)


def test_two_methods_are_compared_light_cone_by_light_cone_and_no_outlier_hides() -> None:
    first, second = np.full(100, 7.0), np.full(100, 6.5)
    first[:30], second[0] = 6.0, -80
    figure = draw_compared({"images": first, "likelihood": second})
    (axes,) = figure.axes
    _, inside, outside = axes.lines
    assert len(inside.get_xdata()) == 99
    assert outside.get_xdata()[0] == axes.get_xlim()[0], "it stands on the edge"
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("images [nats]", "likelihood [nats]")
    assert "1.06 ± 0.86 nats, median 0.50,\nabove 0 in 71% of 100" in axes.get_title()
