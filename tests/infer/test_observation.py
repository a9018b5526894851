"""Light-cones are read from every kind of file, and what does not fit a network is told."""

import shutil

import numpy as np
import pytest
from astropy import units

from lcinfer import cli
from lcinfer.base.errors import UserError
from lcinfer.images.geometry import Geometry
from lcinfer.infer.agreement import cut_like
from lcinfer.infer.files import observations
from lcinfer.infer.observation import Observation
from lcinfer.lightcones import store

TESTED = 3
CELL = 6.0  # Mpc


def observed(cube, redshift, cell_size=CELL, units="mK"):
    return Observation("sky", cube, cube.shape, np.asarray(redshift), cell_size, units)


def refused(known, *args, **settings):
    with pytest.raises(UserError) as told:
        cut_like(observed(*args, **settings), *known)
    assert "\n" not in str(told.value)
    assert str(told.value).startswith("sky: ")
    return str(told.value)


def save_lightcone(path, cube, distance, fields=("brightness_temp",)):
    """A file as py21cmfast itself saves it."""
    from py21cmfast import InputParameters, LightCone

    with pytest.warns(UserWarning):
        inputs = InputParameters.from_template(
            "const-zeta",
            random_seed=1,
            node_redshifts=(35.0, 6.0),
            BOX_LEN=48.0,
            HII_DIM=8,
            DIM=24,
            R_BUBBLE_MAX=15.0,
            hlittle=0.68,
            OMm=0.31,
            OMb=0.048,
        )
    lightcone = LightCone(
        lightcone_distances=distance * units.Mpc,
        inputs=inputs,
        lightcones=dict.fromkeys(fields, cube),
        global_quantities={},
    )
    lightcone.save(path, lowz_buffer_pixels=2)


def test_a_py21cmfast_light_cone_gives_the_pipelines_images(run, cube, known, expected, tmp_path):
    _, distance = store.coordinates(run.database.simulation)
    nearer = distance[0] - CELL * np.array([2, 1])
    buffered = np.concatenate([np.full((8, 8, 2), np.nan, np.float32), cube], axis=2)
    save_lightcone(tmp_path / "cone.h5", buffered, np.concatenate([nearer, distance]))
    (found,) = observations(str(tmp_path / "cone.h5"))
    assert found.shape == cube.shape
    assert found.cell_size == CELL
    assert np.array_equal(cut_like(found, *known), expected)


def test_a_py21cmfast_light_cone_without_brightness_is_refused(run, cube, tmp_path):
    _, distance = store.coordinates(run.database.simulation)
    save_lightcone(tmp_path / "cone.h5", cube, distance, fields=["density"])
    with pytest.raises(UserError, match="not a light-cone with brightness_temp"):
        list(observations(str(tmp_path / "cone.h5")))


def test_a_light_cone_without_the_gradient_does_not_pass_for_one_with_it(
    run, cube, checkpoint, tmp_path, capsys
):
    _, distance = store.coordinates(run.database.simulation)
    path, buffers = tmp_path / "cone.h5", distance[0] - CELL * np.array([2, 1])
    buffered = np.pad(cube, ((0, 0), (0, 0), (2, 0)))
    save_lightcone(path, buffered, np.concatenate([buffers, distance]))
    with pytest.raises(UserError, match=r"no velocity gradient .*trained with velocities: grad"):
        list(observations(str(path), velocities="gradient"))
    (found,) = observations(str(path), velocities="none")
    assert found.remarks == ()
    cli.main(["infer", str(path), "--checkpoint", str(checkpoint)])  # which does not say
    assert "\nno velocity gradient is in its brightness_temp" in capsys.readouterr().out


def test_networks_that_do_not_say_how_velocities_were_treated_are_read(known):
    plain = known[0].plain()
    del plain["velocities"]
    assert Geometry.read(plain).velocities == ""


def test_a_database_gives_all_its_light_cones_or_one(run, known, expected):
    every = list(observations(str(run.database.store)))
    assert [each.name for each in every] == [f"lightcones.zarr:{i}" for i in range(24)]
    (one,) = observations(f"{run.database.store}:{TESTED}")
    (same,) = observations(f"{run.database.directory}:{TESTED}")
    assert same.name == one.name
    assert np.array_equal(cut_like(one, *known), expected)
    with pytest.raises(UserError, match="there is no light-cone 24; it holds 24"):
        list(observations(f"{run.database.store}:24"))


@pytest.mark.parametrize("suffix", [".npy", ".txt"])
def test_an_array_with_its_redshifts_gives_them_too(
    cube, redshift, known, expected, tmp_path, suffix
):
    np.save(tmp_path / "cone.npy", cube)
    if suffix == ".npy":
        np.save(tmp_path / "z.npy", redshift)
    else:
        np.savetxt(tmp_path / "z.txt", redshift)
    (found,) = observations(str(tmp_path / "cone.npy"), str(tmp_path / f"z{suffix}"), CELL)
    assert np.array_equal(cut_like(found, *known), expected)


