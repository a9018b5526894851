"""The command line: help with an example, one line for every mistake, the rules' own steps."""

import errno
import os
import platform
from argparse import ArgumentParser
from pathlib import Path

import pytest
from support.filling import fill

import lcinfer
from lcinfer import cli, config
from lcinfer.products.run import Run
from lcinfer.simulator import installation as engine

CONFIG = Path(__file__).parents[1] / "config"


STAGES = [
    *("design", "simulate", "seal", "images", "spectra", "train"),
    *("evaluate", "compare", "mcmc", "figures", "summary"),
]
LATER = {"spectra", "mcmc"}  # stages that never were verbs


def below(parser) -> dict[str, ArgumentParser]:
    """The verbs of a command line by their names."""
    return parser._subparsers._group_actions[0].choices


def verbs() -> list[str]:
    named = below(cli.parser())
    return [*named, *(f"stage {name}" for name in below(named["stage"]))]


def helped(capsys, *arguments) -> str:
    """A help text, words apart."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([*arguments, "--help"])
    assert stopped.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_lists_the_verbs_for_people_in_groups_and_what_rules_call_below_stage(capsys) -> None:
    listed = helped(capsys)
    verbs = ("check", "doctor", "plan", "status", "diff", "scores", "infer", "audit", "merge")
    groups = ["before a run:", "while it runs:", "after an edit:", "results:"]
    assert sorted(groups, key=listed.index) == groups
    assert all(f" {verb} " in listed for verb in verbs)
    assert " simulate " not in listed
    assert list(below(below(cli.parser())["stage"])) == STAGES
    assert set(STAGES) - LATER == cli.stage.STAGES, "those that once were verbs"
    assert all(f" {stage} " in helped(capsys, "stage") for stage in STAGES)


def test_without_a_verb_or_a_stages_name_or_by_help_the_help_is_printed(capsys) -> None:
    assert " ".join(said(capsys).split()) == helped(capsys)
    assert " ".join(said(capsys, "stage").split()) == helped(capsys, "stage")
    for words in ([], ["scores"], ["stage", "train"]):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["help", *words])
        assert stopped.value.code == 0
        assert " ".join(capsys.readouterr().out.split()) == helped(capsys, *words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("chekc demo.yaml", "lcinfer: there is no verb chekc (did you mean check?): see"),
        ("stage trian", "lcinfer stage: there is no verb trian (did you mean train?): see"),
        ("zzz", "lcinfer: there is no verb zzz: see `lcinfer --help`"),
        ("scores", "lcinfer scores: the following arguments are required: CONFIG: see"),
        ("scores demo.yaml x --y", "lcinfer scores: unrecognized arguments: x --y: see"),
        ("--nope", "lcinfer: unrecognized arguments: --nope: see `lcinfer --help`"),
        ("infer a b c --device gpu", "argument --device: 'gpu' is not cpu, cuda or cuda:N"),
        ("infer a b c --confidence x", "--confidence: 'x' is not a number between 0 and 1: see"),
        ("infer a b c --confidence 1", "--confidence: '1' is not a number between 0 and 1: see"),
        ("infer a b c --threads 0", "--threads: '0' is not a whole number above 0: see"),
        ("verify demo.yaml --threads -1", "--threads: '-1' is not a whole number above 0: see"),
        ("stage mcmc demo.yaml a --threads 0", "--threads: '0' is not a whole number above 0"),
        ("repair demo.yaml --most -1", "--most: '-1' is not a whole number, 0 or more: see"),
        ("doctor --nodes 0", "--nodes: '0' is not a whole number above 0: see"),
        ("doctor --limit 0", "--limit: '0' is not a number above 0: see"),
        ("crate demo.yaml --largest -3", "--largest: '-3' is not a number above 0: see"),
        ("audit demo.yaml --tolerance nan", "--tolerance: 'nan' is not a number, 0 or more: see"),
        (f"check demo.yaml --results {__file__}", "test_cli.py is a file, and a folder is meant"),
        (f"move demo.yaml demo --to {__file__}", "test_cli.py is a file, and a folder is meant"),
    ],
)
def test_a_command_line_that_cannot_be_parsed_is_one_line(words, says, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(words.split())
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out) == (2, "")
    assert printed.err.startswith("lcinfer")
    assert says in printed.err
    assert printed.err.count("\n") == 1


def test_the_version_is_that_of_lcinfer_21cmfast_and_python(capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code in (0, None)
    printed = capsys.readouterr().out
    assert printed.startswith(f"lcinfer {lcinfer.__version__}, ")
    assert engine.installed() in printed
    assert printed.endswith(f", Python {platform.python_version()}\n")


@pytest.mark.parametrize("stage", sorted({*STAGES} - LATER))
def test_a_stage_that_is_called_as_a_verb_is_the_stage(stage, capsys) -> None:
    assert helped(capsys, stage) == helped(capsys, "stage", stage)


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_has_help_with_an_example_of_itself(verb, capsys) -> None:
    text = helped(capsys, *verb.split())
    _, _, example = text.partition(f"example: lcinfer {verb}")
    assert text.count(f"example: lcinfer {verb}") == 1
    named = (CONFIG.parent / example.split()[0]) if example else CONFIG
    assert named.exists() or verb in {"audit", "stage"}, "a result is there only after a run"
    assert example or verb == "schema"


def test_an_example_can_be_copied_as_one_line(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(SystemExit):
        cli.main(["infer", "--help"])
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("example: lcinfer infer ")
    assert last.endswith(" --out recovered.csv")


@pytest.mark.parametrize("verb", verbs())
def test_the_example_of_every_verb_can_be_parsed_and_names_what_its_configuration_makes(
    verb, capsys, monkeypatch
) -> None:
    example = helped(capsys, *verb.split()).partition("example: lcinfer ")[2].split()
    options = cli.parser().parse_args(example)
    if hasattr(options, "config"):
        monkeypatch.chdir(CONFIG.parent)
        run = Run(config.load(options.config))
        known = {product.name for product in run.by_directory.values()}
        known |= {name for named in run.by_kind.values() for name in named}
        for name in ("database", "training", "what"):
            assert getattr(options, name, None) in {None, *known}


def said(capsys, *arguments) -> str:
    """What is printed by a verb that can do its work."""
    cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def refused(capsys, *arguments) -> str:
    """The one line of a verb that cannot do its work."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out) == (1, "")
    assert printed.err.startswith("lcinfer: ")
    assert printed.err.count("\n") == 1
    return printed.err


