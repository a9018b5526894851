"""Light-cones that someone already has: what their files say is taken, nothing is invented.

The files are py21cmfast's own, with noise for voxels; ``tests/physics`` has a real one.
"""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from support import damage
from support.parts import Killed, markers, run_in, voxels

from lcinfer import cli, config
from lcinfer.audit.audit import audit
from lcinfer.audit.walk import Depth
from lcinfer.base.errors import UserError
from lcinfer.images import cutting as images
from lcinfer.lightcones import journal, store
from lcinfer.products.design import TABLE
from lcinfer.simulator import gm18 as simulate
from lcinfer.simulator.lightcone import coordinates
from lcinfer.stages.simulate import simulate as simulate_block
from lcinfer.travel.adopt import adopt
from lcinfer.travel.merge import merge
from lcinfer.travel.subset import subset
from lcinfer.upkeep.repair import repair
from lcinfer.upkeep.verify import verify

COUNT, CELLS = 5, 24


def adopting(settings: dict) -> dict:
    """The small configuration for 21cmFAST's light-cones."""
    settings["database"] |= {
        "lightcone": {"z_min": 6, "cells": CELLS},
        "simulator": {
            "engine_version": simulate.version(),
            "z_step_factor": 1.2,
            "z_heat_max": 12,
            "velocities": "none",
        },
    }
    settings["images"] |= {"line_of_sight_cells": CELLS}
    settings["split"] = {"validation": 1, "test": 2}
    return settings


@pytest.fixture
def settings(settings):
    return adopting(settings)


@pytest.fixture(scope="session")
def saved(tmp_path_factory) -> list[Path]:
    """Files of ``LightCone.save``, longer than the configuration's light-cones."""
    from astropy.units import Mpc
    from py21cmfast import LightCone
    from support.small import small_settings

    wanted = config.parse(adopting(small_settings())).database
    longer = wanted.model_copy(
        update={"lightcone": wanted.lightcone.model_copy(update={"cells": CELLS + 5})}
    )
    _, distance = coordinates(longer)
    root = tmp_path_factory.mktemp("saved")
    for number in range(COUNT):
        noise = np.random.default_rng(number)
        drawn = {name: noise.uniform(*ends) for name, ends in wanted.prior.items()}
        inputs = simulate.inputs_for(wanted, drawn, seed=900 + number)
        history = np.linspace(0, 1, len(inputs.node_redshifts))
        LightCone(
            distance * Mpc,
            inputs,
            {"brightness_temp": noise.normal(0, 9, (8, 8, CELLS + 5)).astype(np.float32)},
            {"brightness_temp": -number * history, "neutral_fraction": history},
        ).save(root / f"cone{number}.h5")
    return [root / f"cone{number}.h5" for number in range(COUNT)]


@pytest.fixture
def files(saved, tmp_path) -> list[Path]:
    """Copies, for a test to do with as it likes."""
    return [Path(shutil.copy(path, tmp_path)) for path in saved]


def test_an_adopted_database_is_what_the_files_say(settings, files, tmp_path) -> None:
    before = [path.read_bytes() for path in files]
    cones = adopt(config.parse(settings), files, tmp_path / "results")
    assert verify(cones).findings == []
    assert cones.sealed.exists()
    names = cones.design.names
    for index, record in journal.finished(cones.journal).items():
        path = Path(record["adopted"]["path"])
        with h5py.File(path) as file:
            cube = file["lightcones/brightness_temp"][..., :CELLS]
            said = file["InputParameters"]
            assert record["seed"] == said.attrs["random_seed"]
            assert record["parameters"] == {
                name: said["astro_params"].attrs[name] for name in names
            }
            assert record["node_redshift"] == said["node_redshifts"][:].tolist()
            assert (
                record["global_brightness_temp"]
                == file["global_quantities/brightness_temp"][:].tolist()
            )
        assert store.read(cones.store, index).tobytes() == cube.tobytes()
        assert "seconds" not in record and "node" not in record
    assert [path.read_bytes() for path in files] == before


def test_an_adopted_database_can_be_audited(settings, files, tmp_path) -> None:
    cones = adopt(config.parse(settings), files, tmp_path / "results")
    report = audit(cones.directory, tmp_path / "results", Depth(resimulate=1))
    assert report.holds, report


def test_where_cells_are_moved_the_light_cones_are_those_in_redshift_space(
    settings, files, tmp_path, capsys
) -> None:
    plain = adopt(config.parse(settings), files, tmp_path / "results")
    settings["database"]["simulator"]["velocities"] = "both"
    with pytest.raises(UserError, match="5 of 5 files cannot be adopted"):
        adopt(config.parse(settings), files, tmp_path / "results")
    for line in capsys.readouterr().err.splitlines()[-5:]:
        assert "no brightness_temp_with_rsds" in line and "velocities is both" in line
    for path in files:
        with h5py.File(path, "a") as file:
            saved = file["lightcones"]
            saved["brightness_temp_with_rsds"] = 2 * saved["brightness_temp"][:]
    moved = adopt(config.parse(settings), files, tmp_path / "results")
    assert moved.directory != plain.directory
    np.testing.assert_array_equal(store.read(moved.store, 0), 2 * store.read(plain.store, 0))


