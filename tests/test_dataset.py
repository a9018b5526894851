import numpy as np
import pytest

from lcinfer.base.errors import UserError
from lcinfer.config.sections import Split
from lcinfer.images import dataset
from lcinfer.images.dataset import LabelledImages, fit
from lcinfer.images.sets import divide

SPLIT = Split(validation=3, test=4)


@pytest.fixture
def labelled():
    """20 light-cones of 3 images; every image is told apart by its first cell."""
    random = np.random.default_rng(1)
    images = random.normal(-40, 25, (20, 3, 4, 6)).astype(np.float32)
    images[:, :, 0, 0] = np.arange(60).reshape(20, 3)
    return LabelledImages(images, random.uniform(10, 250, (20, 2)), ("a", "b"))


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
    found, _ = fit(labelled, range(7, 20), 2)
    images = labelled.images[7:, :2].astype(np.float64)
    assert found.image_mean == pytest.approx(images.mean(), rel=1e-12)
    assert found.image_std == pytest.approx(images.std(), rel=1e-10)
    assert found.parameter_mean == pytest.approx(labelled.parameters[7:].mean(axis=0))
    assert found.parameter_std == pytest.approx(labelled.parameters[7:].std(axis=0))


def fitted(labelled):
    """Normalisation and envelope as a checkpoint holds them."""
    normalisation, envelope = fit(labelled, range(7, 20), 3)
    return normalisation.plain(), envelope.plain()


def test_neither_normalisation_nor_envelope_sees_validation_and_test(labelled):
    before = fitted(labelled)
    labelled.images[:7] = 1e6
    labelled.parameters[:7] = -1e6
    assert fitted(labelled) == before


def test_both_are_the_same_however_much_is_read_at_once(labelled, monkeypatch):
    whole = fitted(labelled)
    monkeypatch.setattr(dataset, "READ_BYTES", 1)
    assert fitted(labelled) == whole


def test_the_envelope_is_around_the_training_set(labelled):
    _, envelope = fit(labelled, range(7, 20), 2)
    assert envelope.light_cones == 13
    cells = labelled.images[7:, :2].astype(np.float64)
    assert envelope.least[0] == pytest.approx(cells.mean(axis=(1, 2)).min(axis=0))
    assert envelope.most[1] == pytest.approx(cells.std(axis=(1, 2)).max(axis=0))


def test_normalised_parameters_come_back_in_their_units(labelled):
    found, _ = fit(labelled, range(7, 20), 3)
    back = found.physical(found.parameters(labelled.parameters))
    assert back == pytest.approx(labelled.parameters, rel=1e-6)


def test_a_parameter_that_does_not_vary_is_named(labelled):
    labelled.parameters[:, 1] = 5.0
    with pytest.raises(UserError, match="b does not vary over the 13 training light-cones"):
        fit(labelled, range(7, 20), 3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_image_with_nan_names_its_light_cone(labelled, value):
    labelled.images[11, 2, 3, 3] = value
    with pytest.raises(UserError, match="light-cone 11 hold NaN or infinity"):
        fit(labelled, range(7, 20), 3)
    fit(labelled, range(7, 20), 2)  # an image that is not used does no harm


def test_images_and_parameters_of_different_light_cones_do_not_go_together(labelled):
    with pytest.raises(ValueError, match="do not belong together"):
        LabelledImages(labelled.images[:5], labelled.parameters, labelled.names)
