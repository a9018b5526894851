"""The two configurations of the repository, and one clear line for each mistake."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lcinfer import cli, config
from lcinfer.base.errors import UserError
from lcinfer.cli.arguments import check_settings
from lcinfer.config.sections import Optimiser
from lcinfer.products.run import Run

HERE = Path(__file__).parents[1] / "config"
ENGINE = "lcinfer.simulate:simulate"


@pytest.fixture(scope="module")
def paper():
    return config.load(HERE / "config.yaml")


def test_the_default_configuration_has_the_papers_database(paper) -> None:
    database = paper.database
    assert (database.realizations, database.sampling) == (10_000, "uniform")
    assert (database.box.cells, database.box.length, database.box.cell_size) == (200, 300.0, 1.5)
    assert (database.lightcone.z_min, database.lightcone.cells) == (6.0, 2200)
    assert database.prior == {
        "HII_EFF_FACTOR": (10, 250),
        "ION_Tvir_MIN": (4, 6),
        "L_X": (38, 42),
        "NU_X_THRESH": (100, 1500),
    }
    assert database.cosmology.model_dump() == {
        "hlittle": 0.68,
        "OMm": 0.31,
        "OMb": 0.048,
        "POWER_INDEX": 0.97,
        "SIGMA_8": 0.81,
    }


def test_the_default_configuration_has_the_papers_images_and_split(paper) -> None:
    images = paper.images
    assert (images.slices, images.spacing, images.halves, images.axes) == (5, 60, 2, ("x",))
    assert images.per_lightcone == 10
    assert paper.image_shape == (100, 2200)
    assert (paper.split.validation, paper.split.test) == (1000, 1000)


def test_the_default_configuration_has_both_of_the_papers_trainings(paper) -> None:
    assert {name: run.images for name, run in paper.trainings.items()} == {
        "ten_images": 10,
        "one_image": 1,
    }
    for training in paper.trainings.values():
        assert (training.epochs, training.batch, training.network.dropout) == (100, 200, 0.2)
        assert [(w.filters, w.kernel, w.pool) for w in training.network.windows] == [
            (8, (10, 10), (2, 2)),
            (16, (10, 10), (2, 2)),
        ]
        assert training.network.dense == (64, 16, 8)


def test_the_default_mocks_are_faint_and_bright_galaxies(paper) -> None:
    viral = {name: 10 ** paper.mocks[name].parameters["ION_Tvir_MIN"] for name in paper.mocks}
    assert viral["FAINT"] == pytest.approx(5e4, rel=1e-5)
    assert viral["BRIGHT"] == pytest.approx(3e5, rel=1e-5)


def test_the_demo_shares_the_papers_prior_and_cosmology(paper) -> None:
    demo = config.load(HERE / "demo.yaml")
    assert demo.database.prior == paper.database.prior
    assert demo.database.cosmology == paper.database.cosmology
    assert demo.training_images(demo.trainings["all_images"]) == demo.images.per_lightcone == 16


NETWORK = "trainings.all_images.network"
# (key to set, value, what the line must say: key, value, and what is allowed)
MISTAKES = [
    ("datbase", 1, ["datbase", "unknown key", "database"]),
    ("database.box.cels", 8, ["database.box.cels", "unknown key", "cells"]),
    ("trainings.all_images.optimiser", {"lr": 1}, ["trainings.all_images.optimiser.lr", "unknown"]),
    ("database.realizations", "many", ["database.realizations", "'many'", "whole number"]),
    ("database.realizations", 2.5, ["database.realizations", "2.5", "whole number"]),
    ("database.box.length", "wide", ["database.box.length", "'wide'", "should be a number"]),
    ("database.box.length", float("inf"), ["database.box.length", "inf", "finite"]),
    ("images.spacing", float("nan"), ["images.spacing", "nan", "finite"]),
    ("database.seed", -1, ["database.seed", "-1", "greater than or equal to 0"]),
    ("database.prior.L_X", [42, 38], ["database.prior", "L_X", "low 42 is not below high 38"]),
    ("database.prior.L_X", [40, 40], ["database.prior", "L_X", "low 40 is not below high 40"]),
    ("database.prior.L_X", [40], ["database.prior.L_X", "too few", "[40]"]),
    ("database.prior.L_X", 40, ["database.prior.L_X", "should be a list", "40"]),
    ("database.prior", {}, ["database.prior", "at least 1", "{}"]),
    ("database.sampling", "lhs", ["database.sampling", "'lhs'", "'uniform' or 'sobol'"]),
    ("database.simulator.engine_version", 4.1, ["engine_version", "4.1", "in quotes"]),
    (
        "database.simulator.engine",
        "simulate",
        ["engine: should be 21cmfast, torch or", "'simulate'"],
    ),
    ("database.adopted", "mine", ["database.adopted", "64 digits", "lcinfer adopt", "'mine'"]),
    ("database.storage", {"keep_bits": 24}, ["database.storage.keep_bits", "24", "equal to 23"]),
    ("database", None, ["database", "None", "a section"]),
    ("split.test", 10, ["split", "2 ", "10 ", "12 for training"]),
    ("images.spacing", 10, ["images.spacing", "10 Mpc", "whole number", "6 Mpc"]),
    ("images.slices", 5, ["images", "5 slices", "need a box of 60 Mpc", "database.box.length"]),
    ("images.halves", 3, ["images.halves 3", "does not divide", "8 cells"]),
    ("images.axes", ["z"], ["images.axes", "'z'", "'x' or 'y'"]),
    ("images.axes", ["x", "x"], ["images.axes", "twice", "x, x"]),
    ("images.line_of_sight_cells", 41, ["images.line_of_sight_cells 41", "40 cells"]),
    (f"{NETWORK}.convolutions", [{"filters": 1, "kernel": 9}], [NETWORK, "9x9", "8x40"]),
    (f"{NETWORK}.convolutions", [{"filters": 1, "kernel": [1]}], ["0.kernel", "[1]", "number or"]),
    (f"{NETWORK}.slices", 8, [NETWORK, "slices is for a filter_bank, not for gillet2019"]),
    (f"{NETWORK}.architecture", "gillet", [f"{NETWORK}.architecture", "'gillet2019'", "'gillet'"]),
    (f"{NETWORK}.head", {"kind": "flow"}, [f"{NETWORK}.head.kind", "'regression'", "'flow'"]),
    (
        f"{NETWORK}.head",
        {"kind": "posterior", "base": "validation"},
        [f"{NETWORK}.head.base", "4 parameters need 40 validation light-cones"],
    ),
    (NETWORK, "gillet2019", [NETWORK, "a section", "'gillet2019'"]),
    (
        NETWORK,
        {"architecture": "dense", "head": {"kind": "posterior", "base": "foo"}},
        [f"{NETWORK}.head.base", "'validation'", "'foo'"],
    ),
    (NETWORK, {"architecture": "dense", "dense": [0]}, [f"{NETWORK}.dense.0", "greater than 0"]),
    ("trainings.all_images.frozen_batch_norm", 1, ["all_images.frozen_batch_norm", "less than 1"]),
    ("trainings.all_images.images", "some", ["trainings.all_images.images", "'some'", "'all'"]),
    ("trainings.all_images.images", 5, ["trainings.all_images.images 5", "4 images"]),
    ("trainings.all_images.batch", 1, ["trainings.all_images.batch", "not 1", "equal to 2"]),
    ("trainings", {}, ["trainings", "{}", "at least 1"]),
    ("trainings.examples", {}, ["trainings", "'examples'"]),
    ("mocks.FAINT.parameters", {"L_X": 40}, ["mocks.FAINT.parameters lacks", "NU_X_THRESH, which"]),
    ("mocks.A/B", {"parameters": {}}, ["mocks.A/B", "letters, digits"]),
    ("name", "a/b", ["name", "'a/b'", "letters, digits"]),
    ("database.name", "a-b", ["database.name", "'a-b'", "letters, digits"]),
    ("figures.formats", ["gif"], ["figures.formats", "'gif'", "'png', 'pdf' or 'svg'"]),
    ("figures.brightness_range", [30, -150], ["figures.brightness_range", "30", "below"]),
]


def put(settings, key, value):
    *path, last = key.split(".")
    for part in path:
        settings = settings[part]
    settings[last] = value


def line_about(path, capsys) -> str:
    """The one line that `lcinfer check` says."""
    (line,) = lines_about(path, capsys)
    return line


def lines_about(path, capsys) -> list[str]:
    """The lines of a `lcinfer check` that refuses."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(["check", str(path)])
    said = capsys.readouterr()
    assert stopped.value.code == 1
    assert said.out == ""
    assert said.err.startswith("lcinfer: ")
    return said.err.splitlines()


