"""The life of a database: created, grown, filled, sealed, and killed in between."""

import json

import numpy as np
import pytest
import xarray
import zarr
from support.filling import fill

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.lightcones import journal, store
from lcinfer.lightcones.child import realize
from lcinfer.products.run import Run
from lcinfer.stages import lightcones


@pytest.fixture
def cones(settings, tmp_path):
    """A function: the database with this many realisations."""

    def make(realizations=12, **changes):
        section = {**settings["database"], "realizations": realizations, **changes}
        return Run(config.parse({**settings, "database": section}), tmp_path).database

    return make


def content(path) -> dict[str, tuple[int, bytes]]:
    """Every file with its inode and its bytes."""
    return {
        file.relative_to(path).as_posix(): (file.stat().st_ino, file.read_bytes())
        for file in path.rglob("*")
        if file.is_file()
    }


def columns(cones) -> dict[str, np.ndarray]:
    with xarray.open_zarr(cones.store) as opened:
        return {name: opened[name].values for name in opened.variables}


def test_growing_keeps_every_realisation_and_its_file(cones) -> None:
    small, large = cones(12), cones(20)
    lightcones.prepare(small)
    fill(small)
    before, files = columns(small), content(small.store / store.CUBES / "c")
    lightcones.prepare(large)
    after = columns(large)
    for name, values in before.items():
        np.testing.assert_array_equal(after[name][: len(values)], values)
    assert after["brightness_temp"].shape[0] == len(after["L_X"]) == 20
    np.testing.assert_array_equal(after["random_seed"], large.design.seeds(0, 20))
    assert content(small.store / store.CUBES / "c") == files


def test_a_smaller_configuration_never_shrinks_a_database(cones) -> None:
    lightcones.prepare(cones(20))
    before = content(cones().store)
    lightcones.prepare(cones(12))
    assert content(cones().store) == before
    assert cones(12).prepared.exists()


def test_preparing_again_changes_nothing(cones) -> None:
    lightcones.prepare(cones())
    before, spec = content(cones().store), cones().spec.stat().st_ino
    lightcones.prepare(cones())
    assert content(cones().store) == before
    assert cones().spec.stat().st_ino == spec, "written once"


class Killed(BaseException):
    """In place of a signal: nothing can catch it."""


STEPS = {
    "create_array": zarr.Group,
    "update": zarr.core.attributes.Attributes,
    "__setitem__": zarr.Array,
    "resize": zarr.Array,
}


