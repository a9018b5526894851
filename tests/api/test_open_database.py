"""``lcinfer.open_database``: what a database holds, and nothing read that is not asked for."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
import zarr
from support.filling import complete_without

import lcinfer
from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.infer.files import observations
from lcinfer.lightcones import store
from lcinfer.products.run import Run


@pytest.fixture
def run(here):
    return Run(config.load("config/demo.yaml"))


def test_it_has_the_voxels_the_design_and_the_histories(run):
    cones = lcinfer.open_database("config/demo.yaml")
    assert cones.brightness_temp.dims == ("light_cone", "x", "y", "line_of_sight")
    one = cones.brightness_temp.sel(light_cone=7)
    np.testing.assert_array_equal(one, store.read(run.database.store, 7))
    names = list(run.database.design.names)
    table = cones[names].to_dataframe()[names]
    np.testing.assert_array_equal(table, run.database.design.parameters(0, 24))
    np.testing.assert_array_equal(cones.random_seed, run.database.design.seeds(0, 24))
    assert cones.neutral_fraction.dims == ("light_cone", "node")
    assert {"node_redshift", "redshift", "distance", "x", "y", *names} <= set(cones.coords)
    assert set(cones.data_vars) == {
        "brightness_temp",
        "neutral_fraction",
        "global_brightness_temp",
    }


def test_light_cones_say_what_they_are_for_and_that_they_are_there(here):
    cones = lcinfer.open_database("config/demo.yaml")
    assert cones.split.values.tolist() == ["validation"] * 2 + ["test"] * 6 + ["training"] * 16
    assert set(cones.state.values) == {"finished"}
    assert cones.light_cone.values.tolist() == list(range(24))


def test_every_variable_has_a_name_for_people_and_lengths_have_units(here):
    cones = lcinfer.open_database("config/demo.yaml")
    assert {name for name, it in cones.variables.items() if "long_name" not in it.attrs} == set()
    assert cones.brightness_temp.attrs["units"] == "mK"
    assert {cones[axis].attrs["units"] for axis in ("x", "y", "distance")} == {"Mpc"}
    assert "units" not in cones.redshift.attrs, "a plot would say redshift [1]"
    assert cones.NU_X_THRESH.attrs == {"units": "eV", "long_name": "E_0"}


def test_it_says_how_peculiar_velocities_were_treated_where_that_is_known(run, tmp_path):
    assert "velocities" not in lcinfer.open_database(run.database.directory).brightness_temp.attrs
    (tmp_path / "lightcones.zarr").symlink_to(run.database.store.resolve())
    spec = json.loads(run.database.spec.read_text())
    spec["simulation"]["simulator"] |= {"engine": "21cmfast", "velocities": "subcell"}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    assert lcinfer.open_database(tmp_path).brightness_temp.attrs["velocities"] == "subcell"
    (read,) = observations(f"{tmp_path}/lightcones.zarr:3")
    assert read.velocities == "subcell"


def test_a_cell_is_found_by_its_redshift(here):
    cones = lcinfer.open_database("config/demo.yaml")
    at = cones.brightness_temp.sel(redshift=6.3, method="nearest")
    assert abs(float(at.redshift) - 6.3) < 0.01


def test_no_voxel_is_read_before_it_is_computed_with(here, monkeypatch):
    read = []
    get = zarr.Array.__getitem__
    monkeypatch.setattr(
        zarr.Array, "__getitem__", lambda self, cells: read.append(self.name) or get(self, cells)
    )
    cones = lcinfer.open_database("config/demo.yaml")
    mean = cones.brightness_temp.mean()
    assert cones.brightness_temp.chunks[0] == (1,) * 24
    assert "/brightness_temp" not in read
    assert np.isfinite(mean.compute())


def test_a_mock_a_directory_and_a_store_open_too(run):
    mock = lcinfer.open_database("config/demo.yaml", "FAINT")
    assert dict(mock.sizes)["light_cone"] == 2
    assert "split" not in mock.coords
    for path in (run.database.directory, run.database.store):
        opened = lcinfer.open_database(path)
        assert dict(opened.sizes)["light_cone"] == 24
        assert set(opened.state.values) == {"finished"}
        assert "split" not in opened.coords


def test_a_store_alone_does_not_say_that_its_light_cones_are_missing(run, tmp_path):
    copy = shutil.copytree(run.database.store, tmp_path / "copy.zarr")
    assert "state" not in lcinfer.open_database(copy).coords


def test_failed_and_missing_light_cones_are_said(settings, write_config, tmp_path):
    path = write_config(settings | {"mocks": {}})
    settings["database"]["allowed_failures"] = 0.2
    run = Run(config.parse(settings), tmp_path / "results")
    complete_without(run.database, 3, 5)
    with pytest.warns(UserWarning, match=r"12 light-cones, of these 2 failed \(3, 5\): their"):
        cones = lcinfer.open_database(path, results=run.root)
    assert np.flatnonzero(cones.state == "failed").tolist() == [3, 5]
    assert np.isnan(cones.brightness_temp.sel(light_cone=5)).all()
    for lines in run.database.journal.glob("*.jsonl"):
        lines.unlink()
    with pytest.warns(UserWarning, match="of these 12 missing"):
        lcinfer.open_database(path, results=run.root)


def test_of_a_grown_database_a_configuration_opens_its_own_part(here, tmp_path):
    settings = yaml.safe_load((here / "config" / "demo.yaml").read_text())
    settings["database"]["realizations"] = 10
    smaller = tmp_path / "smaller.yaml"
    smaller.write_text(yaml.safe_dump(settings))
    assert lcinfer.open_database(smaller).sizes["light_cone"] == 10


def test_what_is_not_there_is_one_line(here):
    for elsewhere in ("results", "results/trainings", next(Path("results/images").glob("cones-*"))):
        near = r"no light-cones here: give a configuration file, or one of results/lightcones: "
        with pytest.raises(UserError, match=rf"^{elsewhere}: {near}FAINT-\w+, cones-\w+$"):
            lcinfer.open_database(elsewhere)
    directory = lcinfer.Experiment("config/demo.yaml").directory
    with pytest.raises(UserError, match=r"one of .*/lightcones: FAINT, cones$"):
        lcinfer.open_database(directory)
    with pytest.raises(UserError, match=r"^nowhere: no such file"):
        lcinfer.open_database("nowhere")
    with pytest.raises(UserError, match=r"^nowhere: nothing of this .* say with results= where"):
        lcinfer.open_database("config/demo.yaml", results="nowhere")
    with pytest.raises(UserError, match="has no mock DIM; there are FAINT"):
        lcinfer.open_database("config/demo.yaml", "DIM")
    with pytest.raises(UserError, match="goes with a configuration file"):
        lcinfer.open_database("results", "FAINT")


@pytest.mark.parametrize(
    ("code", "unloaded"),
    [
        (
            "import lcinfer; dir(lcinfer)",
            {"torch", "xarray", "pandas", "zarr", "pydantic", "numpy"},
        ),
        ("import lcinfer; lcinfer.open_database", {"torch", "py21cmfast", "matplotlib"}),
    ],
)
def test_nothing_is_loaded_before_it_is_used(code, unloaded):
    shown = f"{code}; import sys; print(*sorted({unloaded} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_name_that_lcinfer_does_not_have_is_none():
    with pytest.raises(AttributeError, match="no attribute 'open_databases'"):
        lcinfer.open_databases  # noqa: B018
