"""Tables as lines: what stands where."""

import pytest

from lcinfer.text.latex import Latex
from lcinfer.text.styles import Csv, Html, Markdown
from lcinfer.text.tables import aligned, comma_separated

ROWS = [("what", "light-cones"), ("database", "8"), ("FAINT", "12")]


@pytest.mark.parametrize(
    ("left", "line"),
    [(0, "   FAINT           12"), (1, "FAINT              12"), (None, "FAINT     12         ")],
)
def test_columns_are_as_wide_as_their_widest_cell(left, line):
    lines = aligned(ROWS, left)
    assert lines[2] == line
    assert len(set(map(len, lines))) == 1


def test_cells_with_commas_are_quoted_for_programs():
    assert comma_separated([["a", 1.5], ["b, c", None]]) == 'a,1.5\n"b, c",\n'


@pytest.mark.parametrize("style", [Csv(), Html(), Latex(), Markdown()])
def test_every_style_has_a_table_of_its_own(style):
    text = style.table(["name", "value"], [["a", "1"]], "What it is")
    assert all(part in text for part in ("What it is", "name", "value", "a", "1"))
    assert not text.endswith("\n")
