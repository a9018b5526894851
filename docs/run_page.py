"""Runs the Python of pages, block by block, in the current folder.

    python docs/run_page.py docs/tutorial.md

Pictures that it saves are in the current folder then: this is how those of the page are made.
"""

import re
import sys
from pathlib import Path

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def run(page: Path) -> None:
    """Execute the blocks one after the other, in one namespace; errors name the page's lines."""
    text, names = page.read_text(encoding="utf-8"), {}
    for block in BLOCK.finditer(text):
        before = text[: block.start(1)].count("\n")
        exec(compile("\n" * before + block.group(1), str(page), "exec"), names)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name))
