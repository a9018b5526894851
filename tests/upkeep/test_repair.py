"""After a repair the ordinary campaign makes again what did not hold, and nothing else."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from support import damage
from support.damage import go_on
from support.filling import complete, fill
from support.small import small_settings

from lcinfer import cli, config
from lcinfer.base.errors import UserError
from lcinfer.engines.function import Function
from lcinfer.lightcones import journal, store
from lcinfer.products.run import Run
from lcinfer.records.record import DIRECTORY as RECORDS
from lcinfer.stages import images, lightcones
from lcinfer.upkeep import repair as repairing
from lcinfer.upkeep.findings import Finding
from lcinfer.upkeep.repair import repair
from lcinfer.upkeep.verify import verify

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The results of a sealed database of twelve light-cones, and its images."""
    run = Run(config.parse(small_settings()), tmp_path_factory.mktemp("sound") / "results")
    complete(run.database)
    cut(run)
    return run


@pytest.fixture
def run(sound, tmp_path, settings):
    """A copy of it, to be damaged."""
    shutil.copytree(sound.root, tmp_path / "results", symlinks=True)
    return Run(config.parse(settings), tmp_path / "results")


@pytest.fixture
def cones(run):
    return run.database


def cut(run) -> None:
    """What the workflow does for the images that are missing."""
    image_set = run.database_images
    if not image_set.prepared.exists():
        images.prepare(image_set)
    for span in image_set.spans:
        if not image_set.done(span).exists():
            images.cut_block(image_set, span)
    images.seal(image_set)


def made(cones) -> dict[str, bytes | str]:
    """All that is said and held of the light-cones but times: shards, markers, columns."""
    kept = {}
    beside = ("journal/", f"{RECORDS}/", f"{repairing.QUARANTINE}/")
    for path in sorted(cones.directory.rglob("*")):
        name = path.relative_to(cones.directory).as_posix()
        if path.is_file() and not name.startswith(beside):
            # The order of attributes is their history.
            text = path.read_bytes()
            kept[name] = json.dumps(json.loads(text), sort_keys=True) if "json" in name else text
    return kept


def attempts(cones) -> Counter:
    """How often each light-cone was simulated, as the journal has it."""
    return Counter(record["index"] for record in journal.records(cones.journal))


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "unsealed"])
@pytest.mark.parametrize("fault", damage.OF_LIGHT_CONES, ids=lambda fault: fault.__name__)
def test_just_what_does_not_hold_is_made_again_with_the_same_bytes(
    cones, sound, fault, sealed
) -> None:
    if not sealed:
        cones.sealed.unlink()
    bad = fault(cones)
    before = attempts(cones)
    lines = {path: path.read_bytes() for path in cones.journal.iterdir()}
    done = repair(cones, verify(cones).findings)
    assert set(done.again) == bad
    assert journal.finished(cones.journal).keys() == set(range(12)) - bad
    assert {path: path.read_bytes() for path in lines} == lines, "the journal only grows"
    go_on(cones)
    assert attempts(cones) - before == Counter(bad)
    assert verify(cones).findings == []
    assert made(cones) == made(sound.database)


@pytest.mark.parametrize("fault", damage.OF_THE_REST, ids=lambda fault: fault.__name__)
def test_what_is_wrong_beside_the_light_cones_is_mended_without_a_simulation(
    cones, sound, fault
) -> None:
    fault(cones)
    before = attempts(cones)
    assert repair(cones, verify(cones).findings).again == []
    go_on(cones)
    assert attempts(cones) == before
    assert verify(cones).findings == []
    assert made(cones) == made(sound.database)


def test_of_histories_that_disagree_the_light_cone_is_made_again(cones, sound) -> None:
    bad = damage.edited_history(cones)
    assert set(repair(cones, verify(cones).findings).again) == bad
    go_on(cones)
    assert verify(cones).findings == []
    assert made(cones) == made(sound.database)


def test_a_line_moved_to_another_index_costs_the_one_that_it_was_of(cones, sound) -> None:
    damage.set_in_line(cones, 3, lambda record: record.update(index=9, began=2e9))
    before = attempts(cones)
    report = verify(cones)
    assert report.bad == [3, 9]
    done = repair(cones, report.findings)
    assert done.again == [3], "of 9 another line holds"
    go_on(cones)
    assert attempts(cones) - before == Counter([3])
    assert verify(cones).findings == []
    assert made(cones) == made(sound.database)


