"""What disks, kills and people do to a database; each says which light-cones it hits."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from lcinfer.lightcones import journal, store
from lcinfer.products.databases import LightCones
from lcinfer.stages import lightcones
from support.filling import fill

Fault = Callable[[LightCones], set[int]]


def content(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file with its inode, its time and its bytes."""
    return {
        path.relative_to(root).as_posix(): (
            path.stat().st_ino,
            path.stat().st_mtime_ns,
            path.read_bytes(),
        )
        for path in root.rglob("*")
        if path.is_file()
    }


@contextmanager
def as_another_user() -> Iterator[None]:
    """This process as one that file permissions hold for."""
    if os.getuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(os.getuid())


def shard(cones: LightCones, index: int) -> Path:
    return store.shard_path(cones.store, index)


def flipped_bit(cones: LightCones) -> set[int]:
    content = bytearray(shard(cones, 3).read_bytes())
    content[len(content) // 2] ^= 1
    shard(cones, 3).write_bytes(content)
    return {3}


def truncated_shard(cones: LightCones) -> set[int]:
    shard(cones, 3).write_bytes(shard(cones, 3).read_bytes()[:-100])
    return {3}


def empty_shard(cones: LightCones) -> set[int]:
    shard(cones, 3).write_bytes(b"")
    return {3}


def deleted_shard(cones: LightCones) -> set[int]:
    shard(cones, 3).unlink()
    return {3}


def swapped_shards(cones: LightCones) -> set[int]:
    here, there = shard(cones, 3), shard(cones, 9)
    content = here.read_bytes()
    here.write_bytes(there.read_bytes())
    there.write_bytes(content)
    return {3, 9}


def _edited(cones: LightCones, index: int, edit: Callable[[str], str]) -> None:
    """Edit the journal's line of a light-cone."""
    for path in cones.journal.glob("*.jsonl"):
        lines = path.read_text().splitlines(keepends=True)
        changed = [edit(it) if json.loads(it).get("index") == index else it for it in lines]
        path.write_text("".join(changed))


def set_in_line(cones: LightCones, index: int, change: Callable[[dict[str, Any]], Any]) -> set[int]:
    def edit(line: str) -> str:
        record = json.loads(line)
        change(record)
        return json.dumps(record, sort_keys=True) + "\n"

    _edited(cones, index, edit)
    return {index}


def edited_digest(cones: LightCones) -> set[int]:
    return set_in_line(cones, 3, lambda record: record.update(digest="0" * 64))


def edited_seed(cones: LightCones) -> set[int]:
    return set_in_line(cones, 3, lambda record: record.update(seed=record["seed"] + 1))


def edited_parameter(cones: LightCones) -> set[int]:
    def change(record):
        record["parameters"]["L_X"] = float(np.nextafter(record["parameters"]["L_X"], 50))

    return set_in_line(cones, 3, change)


def line_without_histories(cones: LightCones) -> set[int]:
    return set_in_line(cones, 3, lambda record: record.pop("neutral_fraction"))


def removed_line(cones: LightCones) -> set[int]:
    _edited(cones, 3, lambda line: "")
    return {3}


def garbled_line(cones: LightCones) -> set[int]:
    _edited(cones, 3, lambda line: line[:40] + "\x00" + line[41:])
    return {3}


# Whatever a campaign makes again.
OF_LIGHT_CONES: list[Fault] = [
    flipped_bit,
    truncated_shard,
    empty_shard,
    deleted_shard,
    swapped_shards,
    edited_digest,
    edited_seed,
    edited_parameter,
    line_without_histories,
    removed_line,
    garbled_line,
]


def edited_history(cones: LightCones) -> set[int]:
    def change(record):
        record["neutral_fraction"][2] += 0.1

    return set_in_line(cones, 3, change)


def second_line_of_another_index(cones: LightCones) -> set[int]:
    path = next(cones.journal.glob("*.jsonl"))
    record = json.loads(path.read_text().splitlines()[3])
    lines = journal.Journal(cones.journal, "edited")
    lines.append({**record, "index": 9})
    lines.close()
    return {9}


def nonsense_line(cones: LightCones) -> set[int]:
    path = next(cones.journal.glob("*.jsonl"))
    path.write_bytes(b"\xff nonsense\n" + path.read_bytes())
    return set()


def line_beyond_the_database(cones: LightCones) -> set[int]:
    lines = journal.Journal(cones.journal, "beyond")
    lines.append({"index": 10**15, "digest": "0" * 64, "began": 1.0, "seconds": 1.0})
    lines.close()
    return set()


def edited_marker(cones: LightCones) -> set[int]:
    content = json.loads(cones.done((0, 4)).read_text())
    content["digests"]["3"] = "0" * 64
    cones.done((0, 4)).write_text(json.dumps(content))
    return {3}


def truncated_marker(cones: LightCones) -> set[int]:
    text = cones.done((0, 4)).read_text()
    cones.done((0, 4)).write_text(text[: len(text) // 2])
    return set()


def renamed_marker(cones: LightCones) -> set[int]:
    cones.done((0, 4)).write_bytes(cones.done((4, 8)).read_bytes())
    return set()


def marker_of_another_database(cones: LightCones) -> set[int]:
    text = cones.done((0, 4)).read_text()
    cones.done((0, 4)).write_text(text.replace(cones.fingerprint, "0" * 64))
    return set()


def edited_root_digest(cones: LightCones) -> set[int]:
    content = json.loads(cones.sealed.read_text())
    cones.sealed.write_text(json.dumps({**content, "root_digest": "0" * 64}))
    return set()


def lost_histories(cones: LightCones) -> set[int]:
    for file in (cones.store / "neutral_fraction" / "c").rglob("*"):
        if file.is_file():
            file.unlink()
    return set()


def edited_spec(cones: LightCones) -> set[int]:
    text = cones.spec.read_text()
    assert '"length": 48' in text
    cones.spec.write_text(text.replace('"length": 48', '"length": 49'))
    return set()


def deleted_spec(cones: LightCones) -> set[int]:
    cones.spec.unlink()
    return set()


def edited_parameter_column(cones: LightCones) -> set[int]:
    column = store.array(zarr.open_group(cones.store, mode="r+"), "L_X")
    column[3] = 0.0
    return {3}


def edited_seed_column(cones: LightCones) -> set[int]:
    column = store.array(zarr.open_group(cones.store, mode="r+"), "random_seed")
    column[3] = 1
    return {3}


def deleted_column(cones: LightCones) -> set[int]:
    (cones.store / "L_X" / "zarr.json").unlink()
    return set()


def edited_coordinate(cones: LightCones) -> set[int]:
    column = store.array(zarr.open_group(cones.store, mode="r+"), "redshift")
    column[3] = 0.0
    return set()


def lost_attributes(cones: LightCones) -> set[int]:
    path = cones.store / "zarr.json"
    content = json.loads(path.read_text())
    del content["attributes"]["fingerprint"]
    path.write_text(json.dumps(content))
    return set()


def partial_file(cones: LightCones) -> set[int]:
    aside = shard(cones, 3).with_name("0.elsewhere.17.partial")
    aside.write_bytes(b"half")
    os.utime(aside, (0, 0))
    return {3}


# What costs no simulation.
OF_THE_REST: list[Fault] = [
    second_line_of_another_index,
    nonsense_line,
    line_beyond_the_database,
    edited_marker,
    truncated_marker,
    renamed_marker,
    marker_of_another_database,
    edited_root_digest,
    lost_histories,
    edited_spec,
    deleted_spec,
    edited_parameter_column,
    edited_seed_column,
    deleted_column,
    edited_coordinate,
    lost_attributes,
    partial_file,
]


def go_on(cones: LightCones) -> None:
    """What the workflow does: simulate what is not finished, write the markers that are missing."""
    have = journal.finished(cones.journal)
    if missing := [index for index in range(cones.realizations) if index not in have]:
        fill(cones, *missing)
    for span in cones.spans:
        if not cones.done(span).exists():
            lightcones.finish_block(cones, span)
    if not cones.sealed.exists():
        lightcones.seal(cones)
