"""Light-cones on disk: whole, told apart, and never silently wrong."""

import os
import socket
import subprocess
import time

import numpy as np
import pytest
import xarray
from support import standin

from lcinfer import config
from lcinfer.base import durable
from lcinfer.base.errors import UserError
from lcinfer.lightcones import store, stored
from lcinfer.lightcones.store import DamagedStore
from lcinfer.products.run import Run

POINT = {"HII_EFF_FACTOR": 100.0, "ION_Tvir_MIN": 5.0, "L_X": 40.0, "NU_X_THRESH": 500.0}


@pytest.fixture
def cones(settings, tmp_path):
    """A function: light-cones of settings with these changes to their database."""

    def make(**changes):
        changed = {**settings, "database": {**settings["database"], **changes}}
        return Run(config.parse(changed), tmp_path).database

    return make


def prepared(cones, realizations=()):
    """The store's path, and the digests of the realisations written."""
    store.prepare(cones)
    return cones.store, {index: written(cones, index) for index in realizations}


def written(cones, index) -> str:
    return store.write(cones.store, index, cube_of(cones, index), cones.simulation).digest


def cube_of(cones, index):
    return standin.simulate(cones.simulation, POINT, index + 1).brightness_temp


@pytest.mark.parametrize(
    ("along", "chunk"), [(40, 64), (40, 8), (41, 8), (37, 5), (4, 3), (40, 40), (43, 42)]
)
def test_a_light_cone_comes_back_bit_for_bit_whatever_its_chunks(cones, along, chunk) -> None:
    made = cones(lightcone={"cells": along}, storage={"chunk_cells": chunk})
    path, _ = prepared(made, [0, 11])
    for index in (0, 11):
        back = store.read(path, index)
        assert (back.dtype, back.shape) == (np.float32, (8, 8, along))
        assert back.tobytes() == cube_of(made, index).tobytes()


def test_a_realisation_is_one_file_and_nothing_else_is_left(cones) -> None:
    made = cones(storage={"chunk_cells": 3})
    path, _ = prepared(made)
    before = {file for file in path.rglob("*") if file.is_file()}
    for index in (0, 7):
        written(made, index)
    after = {file for file in path.rglob("*") if file.is_file()}
    assert after - before == {store.shard_path(path, 0), store.shard_path(path, 7)}
    assert not list(path.rglob(f"*{durable.SUFFIX}"))


def test_a_files_directories_are_synced_before_the_write_returns(cones, monkeypatch) -> None:
    synced = []
    monkeypatch.setattr(durable, "sync", synced.append)
    path, _ = prepared(cones(), [3])
    shard = store.shard_path(path, 3)
    directories = shard.parents[: len(shard.relative_to(path).parts) - 1]
    assert synced == list(directories)


def test_the_store_opens_in_xarray_with_dimensions_coordinates_and_units(cones) -> None:
    made = cones()
    path, _ = prepared(made, range(12))
    with xarray.open_zarr(path, consolidated=False) as opened:
        cubes = opened["brightness_temp"]
        assert cubes.dims == ("light_cone", "x", "y", "line_of_sight")
        assert cubes.shape == (12, 8, 8, 40)
        assert set(opened.coords) == {"x", "y", "redshift", "distance"}
        units = {name: opened[name].attrs.get("units") for name in opened.variables}
        assert units == {
            "brightness_temp": "mK",
            "distance": "Mpc",
            "redshift": "1",
            "x": "Mpc",
            "y": "Mpc",
            "HII_EFF_FACTOR": "1",
            "ION_Tvir_MIN": "log10(K)",
            "L_X": "log10(erg s-1 Msun-1 yr)",
            "NU_X_THRESH": "eV",
            "random_seed": None,
        }
        np.testing.assert_array_equal(cubes[4], cube_of(made, 4))
        np.testing.assert_array_equal(opened["x"], np.arange(3, 48, 6))
        np.testing.assert_array_equal(opened["L_X"], made.design.parameters(0, 12)[:, 2])
        np.testing.assert_array_equal(opened["random_seed"], made.design.seeds(0, 12))