def test_of_two_writers_the_line_that_does_not_hold_goes_and_nothing_is_simulated(cones) -> None:
    record = journal.finished(cones.journal)[3]
    other = journal.Journal(cones.journal, "twice")  # its data were replaced by the other's
    other.append({**record, "digest": "1" * 64, "began": record["began"] + 1e-3})
    other.close()
    report = verify(cones)
    assert report.bad == [3]
    assert repair(cones, report.findings).again == []
    assert journal.finished(cones.journal)[3] == record
    assert damage.shard(cones, 3).exists()
    go_on(cones)
    assert verify(cones).findings == []


def test_nothing_downstream_changes(run, sound) -> None:
    cones, image_set = run.database, run.database_images
    damage.swapped_shards(cones)
    before = damage.content(image_set.directory)
    repair(cones, verify(cones).findings)
    go_on(cones)
    for span in image_set.spans:  # even where they are asked for again
        images.cut_block(image_set, span)
    after = damage.content(image_set.directory)
    voxels = f"{image_set.store.name}/{image_set.kind}"
    assert {name: after[name] for name in before if name.startswith(voxels)} == {
        name: before[name] for name in before if name.startswith(voxels)
    }, "no image was cut again"
    said = {name for name in after if not name.startswith(RECORDS)}
    assert {name: after[name][2] for name in said} == {
        name: file[2] for name, file in before.items() if not name.startswith(RECORDS)
    }


def test_images_of_a_withdrawn_light_cone_wait_for_it(run) -> None:
    damage.flipped_bit(run.database)
    repair(run.database, verify(run.database).findings)
    with pytest.raises(UserError, match="light-cone 3 is not finished"):
        images.cut_block(run.database_images, (0, 4))


def test_the_command_that_a_repair_prints_runs_just_the_block_and_the_seal(run, tmp_path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(small_settings()), encoding="utf-8")
    cones = run.database
    damage.flipped_bit(cones)
    done = repair(cones, verify(cones).findings)
    said = repairing.what_next(replace(cones, root=Path("results")), done, path)
    _, _, command = said.partition("snakemake ")
    wanted = command.replace("PROFILE", "profiles/local").split()
    assert planned(tmp_path, *wanted) == {"simulate": 1, "seal_lightcones": 1}
    go_on(cones)
    assert planned(tmp_path, *wanted) == {}


