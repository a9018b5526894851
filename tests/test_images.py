"""Light-cones into images: the right cells, only the new ones, never from damaged data."""

import json

import numpy as np
import pytest
import xarray
import zarr
from support.filling import complete, fill

from lcinfer import config
from lcinfer.audit.voxels import Reading
from lcinfer.base.errors import UserError
from lcinfer.config.sections import Box, Images
from lcinfer.images import cutting
from lcinfer.lightcones import store
from lcinfer.lightcones.store import DamagedStore
from lcinfer.products.run import Run
from lcinfer.stages import images, lightcones

BOX = Box(cells=8, length=48)
SETTINGS = [
    {"slices": 1, "spacing": 6, "halves": 1},
    {"slices": 2, "spacing": 12, "halves": 2},
    {"slices": 4, "spacing": 12, "halves": 1, "axes": ["y"]},
    {"slices": 2, "spacing": 24, "halves": 4, "axes": ["x", "y"]},
    {"slices": 8, "spacing": 6, "halves": 2, "axes": ["y", "x"], "line_of_sight_cells": 5},
]


def by_hand(cube, images):
    """Voxel by voxel, in the order axis, plane, half."""
    along = images.line_of_sight_cells or cube.shape[2]
    step, width = round(images.spacing / 6), 8 // images.halves
    cuts = []
    for axis in images.axes:
        for number in range(images.slices):
            for half in range(images.halves):
                image = np.empty((width, along), np.float32)
                for row in range(width):
                    for cell in range(along):
                        across, plane = half * width + row, number * step
                        where = (plane, across) if axis == "x" else (across, plane)
                        image[row, cell] = cube[(*where, cell)]
                cuts.append(image)
    return np.array(cuts)


@pytest.fixture
def run(settings, tmp_path):
    """A function: the run with this many light-cones."""

    def make(realizations=6, **cut):
        settings["database"]["realizations"] = realizations
        settings["images"] |= cut
        return Run(config.parse(settings), tmp_path)

    return make


def chunk(image_set, index):
    return image_set.store / image_set.kind / "c" / str(index) / "0" / "0" / "0"


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_images_are_those_cut_by_hand(setting) -> None:
    how = Images(**setting)
    cube = np.random.default_rng(2).normal(size=(8, 8, 13)).astype(np.float32)
    made = cutting.cut(cube, BOX, how)
    assert made.shape[0] == how.per_lightcone
    np.testing.assert_array_equal(made, by_hand(cube, how))


def test_images_in_half_precision_are_the_same_but_for_rounding_and_pass_an_audit(run) -> None:
    whole, half = run(), run(precision="half")
    assert run(precision="single").database_images.fingerprint == whole.database_images.fingerprint
    complete(whole.database)
    read = []
    for image_set in (whole.database_images, half.database_images):
        images.make(image_set)
        read.append(cutting.open_labelled(image_set).read([0, 5], 4))
        recut = Reading(image_set.lightcones, [image_set], 1, decode=True).recuts
        assert not list(recut[image_set.directory].problems())
    assert read[0].dtype == read[1].dtype == np.float32
    assert 0 < np.abs(read[1] / read[0] - 1).max() < 2**-11
    sizes = [chunk(it, 0).stat().st_size for it in (whole.database_images, half.database_images)]
    assert sizes[1] < 0.6 * sizes[0]


def test_images_of_the_paper_stand_every_40_cells_and_have_100_by_2200() -> None:
    paper = Images()
    assert cutting.planes(Box(cells=200, length=300), paper) == [0, 40, 80, 120, 160]
    cube = np.broadcast_to(np.arange(200)[:, None, None], (200, 200, 2200))
    made = cutting.cut(cube, Box(cells=200, length=300), paper)
    assert made.shape == (10, 100, 2200)
    assert made[:, 0, 0].tolist() == [0, 0, 40, 40, 80, 80, 120, 120, 160, 160]


def test_only_planes_are_read_never_a_whole_light_cone(run, monkeypatch) -> None:
    made = run(axes=["x", "y"], line_of_sight_cells=30)
    complete(made.database)
    images.prepare(made.database_images)
    read, shapes = store.read_part, []

    def counted(cubes, index, *cells):
        part = read(cubes, index, *cells)
        shapes.append((index, part.shape))
        return part

    monkeypatch.setattr(store, "read_part", counted)
    images.cut_block(made.database_images, (0, 2))
    planes = [(2, 8, 30), (8, 2, 30)]  # of the axes x and y
    assert sorted(shapes) == [(index, shape) for index in (0, 1) for shape in planes]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_blocks_images_lie_at_their_light_cones_indices(run, workers) -> None:
    made = run()
    complete(made.database)
    image_set = made.database_images
    images.prepare(image_set)
    images.cut_block(image_set, (4, 6), workers)
    group = cutting.open_store(image_set)
    for index in (4, 5):
        cube = store.read(made.database.store, index)
        expected = by_hand(cube, made.config.images)
        np.testing.assert_array_equal(store.array(group, image_set.kind)[index], expected)
    assert not chunk(image_set, 3).exists()