@pytest.mark.parametrize(("key", "value", "says"), MISTAKES, ids=lambda item: str(item)[:40])
def test_a_mistake_is_one_line_with_key_value_and_what_is_allowed(
    settings, write_config, capsys, key, value, says
) -> None:
    put(settings, key, value)
    path = write_config(settings)
    line = line_about(path, capsys)
    for part in [str(path), *says]:
        assert part in line


@pytest.mark.parametrize("key", ["name", "database", "split", "split.test", "database.box.cells"])
def test_a_missing_key_is_named(settings, write_config, capsys, key) -> None:
    *path, last = key.split(".")
    section = settings
    for part in path:
        section = section[part]
    del section[last]
    assert f"{key}: this key is required" in line_about(write_config(settings), capsys)


def test_several_mistakes_are_all_listed_and_the_likely_typo_comes_first(
    settings, write_config, capsys
) -> None:
    put(settings, "database.seed", "x")
    put(settings, "images.halfs", 2)
    put(settings, "images.slices", 0)
    first, *each = lines_about(write_config(settings), capsys)
    assert first.endswith("config.yaml: 3 mistakes")
    assert [line.split(":")[0].strip() for line in each] == [
        "images.halfs",
        "database.seed",
        "images.slices",
    ]
    assert "did you mean halves?" in each[0]