def test_a_missing_realisation_is_refused_by_its_index(cones) -> None:
    path, _ = prepared(cones(), [0])
    with pytest.raises(DamagedStore, match=r"light-cone 5 .* is missing"):
        store.read(path, 5)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_shard_is_refused_by_its_index(cones, share) -> None:
    path, _ = prepared(cones(), [0, 5])
    shard = store.shard_path(path, 5)
    content = shard.read_bytes()
    shard.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedStore, match="light-cone 5 "):
        store.read(path, 5)
    store.read(path, 0)


def test_a_flipped_bit_anywhere_in_a_shard_is_refused_by_its_index(cones) -> None:
    path, _ = prepared(cones(storage={"chunk_cells": 5}), [5])
    shard = store.shard_path(path, 5)
    content = shard.read_bytes()
    positions = [*range(8), *range(9, len(content), 397), *range(len(content) - 8, len(content))]
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        shard.write_bytes(damaged)
        with pytest.raises(DamagedStore, match="light-cone 5 "):
            store.read(path, 5)
    shard.write_bytes(content)
    store.read(path, 5)


def test_swapped_shards_pass_every_checksum_but_not_their_digests(cones) -> None:
    path, digests = prepared(cones(), [1, 2])
    one, two = (store.shard_path(path, index) for index in (1, 2))
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    for index in (1, 2):
        assert store.digest(index, store.read(path, index)) not in digests.values()


def test_a_digest_outlives_a_change_of_codec_and_chunks_but_not_of_index_or_voxel(cones) -> None:
    made = cones()
    _, digests = prepared(made, [1])
    cube = cube_of(made, 1)
    assert digests[1] == store.digest(1, cube) == store.digest(1, cube.astype(">f4"))
    assert store.digest(1, np.asfortranarray(cube)) == digests[1]
    assert store.digest(2, cube) != digests[1]
    cube[0, 0, 0] = np.nextafter(cube[0, 0, 0], np.float32(0))
    assert store.digest(1, cube) != digests[1]


def test_another_codec_or_chunk_gives_the_same_digests_in_another_file(cones, tmp_path) -> None:
    first, digests = prepared(cones(), [1])
    content = store.shard_path(first, 1).read_bytes()
    first.rename(tmp_path / "elsewhere")
    again, others = prepared(cones(storage={"chunk_cells": 7, "compression_level": 9}), [1])
    assert again == first
    assert others == digests
    assert store.shard_path(again, 1).read_bytes() != content


def test_kept_bits_round_what_is_written_and_are_in_the_digest_and_fingerprint(cones) -> None:
    rounded, exact = cones(storage={"keep_bits": 7}), cones()
    assert rounded.fingerprint != exact.fingerprint
    path, digests = prepared(rounded, [0])
    before, back = cube_of(rounded, 0), store.read(path, 0)
    assert np.any(back != before)
    np.testing.assert_allclose(back, before, rtol=2**-8)
    assert np.all(back.view(np.uint32) & (2**16 - 1) == 0), "16 of 23 bits are zero"
    assert digests[0] == store.digest(0, back)


def test_writing_leaves_the_cube_that_it_was_given(cones) -> None:
    made = cones(storage={"keep_bits": 3})
    cube = cube_of(made, 0)
    prepared(made)
    store.write(made.store, 0, cube, made.simulation)
    np.testing.assert_array_equal(cube, cube_of(made, 0))


@pytest.mark.parametrize("found", [b"", b"torn", None], ids=["empty", "torn", "whole"])
def test_writing_again_replaces_a_realisation_whole_whatever_is_there(cones, found) -> None:
    made = cones()
    path, _ = prepared(made, [0])
    if found is not None:
        store.shard_path(path, 0).write_bytes(found)
    store.write(path, 0, cube_of(made, 3), made.simulation)
    np.testing.assert_array_equal(store.read(path, 0), cube_of(made, 3))


def test_what_a_killed_writer_left_aside_is_swept_by_the_next(cones) -> None:
    made = cones()
    path, _ = prepared(made)
    shard = store.shard_path(path, 0)
    shard.parent.mkdir(parents=True)
    ended = subprocess.Popen(["true"])
    ended.wait()
    here = f"{socket.gethostname()}.{ended.pid}"
    old = time.time() - 2 * durable.ABANDONED_AFTER
    for writer, written_at in ((here, time.time()), ("elsewhere.17", old)):
        aside = shard.with_name(f"0.{writer}{durable.SUFFIX}")
        aside.write_bytes(b"half")
        os.utime(aside, (written_at, written_at))
    written(made, 0)
    assert list(shard.parent.iterdir()) == [shard]


