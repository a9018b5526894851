"""A small stand-in run, trained and evaluated once, and observations of its light-cones."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from support.filling import complete
from support.small import small_settings

from lcinfer import config
from lcinfer.images.geometry import Geometry
from lcinfer.lightcones import store
from lcinfer.products.run import Run
from lcinfer.stages import images
from lcinfer.stages.evaluate import evaluate_network
from lcinfer.stages.train import train_network
from lcinfer.training import checkpoint as checkpoints

TESTED = 3  # a light-cone of the test set


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Run:
    """Light-cones, images, a network and its evaluation; only to be read."""
    settings = small_settings()
    settings["mocks"] = {}
    settings["database"]["realizations"] = 24
    settings["split"]["test"] = 6  # the fewest that an interval of 68 % takes
    finished = Run(config.parse(settings), tmp_path_factory.mktemp("infer") / "results")
    complete(finished.database)
    cut = finished.database_images
    images.make(cut)
    train_network(finished.trainings["all_images"], threads=1)
    evaluate_network(finished.evaluations["all_images"], threads=1)
    return finished


@pytest.fixture(scope="session")
def checkpoint(run) -> Path:
    """The trained network's file."""
    return run.trainings["all_images"].checkpoint


@pytest.fixture
def cube(run) -> np.ndarray:
    """A light-cone of the test set in mK, to be spoilt at will."""
    return store.read(run.database.store, TESTED)


@pytest.fixture
def redshift(run) -> np.ndarray:
    """Its redshifts."""
    found, _ = store.coordinates(run.database.simulation)
    return np.array(found)


@pytest.fixture
def known(checkpoint):
    """Geometry and normalisation of the trained network."""
    loaded = checkpoints.load(checkpoint)
    return Geometry.read(loaded.geometry), loaded.fitted_normalisation()


@pytest.fixture
def expected(run):
    """The images that the pipeline cut from the same light-cone."""
    return zarr.open_array(run.database_images.store, path="images", mode="r")[TESTED]
