"""YAML that people write is read strictly."""

import subprocess
import sys
from pathlib import Path

import pytest

from lcinfer import config
from lcinfer.base import yamlfile
from lcinfer.base.errors import UserError
from lcinfer.doctor import profile

TWICE = """\
name: a
database:
  seed: 1
  box: {cells: 8, length: 48, cells: 16}
  seed: 2
'name': b
"""


def test_keys_that_are_there_twice_are_refused_with_both_lines(tmp_path):
    (tmp_path / "twice.yaml").write_text(TWICE)
    with pytest.raises(UserError) as error:
        config.load(tmp_path / "twice.yaml")
    for part in (
        "the key cells is in line 4 and in line 4",
        "the key seed is in line 3 and in line 5",
        "the key name is in line 1 and in line 6",
    ):
        assert part in str(error.value)


def test_a_profile_with_a_key_twice_is_refused_by_the_same_reader(tmp_path):
    (tmp_path / "config.yaml").write_text("cores: 2\ncores: 3\n")
    with pytest.raises(UserError, match="the key cores is in line 1 and in line 2"):
        profile.load(str(tmp_path))


def test_what_is_merged_may_be_overridden_and_the_same_key_stands_in_several_mappings(tmp_path):
    (tmp_path / "merged.yaml").write_text(
        "one: &one {a: 1, b: 2}\ntwo: &two {<<: *one, b: 3}\nthree: {<<: *two, a: 4, <<: *one}\n"
    )
    assert yamlfile.read(tmp_path / "merged.yaml") == {
        "one": {"a": 1, "b": 2},
        "two": {"a": 1, "b": 3},
        "three": {"a": 4, "b": 2},
    }


@pytest.mark.parametrize("how", ["latin", "folder", "missing", "twice"])
def test_snakemake_says_of_a_file_that_it_cannot_read_what_check_says(tmp_path, how):
    path = tmp_path / how
    if how == "latin":
        path.write_bytes("name: caf\xe9\n".encode("latin-1"))
    elif how == "twice":
        path.write_text(TWICE)
    elif how == "folder":
        path.mkdir()
    with pytest.raises(UserError) as error:
        config.load(path)
    asked = ["-n", "--configfile", str(path)]
    with pytest.raises(SystemExit) as ended:
        yamlfile.check_command_line(asked)
    assert ended.value.code == f"lcinfer: {error.value}"
    if how not in ("missing", "twice"):  # of which Snakemake by itself says something, or nothing
        return
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *asked],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [f"lcinfer: {error.value}"]


def test_other_arguments_of_snakemake_are_left_alone(tmp_path):
    yamlfile.check_command_line(["-n", "--config", "name=other", "--configure", str(tmp_path)])
    with pytest.raises(SystemExit, match=": a folder: give a configuration file"):
        yamlfile.check_command_line(["-n", f"--configfiles={tmp_path}", "--cores", "1"])