def test_what_a_living_writer_has_aside_is_left_to_it(cones) -> None:
    made = cones()
    path, _ = prepared(made)
    shard = store.shard_path(path, 0)
    shard.parent.mkdir(parents=True)
    living = f"0.{socket.gethostname()}.{os.getppid()}", "0.elsewhere.17"
    asides = {shard.with_name(f"{name}{durable.SUFFIX}") for name in living}
    for aside in asides:
        aside.write_bytes(b"half")
    written(made, 0)
    assert set(shard.parent.iterdir()) == {shard, *asides}


def test_a_write_that_fails_leaves_the_realisation_that_was_there(cones, monkeypatch) -> None:
    made = cones()
    path, _ = prepared(made, [0])
    monkeypatch.setattr(durable.os, "fsync", lambda descriptor: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.write(path, 0, cube_of(made, 3), made.simulation)
    assert list(store.shard_path(path, 0).parent.iterdir()) == [store.shard_path(path, 0)]
    np.testing.assert_array_equal(store.read(path, 0), cube_of(made, 0))


def test_part_of_a_damaged_realisation_is_refused_where_it_is_damaged(cones) -> None:
    path, _ = prepared(cones(storage={"chunk_cells": 4}), [2])
    shard = store.shard_path(path, 2)
    content = bytearray(shard.read_bytes())
    content[3] ^= 1
    shard.write_bytes(content)
    cubes = store.open_cubes(path)
    with pytest.raises(DamagedStore, match="light-cone 2 "):
        store.read_part(cubes, 2, 0)
    assert store.read_part(cubes, 2, 7).shape == (8, 40)


def test_a_store_that_is_not_there_is_one_clear_line(tmp_path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.zarr: no light-cones here"):
        store.read(tmp_path / "nowhere.zarr", 0)


def test_the_root_digest_depends_on_the_order() -> None:
    assert store.root_digest(["aa", "bb"]) != store.root_digest(["bb", "aa"])


def test_what_a_killed_writer_left_is_swept_even_before_anybody_waited_for_it(tmp_path) -> None:
    path = tmp_path / "shard"
    writer = subprocess.Popen(["sleep", "60"])
    aside = path.with_name(f"{path.name}.{socket.gethostname()}.{writer.pid}{durable.SUFFIX}")
    aside.touch()
    durable.sweep(path)
    assert aside.exists()
    writer.kill()
    os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in /proc
    durable.sweep(path)
    assert not aside.exists()
    writer.wait()


def test_a_file_has_a_digest_of_its_bytes_and_of_all_that_is_said_of_them(cones) -> None:
    made = cones()
    store.prepare(made)
    written = store.write(made.store, 1, cube_of(made, 1), made.simulation)
    with stored.opened(made.store, 1) as file:
        assert file.digest(written.digest) == written.stored
        assert file.voxels_digest([written._asdict()]) == written.digest and not file.is_decoded
        assert file.digest("0" * 64) != written.stored
        assert file.voxels_digest([{"digest": written.digest}]) == written.digest
        assert file.is_decoded, "a record of before knows no file"
        store.put(made.store, 1, b"another file takes its name")
        assert file.voxels_digest([], decode=True) == written.digest
    store.put(made.store, 2, file_of(made, 1))
    with stored.opened(made.store, 2) as file:
        assert file.digest(written.digest) != written.stored, "of another index"


def file_of(cones, index) -> bytes:
    store.write(cones.store, index, cube_of(cones, index), cones.simulation)
    return store.shard_path(cones.store, index).read_bytes()


@pytest.mark.parametrize("consolidated", [None, True], ids=["by default", "asked for"])
def test_xarray_opens_a_store_that_has_grown_by_its_consolidated_metadata(
    cones, recwarn, consolidated
) -> None:
    prepared(cones(realizations=12), range(12))
    path, _ = prepared(cones(realizations=20), [19])
    with xarray.open_zarr(path, consolidated=consolidated) as opened:
        assert dict(opened.sizes) == {"light_cone": 20, "x": 8, "y": 8, "line_of_sight": 40}
    assert not recwarn.list, "nor does xarray tell anyone to make them"
