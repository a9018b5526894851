"""A configuration with all that was made from it."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from ..base.errors import UserError
from ..config import Config
from ..planning.outline import outline
from ..products.product import RESULTS
from ..products.run import Run
from ..stages import scored
from . import databases
from .sources import AnyPath, one_of, run_of

if TYPE_CHECKING:
    from .networks import Network


class Experiment:
    """A configuration with all that was made from it: light-cones, networks, scores, figures.

    It reads what there is, and makes nothing: ``snakemake`` does.
    """

    def __init__(self, configuration: AnyPath | Config, *, results: AnyPath = RESULTS) -> None:
        """Read a configuration file.

        Args:
            configuration: the file, or what :func:`lcinfer.config.load` made of it.
            results: where its products are.

        Raises:
            UserError: if the file is missing or wrong.
        """
        self.run = (
            Run(configuration, Path(results))
            if isinstance(configuration, Config)
            else run_of(configuration, results)
        )

    def __repr__(self) -> str:
        """What the configuration makes, and where, as ``lcinfer check`` prints it."""
        return outline(self.run)

    @property
    def config(self) -> Config:
        """The configuration with all of its defaults."""
        return self.run.config

    @property
    def directory(self) -> Path:
        """Where its tables, its report and links to all the rest are."""
        return self.run.summary.directory

    @property
    def trainings(self) -> tuple[str, ...]:
        """The names of its networks, those of repeats and sweeps too."""
        return tuple(self.run.trainings)

    @property
    def figures(self) -> dict[str, dict[str, Path]]:
        """The figures that are there: of what, which one, its file in the first format."""
        return {
            name: {it: path for it in of.figures if (path := of.files(it)[0]).exists()}
            for name, of in self.run.figures.items()
        }

    def database(self, mock: str | None = None) -> xr.Dataset:
        """The light-cones, or a mock's: see :func:`lcinfer.open_database`."""
        return databases.of_run(self.run, mock)

    def network(self, training: str | None = None, **options: Any) -> "Network":
        """A trained network: see :func:`lcinfer.load_network`, which takes the same options."""
        from . import networks  # PyTorch, which the rest does without

        return networks.load_network(networks.checkpoint_of(self.run, training), **options)

    def scores(self) -> pd.DataFrame:
        """R2 of each training, kind of prediction and parameter, with its bootstrap interval.

        The columns are those of ``r2.csv``; parameters are named as py21cmfast does.

        Raises:
            UserError: if the run is not finished.
        """
        missing = [each.scores for each in self.run.evaluations.values() if not each.finished]
        if missing:
            raise UserError(self.run.unfinished(missing[0]))
        return pd.read_csv(io.StringIO(scored.table(self.run)))

    def predictions(self, training: str | None = None, mock: str | None = None) -> pd.DataFrame:
        """True and predicted parameters of every test image, or of every image of a mock.

        Raises:
            UserError: if the run is not finished, or has no training of that name.
        """
        of = one_of(self.run.evaluations, training, "training")
        if mock:
            one_of(self.run.mocks, mock, "mock")
        return self._read(of.mock_predictions(mock) if mock else of.predictions)

    def losses(self, training: str | None = None) -> pd.DataFrame:
        """Learning rate, training loss and validation loss of each epoch.

        Raises:
            UserError: if the training is not begun, or there is none of that name.
        """
        of = one_of(self.run.trainings, training, "training")
        return self._read(of.history)

    def _read(self, table: Path) -> pd.DataFrame:
        if not table.exists():
            raise UserError(self.run.unfinished(table))
        return pd.read_csv(table, comment="#")