def test_mistakes_that_only_the_whole_shows_are_all_listed(settings, write_config, capsys) -> None:
    put(settings, "split.test", 10)
    put(settings, "images.spacing", 10)
    put(settings, "figures.examples", ["FAIT"])
    first, *each = lines_about(write_config(settings), capsys)
    assert first.endswith("3 mistakes")
    assert "figures.examples: there is no mock FAIT (did you mean FAINT?)" in each[0]
    assert {line.split()[0].rstrip(":") for line in each[1:]} == {"split", "images.spacing"}


def test_a_name_misspelt_in_the_prior_comes_before_the_mocks_that_lack_it(
    settings, write_config, capsys
) -> None:
    prior = settings["database"]["prior"]
    prior["NU_X_TRESH"] = prior.pop("NU_X_THRESH")
    lines = lines_about(write_config(settings), capsys)
    assert "database.prior: no mock has NU_X_TRESH (did you mean NU_X_THRESH?)" in lines[1]
    lacks = "mocks.FAINT.parameters lacks NU_X_TRESH, which the prior varies"
    assert lines[2].endswith(f"{lacks}, and has NU_X_THRESH, which it does not vary")


ENGINES = {"21cmFAST": ENGINE, "another": "support.standin:simulate"}


@pytest.mark.parametrize(
    ("cosmology", "line"),
    [
        ({"OMm": 0.04}, "database.cosmology: OMb 0.048 must be < OMm 0.04: baryons are matter"),
        ({"SIGMA_8": 20}, "database.cosmology.SIGMA_8: should be less than 5, not 20"),
    ],
)
@pytest.mark.parametrize("engine", ["21cmfast", "torch"])
def test_an_impossible_universe_is_one_line_whatever_the_engine(
    settings, write_config, capsys, cosmology, line, engine
) -> None:
    settings["database"]["simulator"]["engine"] = engine
    settings["database"]["cosmology"] = cosmology
    with pytest.raises(SystemExit):
        cli.main(["check", str(write_config(settings))])
    assert capsys.readouterr().err.removesuffix("\n").endswith(f"config.yaml: {line}")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["OMm", "OMb", "hlittle", "BOX_LEN", "HII_DIM"])
def test_what_decides_where_cells_lie_is_varied_with_no_engine(settings, engine, name) -> None:
    settings["database"]["simulator"]["engine"] = ENGINES[engine]
    vary(settings, name)
    with pytest.raises(UserError, match=rf"database\.prior: {name} cannot be varied: .*database\."):
        config.parse(settings)


@pytest.mark.parametrize("name", ["SIGMA_8", "POWER_INDEX", "F_STAR10"])
def test_what_moves_no_cell_may_be_varied(settings, name) -> None:
    settings["database"]["simulator"]["engine"] = ENGINE
    vary(settings, name)
    assert name in config.parse(settings).database.prior


def test_a_run_that_was_made_with_such_a_prior_is_still_read(settings) -> None:
    vary(settings, "OMb")
    assert "OMb" in config.parse(settings, recorded=True).database.prior


def vary(settings, name) -> None:
    settings["database"]["prior"][name] = [0.2, 0.4]
    settings["mocks"]["FAINT"]["parameters"][name] = 0.3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it holds no keys"),
        ("# nothing but this\n", "it holds no keys"),
        ("just a text", "it holds no keys"),
        ("name: [1, 2", "not YAML"),
        ("name: a\n\tdatabase: b", "not YAML"),
        (b"\xff\xfe\x00", "not YAML"),
        ("a: 1\nb: caf\xe9\n".encode("latin-1"), "not YAML: line 2 is not UTF-8"),
        ("day: 2026-13-01", "not YAML"),
    ],
)
def test_a_file_that_is_no_configuration_is_one_line(tmp_path, capsys, content, says) -> None:
    path = tmp_path / "strange.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = line_about(path, capsys)
    assert str(path) in line
    assert says in line


