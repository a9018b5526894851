"""The walk of a training's settings from the configuration to the checkpoint.

python benchmarks/walk.py

Trains the tests' smallest network and watches which functions of lcinfer call which. Printed are
the modules that are entered, and the climbs: calls from one module into another that waits for it
further up, or of a package further down in the list of docs/design.md. A reader who follows the
settings meets each of them as a leap back. Each pair of functions counts once. Not counted are what
Python resumes or builds itself: generators that go on, comprehensions, dataclasses' initialisers.
"""

import re
import sys
from collections.abc import Iterator
from inspect import CO_GENERATOR
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

PROJECT = Path(__file__).parents[1]
sys.path.append(str(PROJECT / "tests"))

from support.filling import complete  # noqa: E402
from support.imports import package_of  # noqa: E402
from support.small import small_settings  # noqa: E402

from lcinfer import config  # noqa: E402
from lcinfer.products.run import Run  # noqa: E402
from lcinfer.stages import images  # noqa: E402
from lcinfer.stages.train import train_network  # noqa: E402

Place = tuple[str, str]  # module and function


def order() -> list[str]:
    """The packages as docs/design.md lists them: each calls those before it."""
    design = (PROJECT / "docs" / "design.md").read_text("utf-8")
    listed = re.findall(r"^\| (`.*?) \|", design, flags=re.MULTILINE)
    return [f"lcinfer.{name}" for row in listed for name in re.findall(r"`(\w+)`", row)]


class Walk:
    """What is called, in the order in which it is."""

    def __init__(self) -> None:
        """Given to ``sys.setprofile``, it watches."""
        self.modules: dict[str, None] = {}
        self.climbs: dict[tuple[Place, Place], None] = {}
        self._begun: set[FrameType] = set()
        self._order = order()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """See ``sys.setprofile``."""
        if event != "call" or not (to := _place(frame)):
            return
        if frame.f_code.co_flags & CO_GENERATOR:
            if frame in self._begun:
                return
            self._begun.add(frame)
        self.modules[to[0]] = None
        above = list(_places(frame.f_back))
        if not above or above[0][0] == to[0]:
            return
        waits = to[0] in {module for module, _ in above[1:]}
        if waits or self._rank(to) > self._rank(above[0]):
            self.climbs[above[0], to] = None

    def _rank(self, place: Place) -> int:
        package = package_of(place[0])
        return self._order.index(package) if package in self._order else len(self._order)


def _place(frame: FrameType) -> Place | None:
    module, name = str(frame.f_globals.get("__name__")), frame.f_code.co_qualname
    built = frame.f_code.co_filename.startswith("<") or name.endswith(
        ("<module>", "comp>", "expr>")
    )
    return (module, name) if module.startswith("lcinfer.") and not built else None


def _places(frame: FrameType | None) -> Iterator[Place]:
    while frame is not None:
        if found := _place(frame):
            yield found
        frame = frame.f_back


def main() -> None:
    """See the module's docstring."""
    settings = small_settings()
    with TemporaryDirectory() as root:
        ahead = Run(config.parse(settings), Path(root))
        complete(ahead.database)
        (cut,) = (it for it in ahead.images.values() if it.lightcones is ahead.database)
        images.make(cut)
        walk = Walk()
        sys.setprofile(walk)
        try:
            run = Run(config.parse(settings), Path(root))
            train_network(run.trainings["all_images"], threads=1)
        finally:
            sys.setprofile(None)
    print(f"{'modules entered':32}{len(walk.modules):>8}")
    print(*(f"    {module}" for module in walk.modules), sep="\n")
    print(f"{'climbs':32}{len(walk.climbs):>8}")
    for caller, called in walk.climbs:
        print("    {}:{} -> {}:{}".format(*caller, *called))


if __name__ == "__main__":
    main()
