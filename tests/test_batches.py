import threading

import numpy as np
import pytest
import torch
import zarr

from lcinfer.config.sections import Split
from lcinfer.images.dataset import LabelledImages, fit
from lcinfer.images.sets import divide
from lcinfer.training import batches as module
from lcinfer.training.batches import Batches
from lcinfer.training.processes import World

SPLIT = Split(validation=3, test=4)
WORLD = World(torch.device("cpu"))


@pytest.fixture
def labelled():
    """20 light-cones of 3 images; every image is told apart by its first cell."""
    random = np.random.default_rng(1)
    images = random.normal(-40, 25, (20, 3, 4, 6)).astype(np.float32)
    images[:, :, 0, 0] = np.arange(60).reshape(20, 3)
    return LabelledImages(images, random.uniform(10, 250, (20, 2)), ("a", "b"))


def batches(labelled, **settings):
    training = divide(SPLIT, labelled.light_cones).training
    arguments = {"images": 3, "batch": 4, "world": WORLD, "host_bytes": 2**30, **settings}
    normalisation, _ = fit(labelled, training, arguments["images"])
    return Batches(labelled, training, normalisation=normalisation, **arguments)


def drawn(some, seed=5, epochs=1):
    generator = torch.Generator().manual_seed(seed)
    return [batch[:2] for _ in range(epochs) for batch in some.epoch(generator)]


def labels(some, drawn_batches):
    """The numbers in the first cells, back in mK."""
    normalisation = some._normalisation
    cells = torch.cat([pixels[:, 0, 0, 0] for pixels, _ in drawn_batches]).double()
    return (cells * normalisation.image_std + normalisation.image_mean).round().int().tolist()