def test_a_missing_file_and_a_directory_are_one_line(tmp_path, capsys) -> None:
    assert line_about(tmp_path / "none.yaml", capsys).endswith("none.yaml: no such file")
    assert line_about(tmp_path, capsys).endswith(f"{tmp_path}: a folder: give a configuration file")


def test_what_is_there_in_place_of_a_missing_file_or_of_a_folder_is_said(tmp_path, capsys) -> None:
    product = tmp_path / "demo-0123456789"
    product.mkdir()
    for path in (tmp_path / "demo.yaml", tmp_path / "other.yaml", product / "spec.json"):
        path.write_text("")
    assert "no such file; there is demo.yaml" in line_about(tmp_path / "demo.yml", capsys)
    assert "file, as demo.yaml, other.yaml in it" in line_about(tmp_path, capsys)
    assert "give the configuration file that demo was made from" in line_about(product, capsys)


def test_a_box_too_small_for_its_bubbles_is_refused(settings, write_config, capsys) -> None:
    simulator = settings["database"]["simulator"]
    simulator["engine"] = ENGINE
    settings["database"]["box"]["length"], settings["images"]["spacing"] = 44, 11
    line = line_about(write_config(settings), capsys)
    for part in ("box.length 44 Mpc", "R_BUBBLE_MAX = 15", "at least 45 Mpc"):
        assert part in line

    def check(settings) -> None:
        check_settings(Run(config.parse(settings), "results"), Path("my.yaml"))

    check(settings | {"database": {**settings["database"], "adopted": 64 * "0"}, "mocks": {}})
    simulator["options"] = {"R_BUBBLE_MAX": 10}
    check(settings)


def test_another_version_of_21cmfast_is_one_line(settings, write_config, capsys) -> None:
    simulator = settings["database"]["simulator"]
    simulator |= {"engine": ENGINE, "engine_version": "3.0.0"}
    line = line_about(write_config(settings), capsys)
    assert "engine_version is 3.0.0, but the installed 21cmfast is " in line


def test_a_mistake_ends_the_program_without_a_traceback_and_writes_nothing(tmp_path) -> None:
    demo = yaml.safe_load((HERE / "demo.yaml").read_text())
    demo["split"]["test"] = 1000
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(demo))
    for verb in (["check", "wrong.yaml"], ["design", "wrong.yaml", "demo"]):
        ended = subprocess.run(
            [sys.executable, "-m", "lcinfer", *verb],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stdout) == (1, "")
        assert len(ended.stderr.splitlines()) == 1
        assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


def test_an_unset_section_has_its_defaults_and_nothing_can_be_changed_later(settings) -> None:
    parsed = config.parse(settings)
    assert parsed.trainings["all_images"].optimiser == Optimiser()
    with pytest.raises(ValueError, match="frozen"):
        parsed.database.seed = 1


@pytest.mark.parametrize(
    ("file", "verb"),
    [("schema.json", ["schema"]), ("README.md", ["schema", "--markdown"])],
)
def test_the_generated_reference_in_the_repository_is_that_of_the_code(file, verb, capsys) -> None:
    cli.main(verb)
    kept = (HERE / file).read_text(encoding="utf-8")
    again = f"regenerate it: lcinfer {' '.join(verb)} > config/{file}"
    assert kept == capsys.readouterr().out, again


def test_the_schema_requires_what_the_configuration_requires() -> None:
    schema = json.loads((HERE / "schema.json").read_text(encoding="utf-8"))
    assert schema["required"] == ["name", "database", "split", "trainings"]


def test_the_order_of_trainings_decides_nothing_not_even_the_rows_of_tables(settings) -> None:
    training = settings["trainings"]["all_images"]
    settings["trainings"] = {"second": {**training, "seed": 2}, "first": training}
    assert list(config.parse(settings).trainings) == ["first", "second"]


def test_no_velocity_gradients_means_no_velocities_and_goes_with_no_other_treatment(
    settings,
) -> None:
    simulator = settings["database"]["simulator"]
    assert config.parse(settings).database.simulator.treatment == "gradient"
    simulator["velocity_gradients"] = False
    assert config.parse(settings).database.simulator.treatment == "none"
    for velocities in ("shift", "none"):
        simulator["velocities"] = velocities
        with pytest.raises(UserError, match="velocity_gradients: false already means"):
            config.parse(settings)
        simulator["velocity_gradients"] = True
        assert config.parse(settings).database.simulator.treatment == velocities
        simulator["velocity_gradients"] = False
