"""Shuffled batches of images: staged once where they fit, else streamed in blocks.

Every process of a training draws the same order and takes its own part of each batch.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from math import gcd
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..images.dataset import LabelledImages, Normalisation
from .noise import Given, NoiseBank
from .processes import World

T = TypeVar("T")
# Images are shuffled within blocks of this many bytes in single precision, so that a training
# set larger than memory is read a block at a time. It decides the order of the images: a
# constant, not a setting, so that results do not depend on the memory of the machine.
SHUFFLED_BYTES = 4 * 2**30


class Batch(NamedTuple):
    """One process's part of a batch."""

    pixels: Tensor
    """(image, 1, *image_shape) normalised, on the training's device."""
    targets: Tensor
    """(image or light-cone, parameter) normalised, there too."""
    whole: int
    """Images of the batch in all processes."""
    together: int = 1
    """Images of a light-cone that answer together, one behind the other."""


class Batches:
    """Shuffled batches of normalised images and parameters, an epoch at a time.

    Light-cones are shuffled and taken in blocks; all images of a block are shuffled together.
    The training set is staged once, on the device or else in the host's memory; where it fits
    into neither, a block is read from the array while the one before it is used. All give the
    same batches.

    With ``flip``, each image is mirrored across the line of sight with probability 1/2, anew in
    every epoch: a symmetry of the sky. The line of sight is never turned round: it is time.

    With ``together``, a batch has light-cones with some of their images each, as many of each. How
    many is drawn anew for each part of an epoch, in which every image is still seen once.

    With ``noise``, what is kept is the signal alone, and each image is given noise anew in every
    epoch, before it is mirrored.
    """

    def __init__(
        self,
        labelled: LabelledImages,
        lightcones: Sequence[int],
        images: int,
        batch: int,
        normalisation: Normalisation,
        world: World,
        host_bytes: int,
        device_bytes: int = 0,
        dtype: torch.dtype = torch.float32,
        flip: bool = False,
        together: bool = False,
        noise: NoiseBank | None = None,
    ) -> None:
        """Stage the first ``images`` images of each of ``lightcones``, if they fit.

        Args:
            labelled: all images.
            lightcones: those to train on.
            images: of each of them.
            batch: images of a batch, in all processes.
            normalisation: what the images are shifted and scaled with.
            world: the training's processes, and the device that batches go to.
            host_bytes: memory of the host that images may take.
            device_bytes: the accelerator's; on a CPU there is the host's alone.
            dtype: what images are kept as; bfloat16 halves them.
            flip: whether images are mirrored at random.
            together: whether images of a light-cone are in a batch together.
            noise: what noise is taken from.

        Raises:
            UserError: if an image holds NaN.
        """
        self._labelled = labelled.signal
        self._lightcones = lightcones
        self._images = images
        self._batch = batch
        self._normalisation = normalisation
        self._world = world
        self._dtype = dtype
        self._flip, self._together, self._noise = flip, together, noise
        targets = normalisation.parameters(labelled.parameters[list(lightcones)])
        self._targets = targets.to(world.device)
        size = images * labelled.image_bytes
        block = max(1, SHUFFLED_BYTES // size)
        whole = batch // gcd(batch, images)  # light-cones that fill whole batches
        self._block = block // whole * whole or block
        kept = size * len(lightcones) * dtype.itemsize // 4
        self._staged: Tensor | None = None
        if kept <= max(host_bytes, device_bytes):
            place = world.device if kept <= device_bytes else torch.device("cpu")
            self._staged = self._read(torch.arange(len(lightcones)), place)
        # Two blocks in memory, if they fit: one is used, the other read.
        self._ahead = 2 * self._block * size * dtype.itemsize // 4 <= host_bytes
        self._following: tuple[Tensor, Future[Tensor]] | None = None
        self._reader = ThreadPoolExecutor(1)

    @property
    def images(self) -> int:
        """Images of an epoch, in all processes."""
        return len(self._lightcones) * self._images

    @property
    def staged_on(self) -> torch.device | None:
        """Where the images are; none: they are streamed."""
        return None if self._staged is None else self._staged.device

    def epoch(
        self, generator: torch.Generator, last: bool = False, number: int = 0
    ) -> Iterator[Batch]:
        """Every image once, in an order drawn from ``generator``; the epoch's number decides noise.

        Unless it is the ``last`` epoch, streaming reads the first block of the next one too.
        """
        drawn = self._draw(generator, last, number)
        if self._world.device.type == "cuda" and self.staged_on != self._world.device:
            return _one_ahead(drawn)
        return drawn

    def _draw(self, generator: torch.Generator, last: bool, number: int) -> Iterator[Batch]:
        given = self._noise.epoch(number, np.array(self._lightcones)) if self._noise else None
        order = torch.randperm(len(self._lightcones), generator=generator)
        blocks = torch.split(order, self._block)
        for place, members in enumerate(blocks):
            # All numbers of a block are drawn here: behind the last one, the generator is where
            # the next epoch begins.
            arranged = _in_groups if self._together else _alone
            shuffled, batches = arranged(len(members), self._images, self._batch, generator)
            mirrored = torch.zeros(len(shuffled), dtype=torch.bool)
            if self._flip:
                mirrored = torch.rand(len(shuffled), generator=generator) < 0.5
            following = blocks[place + 1] if place + 1 < len(blocks) else None
            if following is None and not last:
                following = self._first_of_next(generator)
            pixels, rows = self._block_of(members, following)
            # An image is a row, which is copied as a whole: of two indices, cell by cell.
            flat = pixels.flatten(0, 1).flatten(1)
            cones, images = shuffled // self._images, shuffled % self._images
            device = self._world.device
            order = _sent(rows[cones] * self._images + images, pixels.device)
            others = (_sent(each, device) for each in (mirrored, members[cones], images))
            orders = order, *others
            for at, together in batches:
                own = (self._world.part(each[at].view(-1, together)) for each in orders)
                places, mirror, label, image = (each.flatten() for each in own)
                taken = self._taken(flat, places).view(-1, 1, *pixels.shape[2:])
                if self._noise and given:
                    self._add(self._noise, Given(*(each[label] for each in given)), image, taken)
                if self._flip:
                    taken = _flipped(taken, mirror)
                yield Batch(taken, self._targets[label[::together]], at.stop - at.start, together)

    def _first_of_next(self, generator: torch.Generator) -> Tensor:
        """The block that the next epoch begins with; nothing is drawn."""
        ahead = torch.Generator()
        ahead.set_state(generator.get_state())
        return torch.randperm(len(self._lightcones), generator=ahead)[: self._block]

    def _block_of(self, members: Tensor, following: Tensor | None) -> tuple[Tensor, Tensor]:
        """Where a block's images are, and each member's row there; ``following`` is read next."""
        if self._staged is not None:
            return self._staged, members
        host = torch.device("cpu")
        if self._following is not None and torch.equal(self._following[0], members):
            pixels = self._following[1].result()
        else:
            pixels = self._read(members, host)
        self._following = None
        if self._ahead and following is not None:
            self._following = following, self._reader.submit(self._read, following, host)
        return pixels, torch.arange(len(members))

    def _read(self, members: Tensor, place: torch.device) -> Tensor:
        """Normalised images of some training light-cones, in the order given."""
        shape = (len(members), self._images, *self._labelled.image_shape)
        pixels = torch.empty(shape, dtype=self._dtype, device=place)

        def put(row: int, images: np.ndarray) -> None:
            pixels[row] = self._normalisation.images(images)

        own = [self._lightcones[member] for member in members.tolist()]
        self._labelled.each(own, self._images, put)
        return pixels

    def _add(self, noise: NoiseBank, given: Given, images: Tensor, pixels: Tensor) -> None:
        """Add the noise that each image's light-cone is given."""
        rows = self._taken(noise.rows, noise.places(given, images).flatten())
        sign = given.sign.to(pixels.dtype).view(-1, 1, 1, 1)
        pixels.addcmul_(rows.view_as(pixels), sign)

    def _taken(self, rows: Tensor, places: Tensor) -> Tensor:
        """Some of the rows, on the training's device."""
        if rows.device.type != "cpu":
            return rows.index_select(0, places)
        # NumPy copies a row at a time, in this thread; PyTorch's threads would wait for each other
        # at every row. Pinned memory, kept for the next batch, is sent while the device computes.
        device = self._world.device
        shape = (len(places), rows.shape[1])
        taken = torch.empty(shape, dtype=rows.dtype, pin_memory=device.type != "cpu")
        source, target = (each.view(torch.uint8).numpy() for each in (rows, taken))
        np.take(source, places.numpy(), axis=0, out=target, mode="clip")  # clip: not by a buffer
        return taken.to(device, non_blocking=True)


def _sent(order: Tensor, device: torch.device) -> Tensor:
    """On ``device``. Not waited for: a GPU that is waited for stands still until the next step."""
    return order.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else order


def _one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items; while one is used, a thread prepares the next."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


def _flipped(images: Tensor, mirrored: Tensor) -> Tensor:
    """(image, 1, ..., transverse, line of sight), some mirrored along ``transverse``."""
    return torch.where(mirrored.view(-1, *[1] * (images.ndim - 1)), images.flip(-2), images)


def _alone(
    lightcones: int, images: int, batch: int, generator: torch.Generator
) -> tuple[Tensor, list[tuple[slice, int]]]:
    """All images of a block in any order, and the batches of that order with images alone."""
    shuffled = torch.randperm(lightcones * images, generator=generator)
    return shuffled, [(at, 1) for at in _batches(len(shuffled), batch)]


def _in_groups(
    lightcones: int, images: int, batch: int, generator: torch.Generator
) -> tuple[Tensor, list[tuple[slice, int]]]:
    """The same with images of a light-cone together.

    The images of each light-cone are dealt out in parts of random sizes, those of all light-cones
    alike: all at once, or powers of two.
    """
    dealt = torch.rand((lightcones, images), generator=generator).argsort(1)
    parts, left = [], images
    while left:
        sizes = [2**power for power in range(images.bit_length()) if 2**power <= left]
        sizes += [images] * (left == images not in sizes)
        size = sizes[int(torch.randint(len(sizes), (), generator=generator))]
        cones = torch.randperm(lightcones, generator=generator)
        own = cones[:, None] * images + dealt[cones, images - left :][:, :size]
        each = _batches(lightcones, max(1, batch // size), least=2 if size == 1 else 1)
        parts += [own[at] for at in each]
        left -= size
    parts = [parts[at] for at in torch.randperm(len(parts), generator=generator).tolist()]
    ends = torch.tensor([0, *(part.numel() for part in parts)]).cumsum(0).tolist()
    slices = [slice(*each) for each in pairwise(ends)]
    sizes = [part.shape[1] for part in parts]
    return torch.cat([part.flatten() for part in parts]), list(zip(slices, sizes, strict=True))


def _batches(images: int, size: int, least: int = 2) -> list[slice]:
    starts = list(range(0, images, size))
    if len(starts) > 1 and images - starts[-1] < least:
        starts.pop()  # batch normalisation has no variance to divide by in a batch of one
    return [slice(*each) for each in pairwise([*starts, images])]
