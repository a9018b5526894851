"""What the rules of images, and of spectra, do: light-cones in, images out, block by block."""

from collections.abc import Collection

from ..images import cutting
from ..products.databases import Inputs
from ..products.product import Span

STEPS = ("prepare", "cut", "seal")


def make(
    images: Inputs, steps: Collection[str] = STEPS, block: Span | None = None, threads: int = 1
) -> None:
    """Make room for images, cut those of a block of light-cones or of all, and seal them."""
    if "prepare" in steps:
        cutting.prepare(images)
    if "cut" in steps:
        for span in [block] if block else images.spans:
            cutting.cut_block(images, span, threads)
    if "seal" in steps:
        cutting.seal(images)
