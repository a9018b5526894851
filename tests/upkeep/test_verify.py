"""A database against its digests: whatever happened to it is found, by its light-cone."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import xarray
import zarr
from support import damage
from support.filling import complete, fill
from support.small import small_settings

from lcinfer import cli, config
from lcinfer.base import durable
from lcinfer.base.errors import UserError
from lcinfer.lightcones import journal, store
from lcinfer.products.run import Run
from lcinfer.stages import lightcones
from lcinfer.upkeep.repair import repair
from lcinfer.upkeep.verify import verify


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The results of a sealed database of twelve light-cones."""
    root = tmp_path_factory.mktemp("sound")
    complete(Run(config.parse(small_settings()), root).database)
    return root


@pytest.fixture
def cones(sound, tmp_path, settings):
    """A copy of it, to be damaged."""
    shutil.copytree(sound, tmp_path / "results", symlinks=True)
    return Run(config.parse(settings), tmp_path / "results").database


def named(report) -> set[int]:
    return {found.index for found in report.findings if found.index is not None}


@pytest.mark.parametrize("threads", [1, 3])
def test_a_sound_database_has_no_faults(cones, threads) -> None:
    report = verify(cones, threads)
    assert (report.findings, report.checked, report.unclaimed) == ([], 12, [])
    assert str(report) == "cones: 12 light-cones checked, all hold"


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "unsealed"])
@pytest.mark.parametrize("fault", damage.OF_LIGHT_CONES, ids=lambda fault: fault.__name__)
def test_the_light_cones_that_do_not_hold_are_named(cones, fault, sealed) -> None:
    if not sealed:
        cones.sealed.unlink()
    before = damage.content(cones.root)
    expected = fault(cones)
    assert damage.content(cones.root) != before
    report = verify(cones, threads=2)
    assert set(report.bad) == named(report) == expected
    for index in expected:
        assert f"light-cone {index}: {cones.directory}" in str(report)
    assert len(report.findings) == len(expected) + (fault is damage.garbled_line)
    assert str(report).count("\n") == len(report.findings)


@pytest.mark.parametrize("fault", damage.OF_THE_REST, ids=lambda fault: fault.__name__)
def test_what_is_wrong_beside_the_light_cones_is_found(cones, fault) -> None:
    before = damage.content(cones.root)
    expected = fault(cones)
    assert damage.content(cones.root) != before
    report = verify(cones)
    assert report.findings
    assert named(report) == expected


def test_what_is_as_it_was_written_is_not_decoded_unless_that_is_asked_for(cones) -> None:
    assert verify(cones, threads=2).decoded == 0
    assert verify(cones, decode=True).decoded == 12


def test_lines_of_before_files_had_digests_hold_by_their_voxels(cones) -> None:
    for index in (2, 7):
        damage.set_in_line(cones, index, lambda record: record.pop("stored"))
    report = verify(cones)
    assert (report.findings, report.decoded) == ([], 2)
    damage.flipped_bit(cones)
    damage.set_in_line(cones, 3, lambda record: record.pop("stored"))
    assert verify(cones).bad == [3]


def test_other_bytes_of_the_same_voxels_hold(cones) -> None:
    """As another version of the compressor writes them."""
    described = cones.store / store.CUBES / "zarr.json"
    metadata = json.loads(described.read_text())
    before = damage.shard(cones, 3).read_bytes()
    described.write_text(re.sub(r'"level": \d+', '"level": 19', described.read_text()))
    store.write(cones.store, 3, store.read(cones.store, 3), cones.simulation)
    durable.write_json(described, metadata)
    assert damage.shard(cones, 3).read_bytes() != before
    report = verify(cones)
    assert (report.findings, report.decoded) == ([], 1)


def test_files_that_are_as_they_were_do_not_hold_where_their_encoding_was_edited(cones) -> None:
    described = cones.store / store.CUBES / "zarr.json"
    described.write_text(described.read_text().replace("little", "big"))
    assert verify(cones).bad == list(range(12))


def test_metadata_that_a_user_consolidated_are_no_fault_and_kept_current(cones, settings) -> None:
    zarr.consolidate_metadata(cones.store)
    settings["database"]["realizations"] = 20
    grown = Run(config.parse(settings), cones.root).database
    lightcones.prepare(grown)
    lightcones.prepare(cones)  # which never shrinks it
    assert verify(cones).findings == []
    with xarray.open_zarr(cones.store) as opened:
        assert opened.sizes["light_cone"] == 20


