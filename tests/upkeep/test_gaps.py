"""Looking after a database whose failed light-cones were left out."""

import json

import pytest
from support.filling import complete_without, fill

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.lightcones import store
from lcinfer.products.run import Run
from lcinfer.stages import lightcones
from lcinfer.upkeep.repair import make_again, repair
from lcinfer.upkeep.verify import verify

FAILED = (1, 3, 9)


@pytest.fixture
def cones(settings, tmp_path):
    """A sealed database of twelve light-cones without three."""
    settings["database"]["allowed_failures"] = 0.25
    cones = Run(config.parse(settings), tmp_path).database
    complete_without(cones, *FAILED)
    return cones


def test_a_database_with_gaps_holds_and_is_repaired_with_the_same_bytes(cones) -> None:
    report = verify(cones)
    assert (report.findings, report.checked) == ([], 9)
    markers = {path: path.read_bytes() for path in cones.directory.rglob("*after*.json")}
    assert len(markers) == 3 + 1
    store.shard_path(cones.store, 2).unlink()
    found = verify(cones)
    assert found.bad == [2]
    done = repair(cones, found.findings)
    assert (done.again, done.blocks, done.sealed) == ([2], [(0, 4)], [12])
    assert not cones.sealed.exists()
    fill(cones, 2)
    make_again(cones, done)
    assert {path: path.read_bytes() for path in cones.directory.rglob("*after*.json")} == markers
    assert verify(cones).findings == []


@pytest.mark.parametrize("failed", [[], [1], [1, 3, 9, 10], [1, 3, 99], "no list", [[]]])
def test_an_edited_list_of_failures_is_found(cones, failed) -> None:
    sealed = json.loads(cones.sealed.read_text())
    cones.sealed.write_text(json.dumps({**sealed, "failed": failed}))
    kinds = {found.kind for found in verify(cones).findings}
    assert kinds & {"marker", "light-cone"}


def test_a_plain_marker_may_name_no_failure(cones) -> None:
    cones.done((0, 4)).rename(cones.complete((0, 4)))
    (found,) = verify(cones).findings
    assert (found.kind, found.path) == ("marker", cones.complete((0, 4)))


def test_a_light_cone_made_since_needs_no_sealed_histories(cones) -> None:
    fill(cones, 3)
    report = verify(cones)
    assert (report.findings, report.checked) == ([], 10)


def test_repair_under_another_setting_makes_the_light_cone_again(cones, settings) -> None:
    before = cones.done((0, 4)).read_bytes()
    store.shard_path(cones.store, 2).unlink()
    settings["database"]["allowed_failures"] = 0
    strict = Run(config.parse(settings), cones.root).database
    done = repair(strict, verify(strict).findings)
    assert (done.again, done.sealed) == ([2], []), "the seal is not one of this setting"
    with pytest.raises(UserError, match="set aside after 3 attempts: 1, 3"):
        make_again(strict, done)
    lightcones.finish_block(cones, (0, 4))
    assert cones.done((0, 4)).read_bytes() == before
