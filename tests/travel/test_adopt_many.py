"""Many files are looked at before any is adopted: all bad ones are named, or left out on record."""

import json

import h5py
import numpy as np
import pytest
from support import cone_files
from support.small import small_settings

from lcinfer import cli, config
from lcinfer.audit import databases
from lcinfer.base.errors import UserError
from lcinfer.lightcones import journal, store
from lcinfer.records.record import records
from lcinfer.simulator.lightcone import cosmology, redshift_at
from lcinfer.travel.adopt import adopt
from lcinfer.upkeep.verify import verify

CELLS = 24


@pytest.fixture
def settings():
    """A configuration for the files."""
    settings = small_settings()
    database = settings["database"]
    wanted = config.parse(settings).database.cosmology
    database |= {
        "prior": {"HII_EFF_FACTOR": [10, 250]},
        "box": {"cells": 16, "length": 48},
        "lightcone": {
            "z_min": float(redshift_at(wanted, np.array([cone_files.FIRST]))[0]),
            "cells": CELLS,
        },
        "simulator": {"engine_version": "4.1.1"},
    }
    assert cosmology(wanted).H0.value == 100 * cone_files.COSMOLOGY["hlittle"]
    settings["mocks"] = {}
    settings["images"] |= {"line_of_sight_cells": CELLS}
    settings["split"] = {"validation": 1, "test": 2}
    return settings


@pytest.fixture
def files(tmp_path):
    """Six light-cones with the velocity gradient, as ``LightCone.save`` leaves them."""
    made = []
    for seed in range(6):
        fields = cone_files.physics(seed=seed)
        fields["brightness_temp"] = cone_files.with_gradient(fields)
        made.append(cone_files.write(tmp_path / f"cone{seed}.h5", fields))
        with h5py.File(made[-1], "a") as file:
            file["InputParameters"].attrs["random_seed"] = 100 + seed
    return made


def spoil(path, value):
    with h5py.File(path, "a") as file:
        file["lightcones/brightness_temp"][1, 2, 3] = value


def put(path, struct, name, value):
    with h5py.File(path, "a") as file:
        file["InputParameters"][struct].attrs[name] = value


def test_every_bad_file_is_named_and_nothing_written(
    settings, files, tmp_path, write_config, capsys
) -> None:
    spoil(files[1], np.nan)
    spoil(files[4], np.inf)
    put(files[2], "astro_params", "MAX_DVDR", 0.5)
    files[3].write_bytes(files[3].read_bytes()[:3000])
    with pytest.raises(SystemExit):
        results = ["--results", str(tmp_path / "results")]
        cli.main(["adopt", str(write_config(settings)), *map(str, files), *results])
    said = capsys.readouterr().err
    for path, why in (
        (files[1], "1 of 6144 voxels are NaN"),
        (files[2], "MAX_DVDR is 0.5, and 0.2 in"),
        (files[3], "damaged"),
        (files[4], "1 of 6144 voxels are NaN"),
    ):
        assert any(line.startswith(f"{path}: {why}") for line in said.splitlines())
    assert said.splitlines()[-1] == (
        "lcinfer: 4 of 6 files cannot be adopted, each named above, and nothing was written; "
        "--skip-bad leaves them out"
    )
    assert not (tmp_path / "results").exists()


def test_bad_files_are_left_out_when_asked_for_and_the_record_names_them(
    settings, files, tmp_path, capsys
) -> None:
    spoil(files[1], np.nan)
    put(files[2], "astro_params", "MAX_DVDR", 0.5)
    cones = adopt(config.parse(settings), files, tmp_path / "results", skip_bad=True)
    assert "MAX_DVDR is 0.5" in capsys.readouterr().err
    (record,) = [each for each in records(cones.directory) if each["stage"] == "adopt"]
    assert record["left_out"].keys() == {str(files[1]), str(files[2])}
    assert len(journal.finished(cones.journal)) == cones.realizations == 4
    assert verify(cones).findings == []


def test_nothing_is_left_out_if_nothing_would_be_left(settings, files, tmp_path) -> None:
    spoil(files[0], np.nan)
    with pytest.raises(UserError, match="1 of 6144 voxels"):
        adopt(config.parse(settings), files[:1], tmp_path / "results", skip_bad=True)


def test_threads_and_versions_may_differ_if_asked_for_and_the_database_says_so(
    settings, files, tmp_path
) -> None:
    put(files[5], "simulation_options", "N_THREADS", 4)
    with h5py.File(files[5], "a") as file:
        file["InputParameters"].attrs["21cmFAST-version"] = "4.2.0"
    with pytest.raises(UserError, match=r"cone5.h5: N_THREADS is 4, and 1 in"):
        adopt(config.parse(settings), files, tmp_path / "results")
    asked = ["version", "N_THREADS", "HMF"]  # HMF is the same in all
    cones = adopt(config.parse(settings), files, tmp_path / "results", asked)
    assert cones.design.remarks == [
        "N_THREADS differs among the light-cones: 1 in 5, 4 in 1.",
        "version differs among the light-cones: 4.1.1 in 5, 4.2.0 in 1.",
    ]
    assert cones.design.version == "4.1.1, 4.2.0"
    assert str(verify(cones)).count("differs among the light-cones") == 2
    assert list(databases.engine(cones, journal.finished(cones.journal))) == []
    assert "N_THREADS differs" in databases.engine_named(cones)  # which `audit` says
    lines = [each["adopted"] for each in journal.finished(cones.journal).values()]
    assert sorted((each["version"], each["threads"]) for each in lines)[-1] == ("4.2.0", 4)
    settings["database"] |= {"adopted": cones.design.content["adopted"], "realizations": 6}
    adopt(config.parse(settings), files, tmp_path / "results", asked)  # again: the same one