def test_a_blocks_marker_has_the_digests_of_its_light_cones_and_of_their_images(run) -> None:
    made = run()
    complete(made.database)
    images.make(made.database_images)
    marker = json.loads(made.database_images.done((0, 4)).read_text())
    cones = json.loads(made.database.done((0, 4)).read_text())
    assert marker.pop("stored").keys() == marker["images"].keys()
    assert marker == {
        "fingerprint": made.database_images.fingerprint,
        "light_cones": cones["digests"],
        "images": {
            str(index): store.digest(index, cutting.cut(cube, BOX, made.config.images))
            for index in range(4)
            for cube in [store.read(made.database.store, index)]
        },
    }


def test_the_images_open_in_xarray_with_coordinates_units_and_parameters(run) -> None:
    made = run(line_of_sight_cells=33)
    complete(made.database)
    images.make(made.database_images)
    with (
        xarray.open_zarr(made.database_images.store, consolidated=False) as cut,
        xarray.open_zarr(made.database.store, consolidated=False) as cones,
    ):
        assert cut["images"].dims == ("light_cone", "image", "transverse", "line_of_sight")
        assert cut["images"].shape == (6, 4, 8, 33)
        assert cut["images"].attrs["units"] == "mK"
        for name in ("redshift", "distance"):
            np.testing.assert_array_equal(cut[name], cones[name][:33])
            assert cut[name].attrs == cones[name].attrs
        for name in (*made.database.design.names, "random_seed"):
            np.testing.assert_array_equal(cut[name], cones[name])
    labelled = cutting.open_labelled(made.database_images)
    np.testing.assert_array_equal(labelled.parameters, made.database.design.parameters(0, 6))
    assert labelled.names == made.database.design.names


def test_growing_cuts_only_the_new_images(run) -> None:
    complete(run(6).database)
    images.make(run(6).database_images)
    old = {index: chunk(run().database_images, index).stat() for index in range(6)}
    grown = run(10)
    lightcones.prepare(grown.database)
    fill(grown.database, 6, 7, 8, 9)
    images.make(grown.database_images)
    for index, before in old.items():
        now = chunk(grown.database_images, index).stat()
        assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    labelled = cutting.open_labelled(grown.database_images)
    assert np.isfinite(labelled.images[:]).all()
    np.testing.assert_array_equal(labelled.parameters, grown.database.design.parameters(0, 10))


def test_a_smaller_configuration_learns_from_its_own_part_of_a_store_that_has_grown(run) -> None:
    complete(run(10).database)
    images.make(run(10).database_images)
    labelled = cutting.open_labelled(run(6).database_images)
    assert labelled.light_cones == len(labelled.parameters) == 6


def test_a_light_cone_made_again_with_other_voxels_is_cut_again(run) -> None:
    made = run()
    complete(made.database)
    images.make(made.database_images)
    before = chunk(made.database_images, 1).stat().st_mtime_ns
    marker = made.database_images.done((0, 4))
    told = json.loads(marker.read_text())
    told["light_cones"]["1"] = "0" * 64  # as if cut from another
    marker.write_text(json.dumps(told))
    images.cut_block(made.database_images, (0, 4))
    assert chunk(made.database_images, 1).stat().st_mtime_ns != before
    assert json.loads(marker.read_text())["light_cones"]["1"] != "0" * 64


def test_torn_images_of_a_killed_job_are_cut_again(run) -> None:
    made = run()
    complete(made.database)
    images.prepare(made.database_images)
    torn = chunk(made.database_images, 2)
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"torn")
    images.cut_block(made.database_images, (0, 4))
    cube = store.read(made.database.store, 2)
    opened = zarr.open_array(made.database_images.store, path=made.database_images.kind, mode="r")
    np.testing.assert_array_equal(opened[2], by_hand(cube, made.config.images))


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_a_damaged_light_cone_is_refused_by_its_index_and_its_block_has_no_marker(
    run, damage
) -> None:
    made = run()
    complete(made.database)
    shard = store.shard_path(made.database.store, 2)
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content if damage == "flipped" else content[:200])
    if damage == "missing":
        shard.unlink()
    images.prepare(made.database_images)
    with pytest.raises(DamagedStore, match="light-cone 2 ") as told:
        images.cut_block(made.database_images, (0, 4))
    assert "\n" not in str(told.value)
    assert not made.database_images.done((0, 4)).exists()
    images.cut_block(made.database_images, (4, 6))


def test_a_light_cone_that_is_not_finished_is_refused_by_its_index(run) -> None:
    made = run()
    lightcones.prepare(made.database)
    fill(made.database, 0, 1, 3)
    images.prepare(made.database_images)
    with pytest.raises(UserError, match="light-cone 2 is not finished"):
        images.cut_block(made.database_images, (0, 4))


def test_stores_that_are_not_there_are_one_clear_line_each(run) -> None:
    made = run()
    with pytest.raises(UserError, match=r"lightcones\.zarr: no light-cones here"):
        images.prepare(made.database_images)
    lightcones.prepare(made.database)
    for call in (
        lambda it: images.cut_block(it, (0, 4)),
        cutting.open_store,
        cutting.open_labelled,
    ):
        with pytest.raises(UserError, match=r"images\.zarr: no images here"):
            call(made.database_images)
    assert not made.database_images.directory.exists()
