"""Light-cone files of py21cmfast say what they are, and their voxels what they do not say."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
from support import cone_files

from lcinfer.base.errors import UserError
from lcinfer.lightcone_file import hdf5, saved
from lcinfer.lightcone_file.treatment import treated

ALL = (slice(None), slice(None), slice(0, 40))


@pytest.fixture(scope="module")
def fields():
    return cone_files.physics()


@pytest.fixture
def bare(fields):
    return {"brightness_temp": fields["brightness_temp"]}


@pytest.mark.parametrize(
    ("given", "length", "factor"),
    [
        ({}, 48.0, 3.0),
        ({"BOX_LEN": None, "LOWRES_CELL_SIZE_MPC": 3.0}, 48.0, 3.0),
        ({"BOX_LEN": None}, 24.0, 3.0),
        ({"HIRES_TO_LOWRES_FACTOR": None, "DIM": 64}, 48.0, 4.0),
        ({"HIRES_TO_LOWRES_FACTOR": None}, 48.0, 3.0),
    ],
    ids=["plain", "cell size", "no box", "fine grid", "no fine grid"],
)
def test_the_grid_is_known_whichever_way_it_was_given(bare, tmp_path, given, length, factor):
    file = saved.read(cone_files.write(tmp_path / "cone.h5", bare, **given))
    assert file.cell_size == length / 16
    assert (file.inputs["BOX_LEN"], file.inputs["HIRES_TO_LOWRES_FACTOR"]) == (length, factor)
    assert not {"DIM", "LOWRES_CELL_SIZE_MPC"} & file.inputs.keys()


@pytest.mark.parametrize(("given", "expected"), [({}, 0.8102), ({"A_s": 2.105e-9}, 0.816)])
def test_sigma_8_is_py21cmfasts_default_or_follows_from_the_amplitude(
    bare, tmp_path, given, expected
):
    file = saved.read(cone_files.write(tmp_path / "cone.h5", bare, SIGMA_8=None, **given))
    assert file.inputs["SIGMA_8"] == pytest.approx(expected, rel=0.05)
    assert (file.inputs["SIGMA_8"] == 0.8102) == (not given)


def test_version_3_is_read(fields, tmp_path):
    file = saved.read(cone_files.write_version_3(tmp_path / "cone.h5", fields))
    assert (file.cell_size, file.seed, file.version) == (3.0, 7, "3.4.0")
    assert file.inputs["HIRES_TO_LOWRES_FACTOR"] == 3
    assert file.histories.keys() == saved.HISTORIES.keys()
    assert np.all(np.diff(file.redshift) > 0)
    np.testing.assert_array_equal(treated(file, "none", "")[ALL], fields["brightness_temp"])


@pytest.mark.parametrize(
    ("flags", "gradient"),
    [
        ({}, None),
        ({"APPLY_RSDS": False, "SUBCELL_RSD": False}, "out"),
        ({"APPLY_RSDS": True, "SUBCELL_RSD": False}, "in"),
        ({"APPLY_RSDS": True, "SUBCELL_RSD": True}, "subcell"),
    ],
)
def test_version_3_says_how_it_treats_velocities(fields, tmp_path, flags, gradient):
    path = cone_files.write_version_3(tmp_path / "cone.h5", fields, **flags)
    assert saved.read(path).gradient == gradient


@pytest.mark.parametrize(
    ("last", "reached", "done"),
    [(1, 4, 2), (-1, 0, 0), (-1, 3, 3)],
    ids=["a checkpoint on its way", "one just begun", "saved before the end"],
)
def test_an_unfinished_file_is_told(bare, tmp_path, last, reached, done):
    path = cone_files.write(tmp_path / "cone.h5", bare, last=last, reached=reached)
    with pytest.raises(UserError, match=f"unfinished: it holds {done} of 4 nodes"):
        saved.read(path).check_finished()


@pytest.mark.parametrize("last", [-1, 3], ids=["saved", "checkpoint"])
def test_a_finished_file_is_taken(bare, tmp_path, last):
    saved.read(cone_files.write(tmp_path / "cone.h5", bare, last=last)).check_finished()


@pytest.mark.parametrize("last", [-1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_the_voxels_tell_whether_the_velocity_gradient_is_in(tmp_path, seed, last):
    """Whatever the file says: a copy of a checkpoint says what a saved light-cone says."""
    fields = cone_files.physics(seed=seed)
    file = saved.read(cone_files.write(tmp_path / "out.h5", fields, last))
    assert file.gradient == "out"
    fields["brightness_temp"] = cone_files.with_gradient(fields)
    assert saved.read(cone_files.write(tmp_path / "in.h5", fields, last)).gradient == "in"


def test_voxels_that_are_noise_tell_nothing(fields, tmp_path):
    noise = np.random.default_rng(0).normal(size=fields["tau_21"].shape).astype(np.float32)
    noise *= np.sqrt(fields["tau_21"])
    fields = {**fields, "los_velocity": 0 * noise, "brightness_temp": noise}
    assert saved.read(cone_files.write(tmp_path / "cone.h5", fields)).gradient is None


def test_the_gradient_is_put_in_where_velocities_and_depths_are_there(fields, tmp_path):
    file = saved.read(cone_files.write(tmp_path / "cone.h5", fields, last=3))
    cube = treated(file, "gradient", "")
    expected = cone_files.with_gradient(fields)
    assert cube.includes
    assert np.abs(expected - fields["brightness_temp"]).max() > 1
    np.testing.assert_array_equal(cube[ALL], expected)
    np.testing.assert_array_equal(cube[3, slice(0, 8), slice(5, 9)], expected[3, :8, 5:9])
    np.testing.assert_array_equal(treated(file, "none", "")[ALL], fields["brightness_temp"])


def test_without_velocities_no_gradient_is_in_and_none_can_be_put_in(bare, tmp_path):
    file = saved.read(cone_files.write(tmp_path / "cone.h5", bare))
    with pytest.raises(UserError, match=r"no velocity gradient in it.*; gradients are wanted"):
        treated(file, "gradient", "gradients are wanted")
    assert treated(file, "none", "").remarks == ()
    (remark,) = treated(file, "", "").remarks
    assert "no velocity gradient" in remark


def test_a_gradient_is_not_taken_out(fields, tmp_path):
    fields = {**fields, "brightness_temp": cone_files.with_gradient(fields)}
    file = saved.read(cone_files.write(tmp_path / "cone.h5", fields))
    with pytest.raises(UserError, match="has the velocity gradient in it"):
        treated(file, "none", "")


def test_double_precision_tells_the_gradient_in_the_limit_of_hot_spins(fields, tmp_path):
    """py21cmfast divides by a float64 there, and has float32 before."""
    cube = {"los_velocity": fields["los_velocity"], "brightness_temp": fields["brightness_temp"]}
    file = saved.read(cone_files.write(tmp_path / "out.h5", cube, USE_TS_FLUCT=False))
    assert (file.gradient, file.can_include) == ("out", True)
    cube["brightness_temp"] = cube["brightness_temp"].astype(np.float64)
    file = saved.read(cone_files.write(tmp_path / "in.h5", cube, USE_TS_FLUCT=False))
    assert file.gradient == "in"


@pytest.mark.parametrize(("depth", "treatment"), [(True, "both"), (False, "shift")])
def test_moved_light_cones_are_told_by_what_lies_beside_them(fields, tmp_path, depth, treatment):
    moved = {**fields, saved.MOVED: 2 * fields["brightness_temp"]}
    if not depth:
        del moved["tau_21"]
    file = saved.read(cone_files.write(tmp_path / "cone.h5", moved))
    np.testing.assert_array_equal(treated(file, treatment, "")[ALL], moved[saved.MOVED])
    with pytest.raises(UserError, match=f"made as velocities: {treatment}"):
        treated(file, {"both": "shift", "shift": "both"}[treatment], "")


def test_a_locked_file_is_said_to_be_locked(bare, tmp_path):
    path = cone_files.write(tmp_path / "cone.h5", bare)
    hold = "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        assert hdf5.is_hdf5(path)
        with pytest.raises(UserError, match=r"cone.h5: it is locked: another program"):
            saved.read(path)
        holder.stdin.close()


def test_a_damaged_chunk_and_a_missing_filter_are_one_line(bare, tmp_path):
    damaged, foreign = tmp_path / "damaged.h5", tmp_path / "foreign.h5"
    with h5py.File(damaged, "w") as file:
        cube = file.create_dataset(
            "cube", data=bare["brightness_temp"], chunks=(16, 16, 10), compression="gzip"
        )
        chunk = cube.id.get_chunk_info(1)
    with damaged.open("r+b") as content:
        content.seek(chunk.byte_offset + 10)
        content.write(b"\xff" * 500)
    with h5py.File(foreign, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((4, 4, 4))
        properties.set_filter(32768, h5py.h5z.FLAG_OPTIONAL, ())  # registered to nobody
        space = h5py.h5s.create_simple((4, 4, 4))
        h5py.h5d.create(file.id, b"cube", h5py.h5t.NATIVE_FLOAT, space, dcpl=properties)
    for path, says in ((damaged, "cube is damaged"), (foreign, ".*HDF5 filter 32768 .* not here")):
        with pytest.raises(UserError, match=f"{path.name}: {says}") as told, hdf5.opened(path) as f:
            hdf5.values(f["cube"])
        assert "\n" not in str(told.value)


def test_files_of_other_layouts_are_no_light_cones(tmp_path):
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file["brightness_temp"] = np.zeros((4, 4, 4))
    with pytest.raises(saved.NoLightCone):
        saved.read(tmp_path / "own.h5")
