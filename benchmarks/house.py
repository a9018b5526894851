"""The measures of the layout: packages, layers and cycles of imports, dispatches, lines.

python benchmarks/house.py [ROOT]
"""

import argparse
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.append(str(PROJECT / "tests"))

from support.imports import imports_of, package_of  # noqa: E402

CLASSES = "Realizations|LightCones|ImageSet|TrainingRun|EvaluationRun|SweepRun|FigureSet|Summary"
FOLDERS = "lightcones|images|trainings|evaluations|sweeps|figures|runs"
DISPATCH = re.compile(
    rf"isinstance\([^()]*\b({CLASSES})\b"
    rf"|\b(kind|parent\.name) [!=]= (\"({FOLDERS})\"|({CLASSES})\b)"
)


def layers(graph: dict[str, set[str]]) -> int:
    """The longest way down the imports; 0 if they go round in a circle."""
    deep: dict[str, int] = {}
    try:
        for name in TopologicalSorter(graph).static_order():
            deep[name] = 1 + max((deep[it] for it in graph[name]), default=0)
    except CycleError:
        return 0
    return max(deep.values())


def dispatches(source: Path) -> Iterator[str]:
    """Lines outside ``products`` that ask which kind of product they have."""
    for path in sorted(source.rglob("*.py")):
        if "products" not in path.relative_to(source).parts:
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if DISPATCH.search(line):
                    yield f"{path.relative_to(source)}:{number}: {line.strip()}"


def lines(folder: Path) -> int:
    """Of all Python files."""
    return sum(path.read_text(encoding="utf-8").count("\n") for path in folder.rglob("*.py"))


def main(root: Path) -> None:
    """Print the measures of a checkout."""
    source = root / "src" / "lcinfer"
    modules = imports_of(source)
    packages: dict[str, set[str]] = {package_of(module): set() for module in modules}
    for module, imported in modules.items():
        own = package_of(module)
        packages[own] |= {package_of(it) for it in imported} - {own, "lcinfer"}
    found = list(dispatches(source))
    for what, value in (
        ("packages", len(packages)),
        ("arrows between them", sum(map(len, packages.values()))),
        ("layers of packages", layers(packages) or "none: they import each other in a circle"),
        ("modules", len(modules)),
        ("layers of modules", layers(modules) or "none: they import each other in a circle"),
        ("lines of src", lines(root / "src")),
        ("lines of tests", lines(root / "tests")),
        ("dispatches on a product's kind", len(found)),
    ):
        print(f"{what:32}{value:>8}")
    print(*(f"    {each}" for each in found), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, nargs="?", default=PROJECT, help="another checkout")
    main(parser.parse_args().root)
