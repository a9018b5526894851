"""How long `lcinfer infer` takes for one light-cone of the paper's size, on 2 threads.

    python benchmarks/inference.py [--repeats 5]

Random brightness and random weights: neither changes the time. What is timed is all of the verb
but Python's start and the imports: reading the checkpoint, reading and cutting the light-cone, ten
images through the network, intervals from 1,000 test light-cones. The files are in the page cache;
the best of the repeats is printed, and the processor time of that one.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch

from lcinfer import config
from lcinfer.base import durable
from lcinfer.evaluation.evaluate import Predictions, write_predictions
from lcinfer.images.geometry import Geometry
from lcinfer.infer import recover
from lcinfer.infer.observation import observations
from lcinfer.lightcones import store
from lcinfer.products.databases import LightCones
from lcinfer.products.run import Run
from lcinfer.simulator.lightcone import coordinates
from lcinfer.training import checkpoint as checkpoints
from lcinfer.training.checkpoint import Checkpoint
from lcinfer.training.networks.architectures import build

THREADS = 2
MOCK = "A2_TOP"  # a database of one light-cone


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as directory:
        run = Run(config.load(Path("config/config.yaml")), Path(directory))
        checkpoint = write_network(run)
        files = write_light_cones(run.mocks[MOCK], Path(directory))
        print("| what | best / s | processor time / s |\n|---|---|---|")
        show("checkpoint and test set alone", repeats, lambda: ready(checkpoint))
        for name, arguments in files.items():
            show(f"all, from {name}", repeats, lambda given=arguments: infer(checkpoint, given))


def ready(checkpoint: Path) -> recover.Inference:
    """The network, ready for observations."""
    return recover.load(checkpoint, "cpu", None, 0.68)


def infer(checkpoint: Path, arguments: tuple) -> None:
    """What the verb does."""
    inference = ready(checkpoint)
    for observation in observations(*arguments):
        recover.table(inference.recover(observation, recover.BATCH), inference)


def show(what: str, repeats: int, work: Callable[[], object]) -> None:
    """Print a row of the table."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    print("| {} | {:.2f} | {:.2f} |".format(what, *min(times)), flush=True)


def write_network(run: Run) -> Path:
    """A checkpoint and an evaluation as large as the paper's."""
    training, database = run.trainings["ten_images"], run.config.database
    names = run.database.design.names
    network = training.training.network
    redshift, _ = coordinates(database)
    random = np.random.default_rng(1)
    true = run.database.design.parameters(0, 1000)
    noise = random.normal(0, 0.05 * true.std(axis=0), (len(true), 10, len(names)))
    model = build(network, run.config.image_shape, len(names))
    optimiser = torch.optim.RMSprop(model.parameters())
    model(torch.randn(2, 1, *run.config.image_shape)).sum().backward()
    optimiser.step()
    trained = Checkpoint(
        identity={"fingerprint": training.fingerprint},
        network=network.model_dump(mode="json"),
        image_shape=list(run.config.image_shape),
        names=list(names),
        normalisation={
            "image_mean": -30.0,
            "image_std": 40.0,
            "parameter_mean": true.mean(axis=0).tolist(),
            "parameter_std": true.std(axis=0).tolist(),
        },
        epochs=1,
        history=[{"epoch": 1}],
        model=model.state_dict(),
        optimiser=optimiser.state_dict(),
        schedule={},
        random={},
        geometry=Geometry(database.box, run.config.images, tuple(redshift.tolist())).plain(),
    )
    checkpoints.save(trained, training.checkpoint)
    evaluation = run.evaluations["ten_images"]
    tested = Predictions(names, np.arange(len(true)), true, true[:, None] + noise)
    write_predictions(tested, evaluation.predictions)
    durable.write_json(evaluation.scores, {"identity": {"training": training.fingerprint}})
    return training.checkpoint


def write_light_cones(cones: LightCones, directory: Path) -> dict[str, tuple]:
    """The same light-cone in every kind of file."""
    redshift, distance = coordinates(cones.simulation)
    box, cosmology = cones.simulation.box, cones.simulation.cosmology
    shape = (box.cells, box.cells, len(redshift))
    cube = np.random.default_rng(2).normal(-30, 40, shape).astype(np.float32)
    store.prepare(cones)
    store.write(cones.store, 0, cube, cones.simulation)
    np.save(directory / "cone.npy", cube)
    np.save(directory / "redshift.npy", redshift)
    with h5py.File(directory / "cone.h5", "w") as file:  # as py21cmfast's LightCone.save
        file["lightcones/brightness_temp"] = cube
        file["lightcone_distances"] = distance
        options = file.create_group("InputParameters/simulation_options").attrs
        options.update({"BOX_LEN": box.length, "HII_DIM": box.cells})
        file.create_group("InputParameters/cosmo_params").attrs.update(cosmology.model_dump())
    return {
        "HDF5": (str(directory / "cone.h5"),),
        "Zarr": (f"{cones.store}:0",),
        ".npy": (str(directory / "cone.npy"), directory / "redshift.npy", box.cell_size),
    }


if __name__ == "__main__":
    main()
