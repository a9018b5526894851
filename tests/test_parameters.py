"""How parameters are shown."""

import pytest
from matplotlib.figure import Figure

from lcinfer.config.parameters import REGISTRY, shown


def test_an_unknown_parameter_is_shown_by_its_name_and_unchanged() -> None:
    how = shown("F_STAR10")
    assert (how.label, how.text_label, how.scale) == ("F_STAR10", "F_STAR10", 1.0)


def test_the_x_ray_threshold_is_kept_in_ev_and_shown_in_kev() -> None:
    how = shown("NU_X_THRESH")
    assert how.scale * 500.0 == pytest.approx(0.5)
    assert how.label == "$E_0$ [keV]"
    assert how.text_label == "E_0 [keV]"


@pytest.mark.parametrize("name", ["HII_EFF_FACTOR", "ION_Tvir_MIN", "L_X"])
def test_the_other_three_parameters_keep_their_values(name: str) -> None:
    assert shown(name).scale == 1.0


def test_a_difference_of_logarithms_is_in_dex_and_of_energies_in_kev() -> None:
    assert shown("ION_Tvir_MIN").residual_unit == "dex"
    assert shown("L_X").residual_unit == "dex"
    assert shown("NU_X_THRESH").residual_unit == "keV"
    assert shown("HII_EFF_FACTOR").residual_unit == ""


@pytest.mark.parametrize("name", REGISTRY)
def test_every_label_can_be_typeset(name: str) -> None:
    figure = Figure()
    figure.text(0.5, 0.5, shown(name).label)
    figure.draw_without_rendering()


@pytest.mark.parametrize("name", REGISTRY)
def test_plain_text_needs_no_typesetting(name: str) -> None:
    assert shown(name).text_label.isascii()
    assert not set("$\\{}") & set(shown(name).text_label)
