"""Numbers of things, as a person would write them."""

from pathlib import Path

import pytest

from lcinfer.base.counting import counted
from lcinfer.upkeep.findings import Finding, Report


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 faults"), (1, "1 fault"), (2, "2 faults"), (1043, "1,043 faults")]
)
def test_one_thing_is_no_plural(count, text) -> None:
    assert counted(count, "fault") == text


def test_a_database_with_one_fault_has_one_fault() -> None:
    finding = Finding("light-cone", Path("shard"), "it is missing", 3)
    told = str(Report("cones", Path("cones"), 1, 1, [finding], []))
    assert told.endswith("1 light-cone checked, 1 fault, 1 light-cone does not hold")