def test_stale_consolidated_metadata_are_one_fault_that_a_repair_mends(cones) -> None:
    described = cones.store / "zarr.json"
    content = json.loads(described.read_text())
    for array in content["consolidated_metadata"]["metadata"].values():
        array["shape"] = [min(4, array["shape"][0]), *array["shape"][1:]]
    described.write_text(json.dumps(content))
    (found,) = verify(cones).findings
    assert (found.kind, found.path) == ("description", described)
    assert repair(cones, [found]).again == []
    assert verify(cones).findings == []
    with xarray.open_zarr(cones.store) as opened:
        assert opened.sizes["light_cone"] == 12


def test_histories_that_are_not_those_that_were_sealed_are_found(cones) -> None:
    expected = damage.edited_history(cones)
    assert set(verify(cones).bad) == expected
    cones.sealed.unlink()  # what was never sealed has nothing to be compared with
    assert verify(cones).findings == []


def test_a_line_whose_digest_alone_was_edited_is_told_from_damaged_voxels(cones) -> None:
    damage.edited_digest(cones)
    (found,) = verify(cones).findings
    assert found.path.name == "job0-0.jsonl:4"
    assert "000000-000004.json confirms" in found.what


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"fingerprint": 3}'])
def test_a_marker_that_says_nothing_is_a_finding(cones, damage) -> None:
    cones.sealed.write_bytes(damage)
    (found,) = verify(cones).findings
    assert (found.kind, found.path) == ("marker", cones.sealed)


def test_every_fault_of_several_is_found_at_once(cones) -> None:
    damage.flipped_bit(cones)
    damage.shard(cones, 5).unlink()
    damage.set_in_line(cones, 7, lambda record: record.update(seed=1))
    damage.edited_root_digest(cones)
    report = verify(cones)
    assert report.bad == [3, 5, 7]
    assert [found.index for found in report.findings] == [3, 5, 7], "the seal falls with them"


def test_what_is_no_fault_is_not_called_one(cones) -> None:
    path = next(cones.journal.glob("*.jsonl"))
    path.write_bytes(path.read_bytes() + b'{"index": 3, "dig')  # a killed writer's last line
    failed = journal.Journal(cones.journal, "failed")
    failed.append({"index": 5, "error": "died", "began": 1.0, "seconds": 1.0})
    failed.close()
    alive = damage.shard(cones, 3).with_name(f"0.{os.uname().nodename}.{os.getpid()}.partial")
    recent = damage.shard(cones, 3).with_name("0.elsewhere.17.partial")
    for file in (alive, recent, cones.directory / "notes.json"):
        file.write_bytes(b"half")
    assert verify(cones).findings == []


def test_the_partial_file_of_a_writer_that_was_killed_here_is_found_at_once(cones) -> None:
    script = (
        "import os, pathlib, sys\nfrom lcinfer.base import durable\n"
        "with durable.written_aside(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)"
    )
    shard = damage.shard(cones, 3)
    killed = subprocess.run([sys.executable, "-c", script, str(shard)], timeout=60)
    assert killed.returncode == -9
    assert len(list(shard.parent.glob(f"*{durable.SUFFIX}"))) == 1
    (found,) = verify(cones).findings
    assert (found.kind, found.index) == ("partial file", 3)


def test_data_without_a_line_will_be_made_again_and_are_no_fault(cones) -> None:
    shutil.rmtree(cones.done((0, 4)).parent)
    cones.sealed.unlink()
    damage.removed_line(cones)
    report = verify(cones)
    assert (report.findings, report.unclaimed, report.checked) == ([], [3], 11)
    assert "light-cone 3: its data are there, but no line" in str(report)


def test_two_writers_who_made_other_bytes_are_settled_by_what_is_there(cones) -> None:
    record = journal.finished(cones.journal)[3]
    other = journal.Journal(cones.journal, "twice")  # as on another CPU
    other.append({**record, "digest": "1" * 64, "began": record["began"] - 100})
    other.close()
    assert verify(cones).findings == [], "the later line is of what is there"


def test_light_cones_of_a_larger_configuration_are_read_too(cones, settings) -> None:
    settings["database"]["realizations"] = 16
    larger = Run(config.parse(settings), cones.root).database
    lightcones.prepare(larger)
    fill(larger, 12, 13)
    damage.shard(cones, 13).unlink()
    assert verify(cones).bad == verify(larger).bad == [13]
    assert verify(cones).checked == 14