def planned(directory: Path, *arguments: str) -> dict[str, int]:
    """Jobs per rule of a dry run."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", *arguments),
            *("--dry-run", "--directory", str(directory)),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, flags=re.MULTILINE)
    return {rule: int(count) for rule, count in table if rule != "total"}


def test_what_holds_is_not_withdrawn_whatever_a_finding_says(cones) -> None:
    before = damage.content(cones.root)
    slander = Finding("light-cone", damage.shard(cones, 3), "it looks bad", 3, ("0" * 64,))
    done = repair(cones, [slander])
    assert (done.again, done.said) == ([], [])
    assert damage.content(cones.root) == before


def test_nothing_is_withdrawn_where_the_engine_that_made_it_is_not_installed(
    cones, monkeypatch
) -> None:
    damage.flipped_bit(cones)
    before = made(cones)

    def refuse(*_) -> None:
        raise UserError("another engine")

    monkeypatch.setattr(Function, "check_version", refuse)
    with pytest.raises(UserError, match="another engine"):
        repair(cones, verify(cones).findings)
    assert made(cones) == before


def test_a_repair_of_a_sound_database_changes_no_file(cones) -> None:
    before = damage.content(cones.root)
    assert repair(cones, verify(cones).findings).said == []
    assert damage.content(cones.root) == before


def test_a_bad_shard_is_moved_aside_with_its_bytes(cones) -> None:
    damage.flipped_bit(cones)
    content = damage.shard(cones, 3).read_bytes()
    repair(cones, verify(cones).findings)
    assert not damage.shard(cones, 3).exists()
    (aside,) = (cones.directory / repairing.QUARANTINE).iterdir()
    assert aside.name.startswith("light-cone-000003-")
    assert aside.read_bytes() == content


def test_a_shard_that_a_marker_confirms_stays_where_it_is(cones) -> None:
    damage.edited_digest(cones)
    name = damage.shard(cones, 3).relative_to(cones.root).as_posix()
    before = damage.content(cones.root)
    repair(cones, verify(cones).findings)
    assert damage.content(cones.root)[name] == before[name]


def test_what_cannot_be_read_is_left_alone_and_said(cones, settings, write_config, capsys) -> None:
    damage.shard(cones, 3).unlink()
    damage.shard(cones, 3).mkdir()
    before = damage.content(cones.root)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["repair", str(write_config(settings)), "cones", "--results", str(cones.root)])
    assert stopped.value.code == 1
    assert "light-cone 3: " in capsys.readouterr().out
    assert damage.content(cones.root) == before


def test_only_markers_that_claim_a_bad_light_cone_are_removed(cones) -> None:
    lightcones.seal(replace(cones, realizations=2))
    before = {path: path.read_bytes() for path in cones.directory.rglob("*-*.json")}
    damage.flipped_bit(cones)
    done = repair(cones, verify(cones).findings)
    gone = {path for path in before if not path.exists()}
    assert gone == {cones.done((0, 4)), cones.sealed}
    assert (done.blocks, done.sealed) == ([(0, 4)], [12])


def test_more_than_a_few_are_refused_until_it_is_meant(cones, settings, write_config, capsys):
    for path in cones.journal.iterdir():
        path.unlink()  # and all data are there still
    report = verify(cones)
    assert report.bad == list(range(12))
    before = damage.content(cones.root)
    with pytest.raises(UserError, match=r"12 light-cones would be made again; .* --most 12"):
        repair(cones, report.findings, most=11)
    assert damage.content(cones.root) == before
    path = write_config(settings)
    cli.main(["repair", str(path), "cones", "--results", str(cones.root), "--most", "12"])
    assert "12 light-cones to be made again: snakemake " in capsys.readouterr().out


class Killed(BaseException):
    """In place of a signal: nothing can catch it."""


STEPS = [(Path, "unlink"), (journal, "withdraw"), (Path, "rename"), (store, "describe")]


@pytest.mark.parametrize(("where", "step"), STEPS, ids=[step for _, step in STEPS])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_repair_that_was_killed_is_done_by_the_next(
    cones, sound, monkeypatch, where, step, when
) -> None:
    bad = damage.swapped_shards(cones)
    damage.edited_parameter_column(cones)
    before = attempts(cones)
    original = getattr(where, step)

    def killed(*args, **options):
        if when == "after":
            original(*args, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, step, killed)
        with pytest.raises(Killed):
            repair(cones, verify(cones).findings)
    repair(cones, verify(cones).findings)
    go_on(cones)
    assert attempts(cones) - before == Counter(bad)
    assert verify(cones).findings == []
    assert made(cones) == made(sound.database)


def test_a_light_cone_can_be_withdrawn_and_made_again_many_times(cones, sound) -> None:
    for _ in range(3):
        damage.flipped_bit(cones)
        assert repair(cones, verify(cones).findings).again == [3]
        go_on(cones)
    assert attempts(cones)[3] == 4
    assert verify(cones).findings == []
    assert made(cones) == made(sound.database)


def test_a_campaign_that_was_not_over_goes_on_with_the_bad_ones_too(settings, tmp_path, sound):
    cones = Run(config.parse(settings), tmp_path).database
    lightcones.prepare(cones)
    fill(cones, 0, 1, 2, 3, 4)
    damage.flipped_bit(cones)
    repair(cones, verify(cones).findings)
    assert sorted(journal.finished(cones.journal)) == [0, 1, 2, 4]
    go_on(cones)
    assert attempts(cones) == Counter([3, *range(12)])
    assert made(cones) == made(sound.database)


def test_the_verb_makes_again_in_one_process_what_it_withdrew(
    cones, sound, settings, write_config
) -> None:
    bad = damage.swapped_shards(cones)
    before = attempts(cones)
    path = write_config(settings)
    command = [sys.executable, "-m", "lcinfer", "repair", str(path), "--results", str(cones.root)]
    done = subprocess.run(
        [*command, "--simulate"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cones: repaired, 2 light-cones made again" in done.stdout
    assert attempts(cones) - before == Counter(bad)
    assert verify(cones).findings == []
    assert made(cones) == made(sound.database)


def test_a_withdrawal_says_why(cones) -> None:
    damage.flipped_bit(cones)
    repair(cones, verify(cones).findings)
    (path,) = cones.journal.glob(f"{journal.REPAIRS}*.jsonl")
    (line,) = map(json.loads, path.read_text().splitlines())
    assert line["why"].startswith(f"light-cone 3: {damage.shard(cones, 3)}: it is damaged: ")
