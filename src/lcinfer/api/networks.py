"""A trained network that tells the parameters of light-cones."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

import pandas as pd

from ..base.errors import UserError
from ..infer import recover
from ..infer.observation import Observation
from ..infer.posterior import COUNT
from ..infer.recover import Inference
from ..products.networks import TrainingRun
from ..products.product import RESULTS
from ..products.run import Run
from ..training.checkpoint import found
from .observed import observed
from .sources import AnyPath, is_configuration, not_here, one_of, run_of


@dataclass(frozen=True, repr=False)
class Network:
    """A trained network, with what its predictions of the test set say of its errors."""

    inference: Inference

    def __repr__(self) -> str:
        made = self.inference.checkpoint.network["architecture"]
        return f"<lcinfer.Network: {made}, of {', '.join(self.parameters)}>"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that it tells, by py21cmfast's names."""
        return tuple(self.inference.checkpoint.names)

    def predict(
        self,
        brightness: Any,
        redshift: Any = None,
        cell_size: float | None = None,
        *,
        dataset: str | None = None,
        instrument: str | None = None,
        each_image: bool = False,
        batch: int = recover.BATCH,
    ) -> pd.DataFrame:
        """The parameters of light-cones, each with the interval that the test set showed.

        Args:
            brightness: 21-cm brightness temperature in mK, the nearest cell first: an array (x, y,
                line of sight) or (light-cone, x, y, line of sight); light-cones of a database that
                :func:`lcinfer.open_database` opened, which know where they lie; or the name of a
                file that ``lcinfer infer`` reads (docs/inference.md). An xarray's attribute
                ``velocities`` says how peculiar velocities are treated in it, as
                ``database.simulator.velocities``.
            redshift: of an array, of each cell along the line of sight; frequencies are understood.
                Of a file without them: another file, or the name of an array in it.
            cell_size: side of a cell across the line of sight in comoving Mpc.
            dataset: of a file with several arrays, the name of the one that is meant.
            instrument: the name of the one that has seen them; None: what the array's attribute
                ``instrument`` says, or none has.
            each_image: whether to give the parameters that each image alone points to as well.
            batch: images in the network at a time.

        Returns:
            A row for each light-cone and parameter: ``observation``, ``image`` ("average": over its
            images), ``parameter``, ``predicted``, ``low`` and ``high`` (ends of the interval) in
            py21cmfast's names and units, and what the interval rests on, as in the file that
            ``lcinfer infer --out`` writes. Of a network that gives a posterior: its mean,
            ``spread`` and the intervals ``low_68`` to ``high_68``, ``low_95`` to ``high_95``, and
            that of another ``confidence``.

        Raises:
            UserError: if a light-cone is not what the network was trained on, naming what differs.

        Warns:
            UserWarning: if a light-cone is unlike all of the training set; of what its file lacks.
        """
        rows = []
        for observation in self._observed(brightness, redshift, cell_size, dataset, instrument):
            recovered = self.inference.recover(observation, batch)
            unlike = (f"unlike the training set: {each}" for each in recovered.unlike or ())
            for said in (*observation.remarks, *unlike):
                warnings.warn(f"{observation.name}: {said}", stacklevel=2)
            rows += recover.rows(recovered, each_image)
        table = pd.DataFrame(rows, columns=list(self.inference.columns))
        if self.inference.gives_posterior:
            return table
        return table.astype(dict.fromkeys(("predicted", "low", "high"), float))

    def sample(
        self,
        brightness: Any,
        redshift: Any = None,
        cell_size: float | None = None,
        *,
        count: int = COUNT,
        seed: int = 0,
        dataset: str | None = None,
        instrument: str | None = None,
        batch: int = recover.BATCH,
    ) -> pd.DataFrame:
        """Samples of the posterior of light-cones, from all images of each together.

        Args:
            brightness: as :meth:`predict` takes it, and so all others but count and seed.
            count: samples of each light-cone, 1 or more.
            seed: decides them; a whole number, 0 or more.

        Returns:
            A row for each sample: ``observation`` and the parameters, in py21cmfast's names and
            units, none outside the prior.

        Raises:
            UserError: as :meth:`predict`; if the network gives no posterior.
        """
        _check_whole("count", count, 1)
        _check_whole("seed", seed, 0)
        tables = []
        for observation in self._observed(brightness, redshift, cell_size, dataset, instrument):
            samples = self.inference.samples(observation, batch, count, seed)
            table = pd.DataFrame(samples, columns=list(self.parameters))
            table.insert(0, "observation", observation.name)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def _observed(
        self,
        brightness: Any,
        redshift: Any,
        cell_size: float | None,
        dataset: str | None,
        instrument: str | None,
    ) -> Iterator[Observation]:
        """The light-cones with the instrument that has seen them, as it is given or they say."""
        known = self.inference.geometry.velocities
        for observation in observed(brightness, redshift, cell_size, dataset, known):
            yield observation if instrument is None else replace(observation, instrument=instrument)


def _check_whole(argument: str, value: Any, least: int) -> None:
    """Refuse what is no whole number that PyTorch takes."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not (whole and least <= value < 2**63):
        raise UserError(f"{argument}={value!r}: should be a whole number from {least} to 2**63 - 1")


def load_network(
    source: AnyPath,
    name: str | None = None,
    *,
    results: AnyPath = RESULTS,
    evaluation: AnyPath | None = None,
    confidence: float = 0.68,
    device: str | None = None,
) -> Network:
    """Load a trained network.

    Args:
        source: a configuration file, a checkpoint, or the directory of one.
        name: of a configuration: the training; None: its only one.
        results: of a configuration: where its products are.
        evaluation: directory of the test set's predictions; None: it is looked for beside.
        confidence: the share of the test set's errors, or of a posterior, that an interval holds.
        device: ``cpu`` or ``cuda``; None: the GPU when there is one.

    Raises:
        UserError: if it is missing, damaged, unfinished or of another version.
    """
    if is_configuration(source):
        path = checkpoint_of(run_of(source, results), name)
    elif name is not None:
        raise UserError(f"{source}: a training's name goes with a configuration file")
    else:
        path = found(Path(source))
        if not path.is_file():
            instead = "a configuration file and a training's name"
            raise not_here(Path(source), "trained network", TrainingRun.kind, instead)
    where = None if evaluation is None else Path(evaluation)
    return Network(recover.load(path, device, where, confidence))


def checkpoint_of(run: Run, name: str | None) -> Path:
    """Where a configuration's training has its checkpoint."""
    if name in run.mcmc:
        raise UserError(run.mcmc[name].no_network)
    path = one_of(run.trainings, name, "training").checkpoint
    if not path.exists():
        raise UserError(run.unfinished(path))
    return path
