"""Light-cones in arrays of people's own give the images that the pipeline cuts of them."""

import h5py
import numpy as np
import pytest

from lcinfer.base.errors import UserError
from lcinfer.infer.agreement import cut_like
from lcinfer.infer.files import observations
from lcinfer.infer.redshifts import LINE

TESTED = 3
CELL = 6.0  # Mpc


@pytest.fixture
def own(cube, redshift, tmp_path, monkeypatch):
    """Files of one light-cone as people keep them, in the current directory."""
    monkeypatch.chdir(tmp_path)
    np.savetxt("z.txt", redshift, fmt="%.17g")
    with h5py.File("attribute.h5", "w") as file:
        file["lightcones/brightness_temp"] = cube
        file["lightcones"].attrs["lightcone_redshifts"] = redshift
        file["a/twice"] = file["b/twice"] = redshift
    with h5py.File("flat.h5", "w") as file:
        file.create_dataset("brightness_temp", data=cube, compression="gzip")
        file["density"], file["redshifts"] = cube * 0, redshift
    np.savez("batch.npz", image=cube[None], label=np.zeros((1, 4)), z=redshift[None])
    np.save("four.npy", np.stack([cube * 2, cube]))


@pytest.mark.parametrize(
    ("file", "redshifts", "dataset"),
    [
        ("attribute.h5", "z.txt", None),
        ("attribute.h5", "lightcones/lightcone_redshifts", None),
        ("attribute.h5", "lightcone_redshifts", "brightness_temp"),
        ("flat.h5", "redshifts", "brightness_temp"),
        ("flat.h5", "z.txt", "/brightness_temp"),
        ("batch.npz", "z.txt", None),
        ("batch.npz", "z", "image"),
    ],
)
def test_home_made_files_are_read(own, known, expected, file, redshifts, dataset) -> None:
    (found,) = observations(file, redshifts, CELL, dataset)
    np.testing.assert_array_equal(cut_like(found, *known), expected)


def test_an_array_of_several_light_cones_gives_each(own, known, expected) -> None:
    double, one = observations("four.npy", "z.txt", CELL)
    assert [double.name, one.name] == ["four.npy:0", "four.npy:1"]
    np.testing.assert_array_equal(cut_like(one, *known), expected)
    np.testing.assert_allclose(cut_like(double, *known), 2 * expected)


def test_half_precision_is_read(own, cube, known, expected) -> None:
    np.save("half.npy", cube.astype(np.float16))
    (found,) = observations("half.npy", "z.txt", CELL)
    np.testing.assert_allclose(cut_like(found, *known), expected, rtol=1e-3, atol=1e-3)


def test_frequencies_are_understood_by_the_units_of_their_array(own, known, expected) -> None:
    with h5py.File("flat.h5", "a") as file:
        file["channels"] = LINE / 1e3 / (1 + file["redshifts"][:])
        file["channels"].attrs["units"] = "GHz"
    (found,) = observations("flat.h5", "channels", CELL, "brightness_temp")
    np.testing.assert_array_equal(cut_like(found, *known), expected)
    assert "its redshifts are from frequencies in GHz" in found.remarks


@pytest.mark.parametrize("units", ["K", "Kelvin", " [K]", "mK", "milliKelvin", "(mK)"])
def test_kelvin_is_read_where_the_file_says_so(own, cube, known, expected, units) -> None:
    in_kelvin = "m" not in units
    with h5py.File("units.h5", "w") as file:
        file["t"] = cube / 1000 if in_kelvin else cube
        file["t"].attrs["units"] = units
    (found,) = observations("units.h5", "z.txt", CELL)
    np.testing.assert_allclose(cut_like(found, *known), expected, rtol=1e-5)
    remark = f"its brightness is in {units.strip(' []')}: taken times 1000"
    assert (remark in found.remarks) == in_kelvin


def test_brightness_in_other_units_is_refused(own, cube, known) -> None:
    with h5py.File("units.h5", "w") as file:
        file["t"] = cube
        file["t"].attrs["units"] = "Jy/beam"
    (found,) = observations("units.h5", "z.txt", CELL)
    with pytest.raises(UserError, match="its brightness is in 'Jy/beam', the network's in 'mK'"):
        cut_like(found, *known)


def test_attributes_of_an_array_say_velocities_and_the_instrument(own) -> None:
    with h5py.File("flat.h5", "a") as file:
        file["brightness_temp"].attrs.update(velocities="subcell", instrument="ska")
    (found,) = observations("flat.h5", "z.txt", CELL, "brightness_temp", "gradient")
    assert (found.velocities, found.instrument, found.remarks) == ("subcell", "ska", ())


def test_how_velocities_are_treated_is_said_to_be_unknown(own) -> None:
    for file in ("four.npy", "batch.npz", "attribute.h5"):
        found = next(observations(file, "z.txt", CELL, velocities="gradient"))
        assert found.remarks == (
            "nothing tells how peculiar velocities were treated in it; the network was trained "
            "with velocities: gradient",
        )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("flat.h5",), r"name it with dataset=; it holds brightness_temp 8x8x40, density"),
        (("flat.h5", "z.txt", CELL, "nothing"), "no array nothing of numbers; it holds bright"),
        (("attribute.h5",), "give redshift=FILE and cell_size=MPC"),
        (("attribute.h5", None, CELL), "where its cells lie: give redshift=FILE$"),
        (("attribute.h5", "z.txt"), "where its cells lie: give cell_size=MPC$"),
        (("attribute.h5", "nothing", CELL), "no such file, and attribute.h5 holds nothing"),
        (("four.npy", "z.txt", CELL, "cube"), "one array, without a name: leave out dataset=$"),
        (("attribute.h5", "twice", CELL), "holds a/twice, b/twice: name one of them"),
    ],
)
def test_what_is_not_said_is_asked_for(own, options, says) -> None:
    with pytest.raises(UserError, match=says):
        list(observations(*options))


def test_a_damaged_npz_is_one_line(own, tmp_path) -> None:
    content = bytearray((tmp_path / "batch.npz").read_bytes())
    content[200:400] = bytes(200)
    (tmp_path / "batch.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"batch.npz: .*damaged"):
        list(observations("batch.npz", "z.txt", CELL))
