"""Lists of redshifts are understood as people write them, and what is none is named."""

import numpy as np
import pytest

from lcinfer.base.errors import UserError
from lcinfer.infer import redshifts

Z = np.array([6.0, 6.015625, 6.03125])
MHZ = redshifts.LINE / (1 + Z)


def lines(values, before="", after=""):
    return "".join(f"{before}{value!r}{after}\n" for value in values.tolist())


@pytest.mark.parametrize(
    "text",
    [
        lines(Z),
        "redshift\n" + lines(Z),
        "# of the cells\n\n" + lines(Z, after="  # near"),
        lines(Z, after=","),
        "6.0, 6.015625, 6.03125\n",
        "6.0;6.015625;6.03125",
        "index,z\n0,6.0\n1,6.015625\n2,6.03125\n",
        "# cell  redshift  distance [Mpc]\n0 6.0 8400\n1 6.015625 8403\n2 6.03125 8406\n",
        "z\n6,0\n6,015625\n6,03125\n",
        lines(Z).replace("\n", "\r\n"),
        "[6.0, 6.015625,\n 6.03125]",
        '{"cells": [0, 1, 2], "Redshift": [6.0, 6.015625, 6.03125]}',
    ],
)
def test_a_list_is_read_however_it_is_written(tmp_path, text) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "z.txt").write_bytes(text.encode(encoding))
        found = redshifts.read(tmp_path / "z.txt")
        np.testing.assert_array_equal(found.values, Z)
        assert not found.remark


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (lines(MHZ), "MHz"),
        ("frequency [MHz]\n" + lines(MHZ), "MHz"),
        ("freq\n" + lines(MHZ * 1e6), "Hz"),
        ("freq\n" + lines(MHZ / 1e3), "GHz"),
        ("nu/GHz\n" + lines(MHZ / 1e3), "GHz"),
        (
            "channel,freq_MHz\n" + "".join(f"{i},{nu!r}\n" for i, nu in enumerate(MHZ.tolist())),
            "MHz",
        ),
    ],
)
def test_frequencies_are_understood_and_said_to_be(tmp_path, text, unit) -> None:
    (tmp_path / "nu.csv").write_text(text)
    found = redshifts.read(tmp_path / "nu.csv")
    np.testing.assert_allclose(found.values, Z, rtol=1e-12)
    assert found.remark.endswith(f"frequencies in {unit}")


def test_scale_factors_are_understood_where_they_are_called_so(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("a\n" + lines(1 / (1 + Z)))
    found = redshifts.read(tmp_path / "a.txt")
    np.testing.assert_allclose(found.values, Z)
    assert found.remark == "its redshifts are from scale factors"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (lines(8000 + 3 * Z), "nor frequencies .* below 1420.41: they look like comoving dist"),
        ("nu [MHz]\n" + lines(8000 - Z), "in MHz, which lie below 1420.41: give the redshift"),
        ("lightcone_distances\n" + lines(8000 + 3 * Z), r"are distances \(lightcone_distances\)"),
        (lines(MHZ / 1e3), "frequencies in GHz or scale factors rather than redshifts"),
        (lines(1 / (1 + Z)), "frequencies in GHz or scale factors rather than redshifts"),
    ],
)
def test_numbers_that_are_no_redshifts_are_refused_for_what_they_are(tmp_path, text, says) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(UserError, match=says):
        redshifts.read(tmp_path / "list.txt")


def test_a_misspelt_name_is_told_with_the_one_beside_it(tmp_path) -> None:
    (tmp_path / "redshifts.txt").write_text(lines(Z))
    with pytest.raises(UserError, match=r"no such file; there is redshifts.txt$"):
        redshifts.read(tmp_path / "reshifts.txt")


def test_a_column_of_the_dark_ages_is_of_redshifts_if_it_says_so(tmp_path) -> None:
    (tmp_path / "z.txt").write_text("z\n45.0\n46.0\n")
    np.testing.assert_array_equal(redshifts.read(tmp_path / "z.txt").values, [45, 46])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("6.0\nsix\n", "line 2, 'six', is no number"),
        ("six\n", "it holds no numbers"),
        ("0 6.0\n1 6.1\n", "its lines hold 2 numbers: give one a line"),
        ("6.0\n6.1 6.2\n", "its lines hold 1 or 2 numbers"),
        ('{"cells": [1, 2]}', "no list called z, redshift or frequency"),
        ('[6.0, "six"]', "not a list of redshifts"),
    ],
)
def test_what_is_no_list_is_named(tmp_path, text, says) -> None:
    (tmp_path / "z.txt").write_text(text)
    with pytest.raises(UserError, match=says):
        redshifts.read(tmp_path / "z.txt")