def test_a_light_cone_that_reaches_further_is_cut_to_the_networks_redshifts(
    run, cube, known, expected
):
    from lcinfer.simulator.lightcone import redshift_at

    simulation = run.database.simulation
    _, distance = store.coordinates(simulation)
    wide = np.concatenate(
        [distance[0] - CELL * np.arange(5, 0, -1), distance, distance[-1:] + CELL]
    )
    longer = np.pad(cube, ((0, 0), (0, 0), (5, 1)), constant_values=np.nan)
    found = observed(longer, redshift_at(simulation.cosmology, wide))
    assert np.array_equal(cut_like(found, *known), expected)


def test_nan_is_told_with_its_image(cube, redshift, known):
    cube[5, 0, 7] = np.nan  # on the third plane: y = 0
    assert "image 2 of 4 holds NaN" in refused(known, cube, redshift)


def test_nan_in_a_database_is_told_with_its_light_cone(run, known, tmp_path):
    shutil.copytree(run.database.store, tmp_path / "lightcones.zarr")
    store.shard_path(tmp_path / "lightcones.zarr", 1).unlink()
    with pytest.raises(UserError, match=r"light-cone 1 of .* is missing"):
        cut_like(next(iter(observations(f"{tmp_path}/lightcones.zarr:1"))), *known)


def test_kelvin_is_told_by_its_size(cube, redshift, known):
    assert "looks like kelvin; multiply by 1000" in refused(known, cube / 1000, redshift)
    assert "does not look like millikelvin" in refused(known, cube * 1000, redshift)
    cut_like(observed(cube / 5, redshift), *known)  # another universe is none of the two


def test_units_are_read_where_the_file_says_them(cube, redshift, known):
    assert "its brightness is in 'K'" in refused(known, cube, redshift, units="K")


def test_one_brightness_everywhere_is_refused(cube, redshift, known):
    assert "every cell of its images is -20 mK" in refused(known, cube * 0 - 20, redshift)


def test_a_reversed_line_of_sight_is_refused(cube, redshift, known):
    line = refused(known, cube[:, :, ::-1], redshift[::-1])
    assert "its line of sight is reversed: the first cell must be the nearest; turn it" in line


def test_where_turning_it_round_does_not_suffice_it_is_no_advice(cube, redshift, known):
    line = refused(known, cube, 1 / (1 + redshift))
    assert "it is too short: its line of sight is z = 0." in line
    assert line.endswith("; its line of sight is reversed")


@pytest.mark.parametrize("part", [slice(0, 39), slice(1, 40)], ids=["far end", "near end"])
def test_a_line_of_sight_that_is_too_short_says_both_ranges(cube, redshift, known, part):
    line = refused(known, cube[:, :, part], redshift[part])
    assert "it is too short" in line
    assert f"z = {redshift[0]:.3f} to {redshift[-1]:.3f} (40 cells)" in line


def test_redshifts_of_longer_cells_are_told(cube, redshift, known):
    stretched = np.interp(np.arange(60) * 1.1, np.arange(40), redshift)
    wide = np.repeat(cube, 2, axis=2)[:, :, :60]
    grown = stretched + np.maximum(0, np.arange(60) - 36) * 0.01
    assert "come to differ by" in refused(known, wide, grown)


def test_all_that_differs_stands_in_one_line(cube, redshift, known):
    line = refused(known, cube[:4], redshift, cell_size=3.0, units="K")
    for part in ("4x8 cells, the network's 8x8", "its cells are 3 Mpc", "in 'K'"):
        assert part in line


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda z: z[:-1], "39 redshifts do not go with 40 cells"),
        (lambda z: np.where(z == z[7], np.nan, z), "too few, or not finite"),
        (lambda z: np.where(z == z[7], z[9], z), "do not ascend"),
        (lambda z: np.where(z == z[7], z[8], z), "too few digits"),
    ],
    ids=["one missing", "nan", "not in order", "rounded"],
)
def test_redshifts_that_are_none_are_told(cube, redshift, known, spoil, message):
    assert message in refused(known, cube, spoil(redshift))


def test_a_plane_is_no_light_cone(cube, redshift, known):
    assert "is not (x, y, line of sight)" in refused(known, cube[0], redshift)


def test_files_of_no_known_kind_are_one_line(tmp_path, cube):
    (tmp_path / "notes.txt").write_text("z = 6")
    (tmp_path / "torn.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    np.save(tmp_path / "texts.npy", np.array([[["6"]]]))
    (tmp_path / "torn.npy").write_bytes(b"\x93NUMPY")
    np.save(tmp_path / "cone.npy", cube)
    (tmp_path / "z.txt").write_text("six\n")
    z = str(tmp_path / "z.txt")
    for file, options, message in (
        ("absent.h5", (), "no such file"),
        ("notes.txt", (), "neither a py21cmfast light-cone"),
        ("torn.h5", (), "torn.h5: damaged, or not what it seems"),
        ("texts.npy", (z, 1.5), "not an array of real numbers"),
        ("notes.txt", (z, 1.5), "neither a py21cmfast light-cone"),
        ("torn.npy", (z, 1.5), "not an array of real numbers"),
        ("cone.npy", (), "give redshift=FILE and cell_size=MPC"),
        ("cone.npy", (z, 1.5), "not a list of redshifts"),
        (".", (z, 1.5), "a database has its own redshifts"),
        (".", (), "no light-cones here"),
    ):
        with pytest.raises(UserError, match=message):
            list(observations(str(tmp_path / file), *options))
