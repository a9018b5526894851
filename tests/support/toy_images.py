"""Images whose brightness follows their parameters, for tests that learn."""

import numpy as np

from lcinfer.config.sections import Split, Training
from lcinfer.images.dataset import LabelledImages

SPLIT = Split(validation=4, test=12)
IDENTITY = {"stage": "training", "version": 1, "images": "abc"}


def toy_images(light_cones: int = 60, images: int = 3, noise: float = 5.0) -> LabelledImages:
    """Images of 8 x 24 cells: ``depth`` sets the brightness, ``edge`` where it ends."""
    random = np.random.default_rng(3)
    parameters = random.uniform([20.0, 4.0], [200.0, 20.0], (light_cones, 2))
    depth, edge = parameters.T
    signal = -depth[:, None] * (np.arange(24) < edge[:, None])
    brightness = random.normal(signal[:, None, None], noise, (light_cones, images, 8, 24))
    return LabelledImages(brightness.astype(np.float32), parameters, ("depth", "edge"))


def toy_training(**settings: object) -> Training:
    """A training of the toy images that takes some milliseconds an epoch."""
    network = {
        "convolutions": [{"filters": 4, "kernel": [3, 3], "pool": [2, 2]}],
        "dense": [16, 8],
    }
    defaults = {
        "network": network,
        "epochs": 6,
        "batch": 16,
        "optimiser": {"patience": 1, "learning_rate": 0.02},
    }
    return Training.model_validate({**defaults, **settings})
