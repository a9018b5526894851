"""The figures: what they show, and how they are saved."""

import json
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.figures import draw_examples, draw_loss, draw_recovery, save
from lcinfer.figures.examples import redshift_ticks
from lcinfer.figures.style import BRIGHTNESS, brightness_norm

RANGE = (-150.0, 30.0)


def panel(figure: Figure, label: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_label() == label)


def examples(images: dict[str, NDArray[np.float64]]) -> Figure:
    cells = next(iter(images.values())).shape[1]
    redshift = np.linspace(6, 30, cells)
    return draw_examples(images, redshift, 8000 + 3.0 * np.arange(cells), 3.0, RANGE)


# Style


@pytest.mark.parametrize("ends", [RANGE, (-40.0, 5.0), (-10.0, 200.0), (-90.0, 0.0), (0.0, 30.0)])
def test_zero_brightness_temperature_is_black_on_every_scale(ends: tuple[float, float]) -> None:
    norm = brightness_norm(ends)
    assert BRIGHTNESS(float(norm(0.0)))[:3] == (0.0, 0.0, 0.0)


def test_absorption_is_warm_down_to_white_and_emission_blue_up_to_cyan() -> None:
    norm = brightness_norm(RANGE)
    assert BRIGHTNESS(float(norm(-150.0)))[:3] == (1.0, 1.0, 1.0)
    assert BRIGHTNESS(float(norm(30.0)))[:3] == (0.0, 1.0, 1.0)
    red, _, blue, _ = BRIGHTNESS(float(norm(-40.0)))
    assert red > 0.9 and blue == 0.0
    red, _, blue, _ = BRIGHTNESS(float(norm(8.0)))
    assert red == 0.0 and blue > 0.9


def test_a_reversed_brightness_range_is_named() -> None:
    with pytest.raises(UserError, match=r"figures\.brightness_range: low 30 mK"):
        brightness_norm((30.0, -150.0))


def test_figures_do_not_depend_on_the_users_own_settings(tmp_path: Path) -> None:
    settings = config.sections.Figures(formats=("png",), dpi=60)

    def written(name: str) -> bytes:
        figure = draw_loss([1, 2], [0.5, 0.4], [0.6, 0.5], [1e-3, 1e-3])
        return save(figure, tmp_path / name, settings, {})[0].read_bytes()

    plain = written("plain")
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 20.0, "savefig.dpi": 30}):
        assert written("other") == plain


# Saving


def test_the_same_figure_gives_the_same_bytes_in_every_format(tmp_path: Path) -> None:
    settings = config.sections.Figures(formats=("png", "pdf", "svg"), dpi=60)
    true = np.linspace(38, 42, 50)[:, None]
    predicted = true + 0.1 * np.sin(50 * true)

    def write(name: str) -> list[bytes]:
        figure = draw_recovery(true, predicted, ["L_X"], {"L_X": (38.0, 42.0)})
        return [path.read_bytes() for path in save(figure, tmp_path / name, settings, {"a": "b"})]

    first = write("one")
    assert write("two") == first
    assert not any(b"CreationDate" in data or b"<dc:date>" in data for data in first)


def test_metadata_is_in_the_saved_files(tmp_path: Path) -> None:
    settings = config.sections.Figures(formats=("png", "pdf", "svg"), dpi=60)
    metadata = {"lcinfer fingerprint": "0123456789", "source": "predictions (1).csv"}
    figure = draw_loss([1, 2], [0.5, 0.4], [0.6, 0.5], [1e-3, 1e-3])
    png, pdf, svg = save(figure, tmp_path / "loss", settings, metadata)
    with Image.open(png) as image:
        assert metadata.items() <= image.info.items()
    text = json.dumps(metadata, sort_keys=True)
    assert text.replace("(", r"\(").replace(")", r"\)").encode() in pdf.read_bytes()
    assert "0123456789" in svg.read_text()


def test_saving_makes_the_folder_and_leaves_nothing_but_the_files(tmp_path: Path) -> None:
    settings = config.sections.Figures(formats=("pdf", "png"), dpi=60)
    stem = tmp_path / "figures" / "loss.v1.2"
    paths = save(draw_loss([1], [0.5], [0.6], [1e-3]), stem, settings, {})
    assert [path.name for path in paths] == ["loss.v1.2.pdf", "loss.v1.2.png"]
    assert sorted(stem.parent.iterdir()) == sorted(paths)


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file_whole(tmp_path: Path) -> None:
    settings = config.sections.Figures(formats=("png",), dpi=60)
    (path,) = save(draw_loss([1], [0.5], [0.6], [1e-3]), tmp_path / "loss", settings, {})
    before = path.read_bytes()
    broken = Figure()
    broken.text(0.5, 0.5, r"$\nosuchsymbol$")
    with pytest.raises(ValueError, match="nosuchsymbol"):
        save(broken, tmp_path / "loss", settings, {})
    assert [(p, p.read_bytes()) for p in tmp_path.iterdir()] == [(path, before)]