def test_a_shard_that_cannot_be_read_is_not_called_bad(cones) -> None:
    damage.shard(cones, 3).unlink()
    damage.shard(cones, 3).mkdir()
    report = verify(cones)
    assert [(found.kind, found.index) for found in report.findings] == [("unreadable", 3)]
    assert report.bad == []


def test_verifying_changes_no_file(cones) -> None:
    damage.flipped_bit(cones)
    damage.edited_spec(cones)
    before = damage.content(cones.root)
    verify(cones)
    assert damage.content(cones.root) == before


def test_a_directory_that_is_no_database_is_one_line(cones, tmp_path) -> None:
    elsewhere = Run(config.parse(small_settings()), tmp_path / "empty").database
    with pytest.raises(UserError, match="no database here"):
        verify(elsewhere)
    elsewhere.directory.mkdir(parents=True)
    with pytest.raises(UserError, match="no database here"):
        verify(elsewhere)


@pytest.mark.parametrize("what", ["spec.json", "lightcones.zarr"])
def test_a_database_of_another_fingerprint_copied_in_is_one_line(cones, settings, what) -> None:
    settings["database"]["seed"] += 1
    other = Run(config.parse(settings), cones.root).database
    lightcones.prepare(other)
    there, here = cones.directory / what, other.directory / what
    if what == "spec.json":
        shutil.copy(there, here)
    else:
        shutil.rmtree(here)
        shutil.copytree(there, here)
    with pytest.raises(UserError, match=rf"database {cones.fingerprint[:10]}, not .*copied"):
        verify(other)


@pytest.mark.parametrize("name", ["zarr.json", f"{store.CUBES}/zarr.json"])
@pytest.mark.parametrize("damage", [None, b"{"], ids=["deleted", "truncated"])
def test_a_lost_description_of_the_store_is_one_line_that_says_what_helps(
    cones, name, damage
) -> None:
    described = cones.store / name
    if damage is None:
        described.unlink()
    else:
        described.write_bytes(damage)
    with pytest.raises(UserError, match=r"design.* writes it again and touches no light-cone"):
        verify(cones)
    described.unlink(missing_ok=True)
    lightcones.prepare(cones)
    assert verify(cones).bad == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}"])
def test_a_damaged_specification_is_one_line_for_every_verb(cones, settings, damage) -> None:
    cones.spec.write_bytes(damage)
    with pytest.raises(UserError, match=r"spec\.json is damaged: move it aside"):
        _ = Run(config.parse(settings), cones.root).database


@pytest.mark.parametrize("verb", ["verify", "repair", "status"])
def test_a_journal_that_cannot_be_read_is_one_line_and_not_an_empty_one(
    sound, settings, write_config, capsys, verb
) -> None:
    with TemporaryDirectory() as public:
        Path(public).chmod(0o755)
        root = shutil.copytree(sound, Path(public) / "results", copy_function=shutil.copy)
        root.chmod(0o755)
        path = shutil.copy(write_config(settings), public)
        locked = Run(config.parse(settings), root).database.journal
        locked.chmod(0)
        before = damage.content(root)
        with damage.as_another_user(), pytest.raises(SystemExit) as stopped:
            cli.main([verb, path, "--results", str(root)])
        assert damage.content(root) == before
    printed = capsys.readouterr()
    assert stopped.value.code == 1
    assert (printed.out, printed.err) == ("", f"lcinfer: {locked}: Permission denied\n")


def test_the_verb_prints_a_line_for_each_finding_and_exits_with_1(
    cones, settings, write_config, capsys
) -> None:
    arguments = ["verify", str(write_config(settings)), "--results", str(cones.root)]
    cli.main(arguments)
    assert capsys.readouterr().out == "cones: 12 light-cones checked, all hold\n"
    damage.swapped_shards(cones)
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["light-cone 3", "light-cone 9"]
    assert lines[2:] == ["cones: 12 light-cones checked, 2 faults, 2 light-cones do not hold"]
    with pytest.raises(SystemExit):
        cli.main([*arguments, "--json"])
    (report,) = json.loads(capsys.readouterr().out)
    assert [found["light_cone"] for found in report["findings"]] == [3, 9]
    assert report["checked"] == 12


def test_without_any_database_the_verb_is_one_line(
    settings, write_config, tmp_path, capsys
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["verify", str(write_config(settings)), "--results", str(tmp_path / "none")])
    assert stopped.value.code == 1
    assert "no database of this configuration is there yet" in capsys.readouterr().err