def test_the_papers_networks_have_10_023_604_weights_and_the_sizes_of_table_1(capsys) -> None:
    printed = said(capsys, "network", CONFIG / "config.yaml")
    assert printed.count("10,023,604") == 2
    for size in ("8 x 91 x 2,191", "8 x 45 x 1,095", "16 x 36 x 1,086", "16 x 18 x 543", "156,384"):
        assert printed.count(size) >= 2, size
    alone = said(capsys, "network", CONFIG / "config.yaml", "one_image")
    assert alone.count("10,023,604") == 1


def test_check_says_what_the_papers_configuration_makes(capsys, monkeypatch) -> None:
    monkeypatch.setattr(engine, "QUIET_SECONDS", 60.0)  # on a busy machine too
    printed = said(capsys, "check", CONFIG / "config.yaml")
    for part in (
        "10000 light-cones of 200x200x2200 cells of 1.5 Mpc",
        "z = 6.00 to 34.17",
        "10 of 100x2200 cells",
        "1000 validation, 1000 test, 8000 training",
        "one_image, ten_images",
        "A2_BOTTOM (1), A2_TOP (1), BRIGHT (10), FAINT (10)",
    ):
        assert part in printed


@pytest.mark.parametrize("verb", STAGES[:-1])
def test_a_name_that_the_configuration_does_not_make_is_one_line(
    verb, settings, write_config, capsys
) -> None:
    line = refused(capsys, "stage", verb, write_config(settings), "nobody")
    assert "makes no" in line
    assert "nobody; it makes " in line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            "network CONFIG all_image",
            "no training all_image (did you mean all_images?); there are all_images",
        ),
        ("infer CONFIG FAINT cone.h5", "there is no training FAINT; there are all_images"),
        ("verify CONFIG FANT", "no database FANT (did you mean FAINT?); there are cones, "),
        ("repair CONFIG nobody", "there is no database nobody; there are cones, "),
        ("attach CONFIG nobody --database .", "there is no database nobody; there are cones, "),
        ("subset CONFIG nobody --realizations 1 --to x", "no database nobody; there are cones, "),
    ],
)
def test_a_name_that_somebody_misspelt_is_said_with_what_there_is_and_no_word_of_jobs(
    words, says, settings, write_config, capsys
) -> None:
    path = write_config(settings)
    line = refused(capsys, *(path if word == "CONFIG" else word for word in words.split()))
    assert line.startswith("lcinfer: in this configuration there is no ")
    assert says in line
    assert "job" not in line