def test_the_configuration_names_it_from_then_on(
    settings, files, write_config, capsys, tmp_path
) -> None:
    path, results = write_config(settings), tmp_path / "results"
    arguments = ["adopt", str(path), *map(str, files), "--results", str(results)]
    cli.main(arguments)
    said = capsys.readouterr().out
    assert "5 light-cones checked, all hold" in said
    words = said.split()
    settings["database"]["adopted"] = words[words.index("adopted:") + 1]
    settings["database"]["realizations"] = COUNT
    write_config(settings)
    for verb in ("design", "seal", "images"):
        cli.main([verb, str(path), "cones", "--results", str(results)])
    capsys.readouterr()
    cli.main(["verify", str(path), "--results", str(results)])
    assert "5 light-cones checked, all hold" in capsys.readouterr().out
    labelled = images.open_labelled(run_in(settings, results).database_images)
    assert labelled.parameters.shape == (COUNT, 4)
    assert labelled.geometry.velocities == "none"  # and a network trained on them knows
    before = damage.content(results)
    cli.main(arguments)  # again: nothing new
    assert "adopted:" not in capsys.readouterr().out
    assert damage.content(results) == before


def test_an_adopted_database_is_no_simulated_one(settings, files, tmp_path) -> None:
    cones = adopt(config.parse(settings), files, tmp_path / "results")
    assert cones.fingerprint != run_in(settings, tmp_path / "results").database.fingerprint
    settings["database"] |= {
        "adopted": cones.design.content["adopted"],
        "realizations": COUNT,
        "seed": 77,
    }
    same = run_in(settings, tmp_path / "results")
    assert same.database.fingerprint == cones.fingerprint  # no seed decides it
    mocks = run_in(adopting(settings) | {}, tmp_path / "results").mocks
    assert mocks["FAINT"].fingerprint == same.mocks["FAINT"].fingerprint


def test_the_order_and_the_names_of_the_files_decide_nothing(settings, files, tmp_path) -> None:
    one = adopt(config.parse(settings), files, tmp_path / "one")
    renamed = [
        path.rename(path.with_name(f"{number}.h5")) for number, path in enumerate(files[::-1])
    ]
    other = adopt(config.parse(settings), renamed, tmp_path / "other")
    assert one.fingerprint == other.fingerprint
    assert voxels(one) == voxels(other)
    assert markers(one) == markers(other)


def test_histories_that_a_file_lacks_are_left_out_of_all(settings, files, tmp_path) -> None:
    with h5py.File(files[2], "a") as file:
        del file["global_quantities/neutral_fraction"]
    cones = adopt(config.parse(settings), files, tmp_path / "results")
    assert all("node_redshift" not in it for it in journal.finished(cones.journal).values())
    assert not (cones.store / "neutral_fraction").exists()
    assert verify(cones).findings == []


def test_what_was_adopted_is_never_simulated_but_brought_in_again(
    settings, files, tmp_path
) -> None:
    cones = adopt(config.parse(settings), files, tmp_path / "results")
    shard = damage.shard(cones, 3)
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-10])
    assert repair(cones, verify(cones).findings).again == [3]
    with pytest.raises(UserError, match="light-cone 3 was adopted and is not there"):
        simulate_block(cones, (0, 4))
    adopt(config.parse(settings), files, tmp_path / "results")
    assert verify(cones).findings == []
    assert shard.read_bytes() == whole


def test_an_adoption_that_was_killed_is_done_by_the_next(
    settings, files, tmp_path, monkeypatch
) -> None:
    written = []

    def killed(*arguments):
        written.append(store_put(*arguments))
        if len(written) == 2:
            raise Killed

    store_put = store.put
    with monkeypatch.context() as patch:
        patch.setattr(store, "put", killed)
        with pytest.raises(Killed):
            adopt(config.parse(settings), files, tmp_path / "results")
    cones = adopt(config.parse(settings), files, tmp_path / "results")
    assert verify(cones).findings == []
    assert len(list(journal.records(cones.journal))) == COUNT


def test_it_can_be_cut_and_merged(settings, files, tmp_path) -> None:
    cones = adopt(config.parse(settings), files, tmp_path / "results")
    parts = [
        subset(cones, indices, tmp_path / f"cut{indices[0]}") for indices in ([0, 1], [2, 3, 4])
    ]
    settings["database"] |= {
        "adopted": cones.design.content["adopted"],
        "realizations": COUNT,
    }
    into = run_in(settings, tmp_path / "again").database
    merge(into, [part.directory for part in parts])
    assert verify(into).findings == []
    assert markers(into) == markers(cones)


