"""From a result back to voxels, configuration and code, and whether it all still matches.

Every file of a light-cone and of images is read once, and compared with the digest that was
recorded when it was written. Where there is none, or another one, it is decoded: the digest of
the voxels decides, and images are compared with those cut anew from them. Nothing is written.
"""

from functools import partial
from pathlib import Path

from ..base.errors import UserError
from ..products.databases import LightCones
from ..products.kinds import KINDS
from . import given, likelihoods, networks, shown  # noqa: F401 (they register what they check)
from .databases import reads
from .links import Report
from .rebuild import find
from .resimulate import some_again
from .walk import Depth, Walk, checked


def audit(result: Path, results: Path, depth: Depth) -> Report:
    """Walk back from a result and check every link.

    Raises:
        UserError: if it is no result, is not finished, or what it is made from is not there; or
            if it is a file of which nothing is recorded.
        PermissionError: if something may not be read.
    """
    directory, said = find(result, results)
    walk = Walk(directory.parent.parent, depth)
    walk.enter(directory)
    if result.is_file():
        _given(walk, directory, result, said)
    order = list(KINDS)  # light-cones, of which there is most to read, are checked last
    for product in sorted(walk.products, key=lambda it: order.index(it.kind), reverse=True):
        for link in checked(product, walk):
            walk.steps[product.directory].note(*link)
    for cones, again in some_again(walk.of(LightCones), depth):
        link = f"light-cone {again.index} again", [] if again.holds else [str(again)], str(again)
        walk.steps[cones.directory].note(*link)
    return Report(str(result), list(walk.steps.values()))


def _given(walk: Walk, directory: Path, result: Path, said: dict[str, str] | None) -> None:
    """Compare the file that was asked for; ``said`` is its stamp, if it lies elsewhere.

    Raises:
        UserError: if it lies in a product's directory, and nobody compares it.
    """
    if said is not None:
        step = walk.steps[directory]
        given.elsewhere(step, walk.records[directory], walk.digest, result, said)
        return
    real = result.resolve()  # a run's directory leads to others by links
    if real in walk.compared:
        return
    for where, step in walk.steps.items():
        if real.is_relative_to(where.resolve()):
            made = [partial(reads, it) for it in walk.products if it.directory == where]
            given.inside(step, walk.records[where], walk.digest, result, *made)
            return
    raise UserError(f"{result}: it is of no product that {directory.name} is made from")
