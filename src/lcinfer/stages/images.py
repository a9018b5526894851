"""What the rules of images do: light-cones in, images out, block by block."""

from collections.abc import Collection

from ..images import cutting
from ..products.databases import ImageSet
from ..products.product import Span

STEPS = ("prepare", "cut", "seal")


def make(
    images: ImageSet,
    steps: Collection[str] = STEPS,
    block: Span | None = None,
    threads: int = 1,
) -> None:
    """Make room for images, cut those of a block or of all, and say that all are there.

    Args:
        images: what is made.
        steps: some of :data:`STEPS`; each is a rule.
        block: the light-cones [start, stop); None: all.
        threads: light-cones cut at a time.
    """
    if "prepare" in steps:
        cutting.prepare(images)
    if "cut" in steps:
        for span in [block] if block else images.spans:
            cutting.cut_block(images, span, threads)
    if "seal" in steps:
        cutting.seal(images)