def test_an_input_that_no_file_has_cannot_differ(settings, files, tmp_path) -> None:
    with pytest.raises(UserError, match="--differing THREADS: these files have no such input"):
        adopt(config.parse(settings), files, tmp_path / "results", ["THREADS"])


def test_files_without_the_gradient_get_it_and_the_database_says_so(
    settings, files, tmp_path, capsys
) -> None:
    """As ``lightcone_filename=`` leaves them, beside others that were saved."""
    whole = adopt(config.parse(settings), files, tmp_path / "whole")
    fields = cone_files.physics(seed=2)
    with h5py.File(files[2], "a") as file:
        file.attrs["last_completed_node"] = 3
        file["lightcones/brightness_temp"][...] = fields["brightness_temp"]
    capsys.readouterr()
    mixed = adopt(config.parse(settings), files, tmp_path / "mixed")
    assert f"{files[2]}: its brightness_temp has no velocity gradient" in capsys.readouterr().err
    assert mixed.fingerprint != whole.fingerprint
    assert mixed.design.remarks[0].startswith("In 1 of 6 light-cones lcinfer put the velocity")
    by_seed = [
        {line["seed"]: store.read(cones.store, index) for index, line in done.items()}
        for cones in (whole, mixed)
        for done in [journal.finished(cones.journal)]
    ]
    for seed, cube in by_seed[0].items():
        np.testing.assert_array_equal(by_seed[1][seed], cube)


def test_files_with_and_without_the_gradient_are_not_mixed(
    settings, files, tmp_path, capsys
) -> None:
    with h5py.File(files[2], "a") as file:
        del file["lightcones/los_velocity"]
    said = r"cone2.h5: .*no velocity gradient in it.*database.simulator.velocities is gradient"
    with pytest.raises(UserError, match=said):
        adopt(config.parse(settings), files, tmp_path / "results")
    settings["database"]["simulator"]["velocities"] = "none"
    with pytest.raises(UserError, match=r"^5 of 6 files cannot be adopted"):
        adopt(config.parse(settings), files, tmp_path / "results")
    assert f"{files[0]}: its brightness_temp has the velocity gradient" in capsys.readouterr().err


def test_what_was_adopted_before_velocities_were_asked_for_can_be_adopted_again(
    settings, files, tmp_path, capsys
) -> None:
    for number, path in enumerate(files):
        with h5py.File(path, "a") as file:
            plain = cone_files.physics(seed=number)["brightness_temp"]
            file["lightcones/brightness_temp"][...] = plain
    settings["database"]["simulator"]["velocities"] = "none"
    plain = adopt(config.parse(settings), files, tmp_path / "plain")
    table = json.loads((plain.directory / "adopted.json").read_bytes())
    assert table.keys() == {"light_cones", "inputs", "follows"}
    assert table["light_cones"][0].keys() == {"parameters", "seed", "sha256"}
    # The earlier lcinfer took them as they were, whatever the configuration said.
    settings["database"]["simulator"]["velocities"] = "gradient"
    settings["database"] |= {"adopted": plain.design.content["adopted"], "realizations": 6}
    capsys.readouterr()
    again = adopt(config.parse(settings), files, tmp_path / "again")
    assert "adopted without a look at velocities" in capsys.readouterr().err
    for index in range(6):
        np.testing.assert_array_equal(
            store.read(again.store, index), store.read(plain.store, index)
        )


def test_files_of_a_box_that_21cmfast_would_not_simulate_are_adopted(
    settings, files, tmp_path, write_config, capsys
) -> None:
    for path in files:
        put(path, "simulation_options", "BOX_LEN", 40.0)
        put(path, "simulation_options", "HIRES_TO_LOWRES_FACTOR", 2.0)
        with h5py.File(path, "a") as file:
            distance = file["lightcone_distances"]
            distance[...] = cone_files.FIRST + 2.5 * np.arange(len(distance))
    results = ["--results", str(tmp_path / "results")]
    with pytest.raises(SystemExit):  # every difference is named
        cli.main(["adopt", str(write_config(settings)), str(files[0]), *results])
    said = "BOX_LEN is 40.0, the configuration's is 48.0; HIRES_TO_LOWRES_FACTOR is 2.0, the conf"
    assert said in capsys.readouterr().err
    settings["database"]["box"] = {"cells": 16, "length": 40, "hires_factor": 2}
    settings["database"]["simulator"]["velocities"] = "gradient"
    settings["images"]["spacing"] = 5
    cli.main(["adopt", str(write_config(settings)), *map(str, files), *results])
    assert "6 light-cones" in capsys.readouterr().out


def test_boxes_given_in_other_ways_are_the_same_box(settings, files, tmp_path) -> None:
    for path, give in ((files[0], {"LOWRES_CELL_SIZE_MPC": 3.0}), (files[1], {})):
        with h5py.File(path, "a") as file:
            options = file["InputParameters/simulation_options"].attrs
            if give:
                del options["BOX_LEN"]
            else:
                del options["HIRES_TO_LOWRES_FACTOR"]
                options["DIM"] = 48
            options.update(give)
    cones = adopt(config.parse(settings), files, tmp_path / "results")
    assert verify(cones).checked == 6


def test_a_file_of_version_3_is_adopted(settings, tmp_path) -> None:
    path = cone_files.write_version_3(tmp_path / "three.h5", cone_files.physics())
    cones = adopt(config.parse(settings), [path], tmp_path / "results")
    assert cones.design.version == "3.4.0"
    (line,) = journal.finished(cones.journal).values()
    assert line["neutral_fraction"] == [1, 1, 1, 1]
