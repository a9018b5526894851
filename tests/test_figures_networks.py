"""Figures 2, 3, A1 and A2, and the residuals of Figure 5."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from lcinfer.config.networks import Gillet2019
from lcinfer.evaluation.residuals import gaussian_fit
from lcinfer.figures import (
    draw_activations,
    draw_architecture,
    draw_filters,
    draw_residuals,
    draw_responses,
    draw_slicing,
)
from lcinfer.training.networks.layers import layers

NAMES = ["HII_EFF_FACTOR", "ION_Tvir_MIN", "L_X", "NU_X_THRESH"]


def panel(figure: Figure, label: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_label() == label)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def slicing(**changed) -> Figure:
    paper = {
        "planes": [0, 40, 80, 120, 160],
        "axes": ["x"],
        "halves": 2,
        "cells": (200, 2200),
        "along": 2200,
        "cell_size": 1.5,
        "redshifts": (6.0, 30.01),
    }
    return draw_slicing(**{**paper, **changed})


def polygons(axes: Axes) -> list[np.ndarray]:
    return [patch.get_xy() for patch in axes.patches if isinstance(patch, Polygon)]


def test_the_papers_slices_are_ten_images_60_mpc_apart() -> None:
    figure = slicing()
    assert len(polygons(panel(figure, "axis x"))) == 10
    colours = {patch.get_facecolor() for patch in panel(figure, "axis x").patches}
    assert len(colours) == 10
    assert "60 Mpc" in texts(figure)
    assert "10 images of 100" in figure.get_suptitle()
    assert panel(figure, "axis x").get_title() == "5 planes of constant $x$, 2 images each"


def test_the_axes_of_a_light_cone_are_named_with_their_lengths_and_redshifts() -> None:
    said = texts(slicing())
    for label in ("$x$", "$y$: 200 cells\n300 Mpc", "line of sight: 2200 cells, 3300 Mpc"):
        assert label in said
    assert {"$z=6$", "$z=30$"} < set(said)


def test_planes_stand_where_the_configuration_has_them() -> None:
    near, far = (polygons(panel(slicing(planes=[at]), "axis x"))[0] for at in (0, 100))
    corner = polygons(panel(slicing(planes=[200]), "axis x"))[0]
    np.testing.assert_allclose(far - near, (corner - near) / 2)
    assert "Mpc" not in " ".join(text for text in texts(slicing(planes=[0])) if "cells" not in text)


def test_each_axis_has_a_panel_and_short_images_end_early() -> None:
    figure = slicing(axes=["x", "y"], along=1100)
    whole = slicing(axes=["x", "y"])
    for axis in "xy":
        ends = [
            max(corners[:, 0].max() for corners in polygons(panel(it, f"axis {axis}")))
            for it in (figure, whole)
        ]
        assert ends[0] < ends[1]


def test_a_network_is_drawn_layer_by_layer_with_its_numbers() -> None:
    rows = layers(Gillet2019(), (100, 2200), 4)
    said = texts(draw_architecture(rows, NAMES))
    for row in rows:
        assert row.step in said
    assert r"8 $\times$ 91 $\times$ 2191" in said
    assert "10,008,640" in said
    assert any(r"\zeta" in text and "E_0" in text for text in said)


def test_every_map_of_a_layer_is_drawn_up_to_a_limit() -> None:
    network = Gillet2019.model_validate({"convolutions": [{"filters": 5, "kernel": 3, "pool": 2}]})
    (axes,) = draw_architecture(layers(network, (20, 40), 4), NAMES).axes
    rectangles = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    # The image, the convolution's and the pooling's maps; flattening and dropout.
    assert len(rectangles) == 1 + 5 + 5 + 2


def test_filters_share_one_scale_about_zero_and_are_drawn_as_they_are() -> None:
    weights = np.random.default_rng(1).normal(size=(6, 3, 8))
    figure = draw_filters(weights)
    for number, plane in enumerate(weights, start=1):
        (image,) = panel(figure, f"filter {number}").images
        np.testing.assert_array_equal(image.get_array(), plane)
        assert image.get_clim() == (-np.abs(weights).max(), np.abs(weights).max())


def responses(reach: tuple[int, int] = (10, 1)) -> Figure:
    random = np.random.default_rng(2)
    heard = {name: random.random((3, 6, 90)) for name in ("one", "other")}
    heard["other"][1] = 0
    heard["one"][2], heard["other"][2] = 0, 0
    images = {name: random.normal(-20, 5, (8, 99)) for name in heard}
    return draw_responses(images, heard, np.linspace(6, 12, 99), (-150, 30), reach)


def test_a_silent_filter_is_black_and_said_to_be_silent() -> None:
    figure = responses()
    silent = {
        axes.get_label(): "silent" in [text.get_text() for text in axes.texts]
        for axes in figure.axes
        if "filter" in axes.get_label()
    }
    assert [name for name, is_silent in silent.items() if is_silent] == [
        *("one: filter 3", "other: filter 2", "other: filter 3")
    ]
    (image,) = panel(figure, "other: filter 2").images
    assert float(np.max(image.norm(image.get_array()))) == 0.0


def test_filters_are_named_and_scales_say_their_units() -> None:
    figure = responses()
    for number in (1, 2, 3):
        assert panel(figure, f"one: filter {number}").get_ylabel() == f"filter {number}"
    for title in ("one", "other"):
        bar = panel(figure, f"{title}: colour bar")
        assert bar.get_ylabel().endswith("[mK]") and bar.get_ylim() == (-150, 30)
        scale = panel(figure, f"{title}: scale")
        assert [label.get_text() for label in scale.get_yticklabels()] == ["silent", "largest"]


def test_a_filter_has_one_scale_for_all_images_and_lies_behind_its_input() -> None:
    figure = responses()
    (one,), (other,) = (panel(figure, f"{name}: filter 1").images for name in ("one", "other"))
    assert one.get_clim() == other.get_clim() and one.get_clim()[0] == 0.0
    left, right, *_ = one.get_extent()
    assert (left, right) == (4.5, 94.5), "as much is lost at either end"
    assert panel(figure, "one: filter 1").get_xlim() == (0.0, 99.0)


def test_outputs_that_are_put_down_cells_apart_lie_over_their_cells() -> None:
    (image,) = panel(responses(reach=(4, 2)), "one: filter 1").images
    left, right, *_ = image.get_extent()
    assert (left, right) == (1.0, 1.0 + 2 * 90)


def test_activations_are_bars_relative_to_the_largest_of_a_layer() -> None:
    means = {"dense_1": {"one": [0.0, 2.0, 1.0], "other": [4.0, 0.0, 0.0]}}
    axes = panel(draw_activations(means), "dense_1")
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    np.testing.assert_allclose(heights, [[0, 0.5, 0.25], [1, 0, 0]])
    assert axes.get_title() == (
        "fully connected 1: silent (below 0.5% of the largest): neuron 1 for one; "
        "neurons 2, 3 for other"
    )
    assert axes.get_xlabel() == "Neuron"


def test_of_many_silent_neurons_the_number_is_said_and_of_none_that_there_is_none() -> None:
    means = {
        "convolution_1": {"one": np.ones(4)},
        "dense_1": {"one": np.arange(20) % 2 + 1e-4},  # too faint for a bar to be seen
    }
    figure = draw_activations(means)
    assert panel(figure, "convolution_1").get_title() == "convolution 1: no filter is silent"
    assert panel(figure, "dense_1").get_title().endswith("largest): 10 of 20 neurons for one")


def test_residuals_have_a_histogram_of_all_and_both_gaussians_in_the_papers_units() -> None:
    random = np.random.default_rng(4)
    true = random.uniform(100, 1500, (60, 1))
    residual = random.normal(20, 100, (60, 1))
    figure = draw_residuals(true, true + residual, ["NU_X_THRESH"])
    axes = panel(figure, "NU_X_THRESH")
    assert sum(bar.get_height() for bar in axes.patches) == 60
    assert axes.get_xlabel().endswith("[keV]")
    plain, fit = axes.get_title(loc="right").split("\n")
    mean, spread = gaussian_fit(residual[:, 0] / 1e3)
    assert fit == f"fit: mean {mean:.2f}, s.d. {spread:.2f} keV"
    assert plain.endswith(f"s.d. {residual.std(ddof=1) / 1e3:.2f} keV")


def test_numbers_of_residuals_lie_outside_the_axes_with_the_digits_that_they_deserve() -> None:
    residual = np.tile([-0.3, 0.3001], 40)[:, None]
    figure = draw_residuals(np.full((80, 1), 5.0), 5.0 + residual, ["ION_Tvir_MIN"])
    figure.draw_without_rendering()
    axes = panel(figure, "ION_Tvir_MIN")
    assert axes.get_legend() is None and not axes.texts
    assert axes.get_title(loc="right").startswith("plain: mean 0.00, s.d. 0.30 dex")
    assert figure.legends[0].get_title().get_text() == "80 test light-cones, one image of each"


@pytest.mark.parametrize("n", [1, 3, 8])
def test_few_residuals_are_drawn_without_a_fit_that_would_mean_nothing(n) -> None:
    true = np.linspace(4, 6, n)[:, None]
    figure = draw_residuals(true, true + 0.1 * np.arange(n)[:, None], ["ION_Tvir_MIN"])
    told = panel(figure, "ION_Tvir_MIN").get_title(loc="right")
    assert ("fit:" in told) == (n >= 8)