def test_an_epoch_gives_every_training_image_once_with_its_own_parameters(labelled):
    some = batches(labelled)
    epoch = drawn(some)
    found = labels(some, epoch)
    assert sorted(found) == list(range(21, 60))
    assert found != sorted(found)
    targets = torch.cat([targets for _, targets in epoch])
    expected = some._normalisation.parameters(labelled.parameters[[i // 3 for i in found]])
    assert torch.equal(targets, expected)


def test_only_the_first_images_of_a_light_cone_are_used_when_fewer_are_asked_for(labelled):
    some = batches(labelled, images=1)
    assert sorted(labels(some, drawn(some))) == list(range(21, 60, 3))


def test_epochs_differ_and_a_seed_repeats_them(labelled):
    some = batches(labelled)
    two = labels(some, drawn(some, epochs=2))
    assert two[:39] != two[39:]
    assert two == labels(some, drawn(some, epochs=2))
    assert two != labels(some, drawn(some, seed=6, epochs=2))


def test_no_batch_holds_a_single_image(labelled):
    sizes = [len(pixels) for pixels, _ in drawn(batches(labelled, batch=19))]
    assert sizes == [19, 20]  # 39 images


def test_a_training_set_beyond_memory_gives_the_same_batches_from_zarr(
    labelled, monkeypatch, tmp_path
):
    monkeypatch.setattr(module, "SHUFFLED_BYTES", 5 * 3 * labelled.image_bytes)
    array = zarr.create_array(tmp_path / "images.zarr", data=labelled.images, chunks=(1, 3, 4, 6))
    on_disk = LabelledImages(array, labelled.parameters, labelled.names)
    staged, streamed = batches(labelled), batches(on_disk, host_bytes=1)
    assert streamed.staged_on is None
    pairs = list(zip(drawn(staged, epochs=2), drawn(streamed, epochs=2), strict=True))
    assert len(pairs) == 20  # 4 whole light-cones' batches: 12 + 12 + 12 + 3 images an epoch
    for (pixels, targets), (same_pixels, same_targets) in pairs:
        assert torch.equal(pixels, same_pixels)
        assert torch.equal(targets, same_targets)


def test_mirrored_images_are_mirrored_across_the_line_of_sight_alone(labelled):
    plain = batches(labelled)
    mirrored = batches(labelled, flip=True)
    originals = {int(image[0, 0]): image for image in labelled.images.reshape(60, 4, 6)}
    turned = 0
    for pixels, _ in drawn(mirrored, epochs=4):
        values = pixels.double() * plain._normalisation.image_std + plain._normalisation.image_mean
        for image in values[:, 0]:
            # Its number stands in the first cell of the line of sight, at either side.
            was = [int(image[row, 0].round()) for row in (0, -1)]
            same, flipped = (
                number in originals and np.allclose(seen, originals[number], atol=1e-3)
                for number, seen in zip(was, (image, image.flip(0)), strict=True)
            )
            assert same != flipped
            turned += flipped
    assert 0.3 < turned / (4 * 39) < 0.7


def test_mirroring_is_drawn_anew_in_every_epoch_and_repeated_by_the_seed(labelled):
    some = batches(labelled, flip=True, batch=64)
    (one, _), (other, _) = drawn(some, epochs=2)
    assert not torch.equal(one.sort(0).values, other.sort(0).values)
    (again, _), _ = drawn(some, epochs=2)
    assert torch.equal(one, again)


def test_mirroring_draws_from_the_same_generator_in_memory_and_from_zarr(
    labelled, monkeypatch, tmp_path
):
    monkeypatch.setattr(module, "SHUFFLED_BYTES", 5 * 3 * labelled.image_bytes)
    array = zarr.create_array(tmp_path / "images.zarr", data=labelled.images, chunks=(1, 3, 4, 6))
    on_disk = LabelledImages(array, labelled.parameters, labelled.names)
    staged, streamed = batches(labelled, flip=True), batches(on_disk, host_bytes=1, flip=True)
    for (pixels, _), (same, _) in zip(
        drawn(staged, epochs=2), drawn(streamed, epochs=2), strict=True
    ):
        assert torch.equal(pixels, same)


def test_using_images_does_not_change_them(labelled):
    before = labelled.images.copy()
    drawn(batches(labelled))
    assert np.array_equal(labelled.images, before)


@pytest.fixture
def in_blocks(labelled, monkeypatch, tmp_path):
    """Images in an array of which four light-cones are shuffled together."""
    monkeypatch.setattr(module, "SHUFFLED_BYTES", 5 * 3 * labelled.image_bytes)
    array = zarr.create_array(tmp_path / "images.zarr", data=labelled.images, chunks=(1, 3, 4, 6))
    return LabelledImages(array, labelled.parameters, labelled.names)


@pytest.mark.parametrize("flip", [False, True])
def test_streaming_reads_every_block_while_the_one_before_is_used(
    labelled, in_blocks, flip, monkeypatch
):
    two_blocks = 2 * 4 * 3 * labelled.image_bytes
    streamed = batches(in_blocks, host_bytes=two_blocks, flip=flip)
    assert streamed.staged_on is None
    read, waited_for = [], []
    here = streamed._read

    def noted(members, place):
        (waited_for if threading.current_thread() is threading.main_thread() else read).append(1)
        return here(members, place)

    monkeypatch.setattr(streamed, "_read", noted)
    generator = torch.Generator().manual_seed(5)
    found = [b for last in (False, True) for b in streamed.epoch(generator, last)]
    # Four blocks in each of two epochs: the very first is waited for, nothing is read in vain.
    assert (len(waited_for), len(read)) == (1, 7)
    for batch, (pixels, targets) in zip(
        found, drawn(batches(labelled, flip=flip), epochs=2), strict=True
    ):
        assert torch.equal(batch.pixels, pixels)
        assert torch.equal(batch.targets, targets)


@pytest.mark.parametrize("flip", [False, True])
def test_the_parts_of_several_processes_are_the_batches_of_one(labelled, flip):
    one = [*batches(labelled, flip=flip).epoch(torch.Generator().manual_seed(5))]
    several = [
        batches(labelled, flip=flip, world=World(torch.device("cpu"), rank, 3)).epoch(
            torch.Generator().manual_seed(5)
        )
        for rank in range(3)
    ]
    parts = list(zip(*several, strict=True))
    assert len(parts) == len(one) == 10
    for whole, own in zip(one, parts, strict=True):
        assert torch.equal(torch.cat([part.pixels for part in own]), whole.pixels)
        assert torch.equal(torch.cat([part.targets for part in own]), whole.targets)
        assert {part.whole for part in own} == {len(whole.pixels)}


def test_images_kept_in_bfloat16_are_those_in_single_precision_rounded(labelled):
    fine, coarse = batches(labelled), batches(labelled, dtype=torch.bfloat16)
    for (pixels, _), (rounded, _) in zip(drawn(fine), drawn(coarse), strict=True):
        assert torch.equal(pixels.bfloat16(), rounded)


def test_a_set_that_fits_in_half_precision_alone_is_staged_in_it_alone(labelled):
    half = 13 * 3 * labelled.image_bytes // 2
    assert batches(labelled, host_bytes=half).staged_on is None
    assert batches(labelled, host_bytes=half, dtype=torch.bfloat16).staged_on is not None


def test_what_is_prepared_ahead_comes_in_its_order_and_an_error_comes_through():
    assert list(module._one_ahead(iter(range(5)))) == list(range(5))

    def failing():
        yield 1
        raise OSError("gone")

    ahead = module._one_ahead(failing())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="gone"):
        next(ahead)
