import numpy as np
import pytest
import torch
import zarr

from lcinfer import dataset
from lcinfer.dataset import Batches, LabelledImages, divide, fit_normalisation
from lcinfer.errors import UserError
from lcinfer.sections import Split

SPLIT = Split(validation=3, test=4)


@pytest.fixture
def labelled():
    """20 light-cones of 3 images; every image is told apart by its first cell."""
    random = np.random.default_rng(1)
    images = random.normal(-40, 25, (20, 3, 4, 6)).astype(np.float32)
    images[:, :, 0, 0] = np.arange(60).reshape(20, 3)
    return LabelledImages(images, random.uniform(10, 250, (20, 2)), ("a", "b"))


def batches(labelled, **settings):
    training = divide(SPLIT, labelled.light_cones).training
    arguments = {"images": 3, "batch": 4, **settings}
    normalisation = fit_normalisation(labelled, training, arguments["images"])
    return Batches(labelled, training, normalisation=normalisation, **arguments)


def drawn(some, seed=5, epochs=1):
    generator = torch.Generator().manual_seed(seed)
    return [batch for _ in range(epochs) for batch in some.epoch(generator)]


def labels(some, drawn_batches):
    """The numbers in the first cells, back in mK."""
    normalisation = some._normalisation
    cells = torch.cat([pixels[:, 0, 0, 0] for pixels, _ in drawn_batches]).double()
    return (cells * normalisation.image_std + normalisation.image_mean).round().int().tolist()


def test_no_light_cone_is_in_two_sets_and_none_is_forgotten():
    sets = divide(SPLIT, 20)
    assert sorted([*sets.validation, *sets.test, *sets.training]) == list(range(20))
    assert (len(sets.validation), len(sets.test), len(sets.training)) == (3, 4, 13)


def test_growing_the_database_leaves_validation_and_test_as_they_were():
    small, large = divide(SPLIT, 20), divide(SPLIT, 2000)
    assert small.validation == large.validation
    assert small.test == large.test
    assert set(small.training) < set(large.training)


def test_a_split_that_leaves_nothing_to_train_on_is_refused():
    with pytest.raises(UserError, match=r"3 light-cones for validation and 4 .* none of 7"):
        divide(SPLIT, 7)


def test_the_normalisation_is_that_of_the_training_set(labelled):
    found = fit_normalisation(labelled, range(7, 20), 2)
    images = labelled.images[7:, :2].astype(np.float64)
    assert found.image_mean == pytest.approx(images.mean(), rel=1e-12)
    assert found.image_std == pytest.approx(images.std(), rel=1e-10)
    assert found.parameter_mean == pytest.approx(labelled.parameters[7:].mean(axis=0))
    assert found.parameter_std == pytest.approx(labelled.parameters[7:].std(axis=0))


def test_the_normalisation_does_not_see_validation_and_test(labelled):
    before = fit_normalisation(labelled, range(7, 20), 3)
    labelled.images[:7] = 1e6
    labelled.parameters[:7] = -1e6
    assert fit_normalisation(labelled, range(7, 20), 3) == before


def test_the_normalisation_is_the_same_however_much_is_read_at_once(labelled, monkeypatch):
    whole = fit_normalisation(labelled, range(7, 20), 3)
    monkeypatch.setattr(dataset, "READ_BYTES", 1)
    assert fit_normalisation(labelled, range(7, 20), 3) == whole


def test_normalised_parameters_come_back_in_their_units(labelled):
    found = fit_normalisation(labelled, range(7, 20), 3)
    back = found.physical(found.parameters(labelled.parameters))
    assert back == pytest.approx(labelled.parameters, rel=1e-6)


def test_a_parameter_that_does_not_vary_is_named(labelled):
    labelled.parameters[:, 1] = 5.0
    with pytest.raises(UserError, match="b does not vary over the 13 training light-cones"):
        fit_normalisation(labelled, range(7, 20), 3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_image_with_nan_names_its_light_cone(labelled, value):
    labelled.images[11, 2, 3, 3] = value
    with pytest.raises(UserError, match="light-cone 11 hold NaN or infinity"):
        fit_normalisation(labelled, range(7, 20), 3)
    fit_normalisation(labelled, range(7, 20), 2)  # an image that is not used does no harm


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
    monkeypatch.setattr(dataset, "SHUFFLED_BYTES", 5 * 3 * labelled.image_bytes)
    monkeypatch.setattr(dataset, "READ_BYTES", 4 * 3 * labelled.image_bytes)
    array = zarr.create_array(tmp_path / "images.zarr", data=labelled.images, chunks=(1, 3, 4, 6))
    on_disk = LabelledImages(array, labelled.parameters, labelled.names)
    staged, streamed = batches(labelled), batches(on_disk, memory=1)
    assert streamed._staged is None
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
    monkeypatch.setattr(dataset, "SHUFFLED_BYTES", 5 * 3 * labelled.image_bytes)
    array = zarr.create_array(tmp_path / "images.zarr", data=labelled.images, chunks=(1, 3, 4, 6))
    on_disk = LabelledImages(array, labelled.parameters, labelled.names)
    staged, streamed = batches(labelled, flip=True), batches(on_disk, memory=1, flip=True)
    for (pixels, _), (same, _) in zip(
        drawn(staged, epochs=2), drawn(streamed, epochs=2), strict=True
    ):
        assert torch.equal(pixels, same)


def test_using_images_does_not_change_them(labelled):
    before = labelled.images.copy()
    drawn(batches(labelled))
    assert np.array_equal(labelled.images, before)


def test_images_and_parameters_of_different_light_cones_do_not_go_together(labelled):
    with pytest.raises(ValueError, match="do not belong together"):
        LabelledImages(labelled.images[:5], labelled.parameters, labelled.names)