# Figure 4


def test_the_loss_is_solid_for_training_and_dashed_for_validation_on_a_log_scale() -> None:
    (axes,) = draw_loss([1, 2, 3], [3, 2, 1], [4, 3, 2], [1e-3] * 3).axes
    styles = {line.get_label(): (line.get_linestyle(), line.get_ydata()) for line in axes.lines}
    assert styles["training"][0] == "-" and styles["validation"][0] == "--"
    np.testing.assert_array_equal(styles["training"][1], [3, 2, 1])
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == "Epoch" and "mean squared error" in axes.get_ylabel().replace(
        "\n", " "
    )


def test_each_fall_of_the_learning_rate_is_marked_once_between_its_epochs() -> None:
    rate = [4.0, 4.0, 2.0, 2.0, 1.0]
    (axes,) = draw_loss(range(1, 6), [5, 4, 3, 2, 1], [5, 4, 3, 2, 1], rate).axes
    marks = [float(np.ravel(line.get_xdata())[0]) for line in axes.lines[2:]]
    assert marks == [2.5, 4.5]
    assert axes.get_legend_handles_labels()[1].count("learning rate lowered") == 1


def test_a_rate_that_falls_after_every_epoch_is_said_and_not_marked() -> None:
    (axes,) = draw_loss(range(1, 6), [5, 4, 3, 2, 1], [5, 4, 3, 2, 1], [5, 4, 3, 2, 1]).axes
    assert len(axes.lines) == 2
    assert axes.get_xlabel() == "Epoch (the learning rate falls after each)"


def test_a_loss_that_is_a_logarithm_has_a_linear_scale() -> None:
    (axes,) = draw_loss([1, 2, 3], [1, -1, -2], [2, 0, -1], [1e-3] * 3, density=True).axes
    assert axes.get_yscale() == "linear"
    assert axes.get_ylabel() == "Loss: negative log density / nats"


@pytest.mark.parametrize("ends", [(0.7, 0.03), (0.6, 0.45), (0.154, 0.149)])
def test_losses_are_labelled_with_plain_numbers(ends: tuple[float, float]) -> None:
    losses = np.geomspace(*ends, 20)
    figure = draw_loss(np.arange(1, 21), losses, losses, np.ones(20))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    shown = [label for label in labels if low <= float(label) <= high]
    assert len(shown) >= 3
    assert not any(label.get_text() for label in axes.get_yticklabels(minor=True))


# Figure 1


def test_examples_stand_in_order_with_distances_and_redshifts_on_their_axes() -> None:
    rng = np.random.default_rng(0)
    figure = examples({"FAINT": rng.normal(0, 9, (8, 300)), "BRIGHT": np.zeros((8, 300))})
    top, bottom = panel(figure, "FAINT"), panel(figure, "BRIGHT")
    assert top.get_position().y0 > bottom.get_position().y1
    assert bottom.get_xlabel() == "Comoving distance from $z=6$ [Mpc]"
    assert bottom.get_xlim() == (-1.5, 3.0 * 299 + 1.5) and bottom.get_ylim() == (0, 24)
    (upper,) = top.child_axes
    assert upper.get_xlabel() == "Redshift $z$"
    for tick, label in zip(upper.get_xticks(), upper.get_xticklabels(), strict=True):
        assert 6 + 24 * tick / (3.0 * 299) == pytest.approx(float(label.get_text()))
    assert panel(figure, "colour bar").get_ylabel().endswith("[mK]")


def test_the_colour_bar_is_even_in_mk_between_the_configured_ends() -> None:
    bar = panel(examples({"FAINT": np.zeros((8, 300))}), "colour bar")
    assert bar.get_ylim() == RANGE
    assert bar.transData.transform((0, -60))[1] == pytest.approx(
        bar.transData.transform([(0, -150), (0, 30)])[:, 1].mean()
    )


@pytest.mark.parametrize("shape", [(32, 1043), (100, 2200), (200, 2200)])
def test_labels_of_redshifts_keep_apart_whatever_the_light_cones_length(
    shape: tuple[int, int],
) -> None:
    figure = examples({"FAINT": np.zeros(shape), "BRIGHT": np.zeros(shape)})
    figure.draw_without_rendering()
    (upper,) = panel(figure, "FAINT").child_axes
    boxes = [label.get_window_extent() for label in upper.get_xticklabels()]
    assert len(boxes) >= 4
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_a_short_light_cone_gets_fractions_of_a_redshift() -> None:
    ticks = redshift_ticks(np.linspace(6.0, 6.45, 60), np.linspace(0, 180, 60))
    assert len(ticks) >= 4 and ticks == sorted(ticks)
    assert 6.2 in ticks


def test_an_image_of_another_length_is_named() -> None:
    with pytest.raises(ValueError, match="image BRIGHT has"):
        examples({"FAINT": np.zeros((8, 300)), "BRIGHT": np.zeros((8, 299))})