def test_infer_says_what_it_takes(capsys) -> None:
    for words in ((), ("config.yaml",), ("config.yaml", "all"), ("--checkpoint", "checkpoint.pt")):
        assert "infer takes CONFIG TRAINING FILE..., or" in refused(capsys, "infer", *words)


def test_infer_says_before_it_begins_that_it_cannot_write(tmp_path, capsys) -> None:
    (tmp_path / "file").write_text("")
    line = refused(capsys, "infer", "a", "b", "c", "--out", tmp_path / "file" / "table.csv")
    assert line == f"lcinfer: {tmp_path / 'file'}: File exists\n"


def test_a_product_can_be_named_with_or_without_its_fingerprint(
    settings, write_config, capsys, tmp_path
) -> None:
    path, root = write_config(settings), tmp_path / "results"
    run = Run(config.parse(settings), root)
    said(capsys, "design", path, "FAINT", "--results", root)
    said(capsys, "design", path, run.database.directory.name, "--results", root)
    assert run.database.prepared.exists()
    assert run.mocks["FAINT"].prepared.exists()


@pytest.mark.parametrize("block", ["4", "4-", "a-b", "4-4", "8-4"])
def test_a_block_that_is_no_range_is_a_usage_error(settings, write_config, capsys, block) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["simulate", str(write_config(settings)), "cones", "--block", block])
    assert stopped.value.code == 2
    assert "START" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["simulate", "images"])
def test_a_block_beyond_the_database_is_one_line(settings, write_config, capsys, verb) -> None:
    line = refused(capsys, verb, write_config(settings), "cones", "--block", "8-16")
    assert "--block 8-16: cones has 12 light-cones" in line


@pytest.mark.parametrize(
    ("verb", "says"),
    [("seal", "12 of light-cones 0 to 11 are not finished"), ("images", "no light-cones here")],
)
def test_a_step_before_its_time_is_one_line(
    settings, write_config, capsys, tmp_path, verb, says
) -> None:
    line = refused(capsys, verb, write_config(settings), "cones", "--results", tmp_path / "empty")
    assert says in line
    assert not (tmp_path / "empty").exists()


def test_design_seal_and_images_make_what_the_rules_wait_for(
    settings, write_config, capsys, tmp_path
) -> None:
    path, root = write_config(settings), tmp_path / "results"
    run = Run(config.parse(settings), root)
    said(capsys, "design", path, "cones", "--results", root)
    fill(run.database)
    said(capsys, "seal", path, "cones", "--results", root)
    said(capsys, "images", path, "cones", "--results", root, "--step", "prepare")
    said(capsys, "images", path, "cones", "--results", root, "--step", "cut", "--block", "4-8")
    assert run.database_images.done((4, 8)).exists()
    assert not run.database_images.done((0, 4)).exists()
    said(capsys, "images", path, "cones", "--results", root)
    assert run.database.sealed.exists()
    assert run.database_images.sealed.exists()
    assert all(run.database_images.done(span).exists() for span in run.database_images.spans)


@pytest.mark.parametrize(
    ("number", "where"),
    [(errno.EROFS, ("results/runs",)), (errno.ENOSPC, ()), (errno.EACCES, ("results",))],
)
def test_what_the_disk_refuses_is_one_line(number, where, tmp_path, monkeypatch, capsys) -> None:
    def _check(_options) -> None:
        raise OSError(number, os.strerror(number), *where)

    monkeypatch.setattr(cli.begin, "_check", _check)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["check", str(CONFIG / "demo.yaml")])
    assert stopped.value.code == 1
    line = ": ".join(["lcinfer", *where, os.strerror(number)])
    assert capsys.readouterr().err == f"{line}\n"


def test_any_other_fault_of_the_system_is_shown_whole(monkeypatch) -> None:
    def _check(_options) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(cli.begin, "_check", _check)
    with pytest.raises(OSError, match="Bad file descriptor"):
        cli.main(["check", str(CONFIG / "demo.yaml")])