def in_struct(struct: str, name: str, value):
    def change(file: h5py.File) -> None:
        file["InputParameters"][struct].attrs[name] = value

    return change


def shifted(file: h5py.File) -> None:
    file["lightcone_distances"][...] += 3.0


def short(file: h5py.File) -> None:
    file.attrs["highz_buffer_pixels"] = 10


def unfinished(file: h5py.File) -> None:
    file.attrs["last_completed_node"] = 1


def seed_of_another(file: h5py.File) -> None:
    file["InputParameters"].attrs["random_seed"] = 900


def no_inputs(file: h5py.File) -> None:
    del file["InputParameters"]


def no_brightness(file: h5py.File) -> None:
    del file["lightcones/brightness_temp"]


def another_version(file: h5py.File) -> None:
    file["InputParameters"].attrs["21cmFAST-version"] = "4.0.0"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (in_struct("simulation_options", "BOX_LEN", 49.0), "BOX_LEN is 49.0, the configuration's"),
        (in_struct("simulation_options", "HIRES_TO_LOWRES_FACTOR", 2.0), "HIRES_TO_LOWRES"),
        (in_struct("cosmo_params", "OMm", 0.3), "OMm is 0.3, the configuration's is 0.31"),
        (in_struct("astro_params", "L_X", 45.0), "L_X is 45, outside database.prior, 38 to 42"),
        (in_struct("astro_params", "T_RE", 1e4), "T_RE is"),
        (in_struct("astro_options", "USE_CMB_HEATING", True), "USE_CMB_HEATING is"),
        (another_version, "version is"),
        (shifted, "its cells lie from"),
        (short, "8 x 8 x 29 cells, not 8 x 8 x 24 or more"),
        (unfinished, "unfinished: it holds 2 of"),
        (seed_of_another, "have the same seed 900"),
        (no_inputs, "no light-cone that py21cmfast 4 or 3.4 saved"),
        (no_brightness, "not a light-cone with brightness_temp that py21cmfast saved"),
    ],
)
def test_a_file_that_differs_is_refused_by_name_and_nothing_is_written(
    settings, files, tmp_path, write_config, capsys, change, says
) -> None:
    with h5py.File(files[1], "a") as file:
        change(file)
    with pytest.raises(SystemExit) as stopped:
        results = ["--results", str(tmp_path / "results")]
        cli.main(["adopt", str(write_config(settings)), *map(str, files), *results])
    assert stopped.value.code == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("lcinfer: ")
    assert says in line
    assert str(files[1]) in line
    assert not (tmp_path / "results").exists()


def test_a_file_that_is_no_hdf5_or_not_there_is_refused_by_name(settings, files, tmp_path) -> None:
    files[1].write_bytes(b"not HDF5")
    for path, says in ((files[1], "no HDF5 file"), (tmp_path / "nowhere.h5", "no such file")):
        with pytest.raises(UserError, match=f"{path.name}: {says}"):
            adopt(config.parse(settings), [files[0], path], tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_voxels_that_no_database_takes_are_refused_by_name(settings, files, tmp_path) -> None:
    with h5py.File(files[1], "a") as file:
        file["lightcones/brightness_temp"][1, 2, 3] = np.nan
    with pytest.raises(UserError, match=r"cone1.h5: 1 of 1536 voxels are NaN"):
        adopt(config.parse(settings), files, tmp_path / "results")


def test_other_files_than_the_configuration_names_are_refused(settings, files, tmp_path) -> None:
    settings["database"] |= {"adopted": "0" * 64, "realizations": COUNT}
    with pytest.raises(UserError, match=r"database.adopted is 0000.* they are others"):
        adopt(config.parse(settings), files, tmp_path / "results")


@pytest.mark.parametrize("damage_it", [Path.unlink, lambda path: path.write_text("{}")])
def test_a_table_that_is_not_the_configurations_is_one_line(
    settings, files, tmp_path, damage_it
) -> None:
    cones = adopt(config.parse(settings), files, tmp_path / "results")
    damage_it(cones.directory / TABLE)
    with pytest.raises(UserError, match=r"adopted.json is (missing|not the one)"):
        verify(cones)


def test_more_light_cones_than_were_adopted_are_refused(settings, files, tmp_path) -> None:
    cones = adopt(config.parse(settings), files, tmp_path / "results")
    with pytest.raises(UserError, match=r"5 light-cones were adopted: database.realizations"):
        cones.design.parameters(0, COUNT + 1)
    assert json.loads((cones.directory / TABLE).read_text())["follows"] == {
        "L_X_MINI": "L_X",
        "X_RAY_Tvir_MIN": "ION_Tvir_MIN",
    }