def prepared(root, make, monkeypatch, method, killed_at=None) -> int:
    """Prepare a database, killed at a call of a method of zarr's if asked; how often it came."""
    calls = 0
    original = getattr(STEPS[method], method)

    def counted(self, *args, **options):
        nonlocal calls
        calls += 1
        if calls == killed_at:
            raise Killed
        return original(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(STEPS[method], method, counted)
        lightcones.prepare(make(root))
    return calls


@pytest.mark.parametrize("method", STEPS)
@pytest.mark.parametrize("start", [0, 6], ids=["created", "grown"])
def test_a_database_killed_while_it_is_made_is_completed_by_the_next_try(
    settings, tmp_path, monkeypatch, start, method
) -> None:
    def make(root, realizations=8):
        section = {**settings["database"], "realizations": realizations}
        return Run(config.parse({**settings, "database": section}), root).database

    def begun(name):
        if start:
            lightcones.prepare(make(tmp_path / name, start))
        return tmp_path / name

    calls = prepared(begun("undisturbed"), make, monkeypatch, method)
    expected = columns(make(tmp_path / "undisturbed"))
    attributes = dict(zarr.open_group(make(tmp_path / "undisturbed").store, mode="r").attrs)
    for step in {1, calls} if calls else ():
        root = begun(f"killed{step}")
        with pytest.raises(Killed):
            prepared(root, make, monkeypatch, method, killed_at=step)
        assert not make(root).prepared.exists()
        lightcones.prepare(make(root))
        for name, values in columns(make(root)).items():
            np.testing.assert_array_equal(values, expected[name], err_msg=name)
        assert dict(zarr.open_group(make(root).store, mode="r").attrs) == attributes
    assert bool(calls) == (not start or method in ("__setitem__", "resize"))


def test_the_specification_says_what_the_database_is(cones) -> None:
    lightcones.prepare(cones())
    spec = json.loads(cones().spec.read_text())
    assert spec["fingerprint"] == cones().fingerprint
    assert spec["block"] == 4
    assert spec["simulation"]["box"]["cells"] == 8
    assert spec["parameters"] == list(cones().design.names)
    assert "realizations" not in json.dumps(spec)


def test_a_blocks_marker_holds_indices_and_digests_and_no_time_or_host(cones) -> None:
    lightcones.prepare(cones())
    fill(cones(), 4, 5, 6, 7)
    lightcones.finish_block(cones(), (4, 8))
    marker = json.loads(cones().done((4, 8)).read_text())
    assert set(marker) == {"fingerprint", "digests"}
    assert list(marker["digests"]) == ["4", "5", "6", "7"]
    for index, digest in marker["digests"].items():
        assert store.digest(int(index), store.read(cones().store, int(index))) == digest


def test_the_same_realisations_made_again_give_the_same_marker(cones) -> None:
    lightcones.prepare(cones())
    fill(cones(), 0, 1, 2, 3)
    lightcones.finish_block(cones(), (0, 4))
    before = cones().done((0, 4)).read_bytes()
    fill(cones(), 3, 2, 1, 0)
    lightcones.finish_block(cones(), (0, 4))
    assert cones().done((0, 4)).read_bytes() == before


def test_an_unfinished_block_has_no_marker_and_one_clear_line(cones) -> None:
    lightcones.prepare(cones())
    fill(cones(), 0, 1)
    failing = cones(simulator={"engine": "support.standin:raises", "engine_version": "1"})
    lines = journal.Journal(cones().journal, "failing-0")
    lines.append({"index": 2, **realize(failing.simulation, cones().store, 2, {}, 9)})
    lines.close()
    with pytest.raises(UserError) as told:
        lightcones.finish_block(cones(), (0, 4))
    line = str(told.value)
    assert "2 of light-cones 0 to 3 are not finished, 1 of them failed" in line
    assert "light-cone 2: RuntimeError: no such universe: seed 9" in line
    assert "\n" not in line
    assert not cones().done((0, 4)).exists()


def test_sealing_puts_histories_into_the_store_and_writes_the_root_digest(cones) -> None:
    lightcones.prepare(cones())
    fill(cones())
    lightcones.seal(cones())
    sealed = json.loads(cones().sealed.read_text())
    digests = [journal.finished(cones().journal)[index]["digest"] for index in range(12)]
    assert sealed == {
        "fingerprint": cones().fingerprint,
        "realizations": 12,
        "root_digest": store.root_digest(digests),
    }
    with xarray.open_zarr(cones().store) as opened:
        history = opened["global_brightness_temp"]
        assert history.dims == ("light_cone", "node")
        assert history.shape == (12, 7)
        assert history.attrs["units"] == "mK"
        assert len(np.unique(history[:, -1])) == 12


def test_an_incomplete_database_is_not_sealed(cones) -> None:
    lightcones.prepare(cones())
    fill(cones(), *range(11))
    with pytest.raises(UserError, match="1 of light-cones 0 to 11 are not finished"):
        lightcones.seal(cones())
    assert not cones().sealed.exists()


def test_a_sealed_database_opens_in_xarray_while_it_grows_and_when_it_is_sealed_smaller(
    cones,
) -> None:
    small, large = cones(6), cones(8)
    lightcones.prepare(small)
    fill(small)
    lightcones.seal(small)
    before = columns(small)["neutral_fraction"]
    lightcones.prepare(large)
    grown = columns(large)["neutral_fraction"]
    np.testing.assert_array_equal(grown[:6], before)
    assert np.isnan(grown[6:]).all()
    fill(large, 6, 7)
    lightcones.seal(large)
    whole = columns(large)["neutral_fraction"]
    assert np.isfinite(whole).all()
    lightcones.seal(small)
    np.testing.assert_array_equal(columns(large)["neutral_fraction"], whole)
