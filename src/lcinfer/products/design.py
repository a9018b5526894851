"""Index -> parameters and seed, for the database and for its mocks.

Realisation i follows from the database's seed and i alone, so a database grows without
touching what it has.
"""

import json
from collections import Counter
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..base.errors import UserError
from ..base.fingerprint import digest
from ..config.sections import Database, Mock, Simulation
from ..config.seeds import database_seeds, mock_seeds

CORNERS = 256
BETWEEN = 0.618034  # of the way: no whole number where the ends are
INCLUDED = "put in when adopted"  # what the table says of a velocity gradient
TABLE = "adopted.json"  # in a database's directory: parameters and seeds of what was adopted


class Design:
    """Which parameters and which seed each realisation has."""

    simulated: ClassVar[bool] = True
    """Whether they are made by the configuration's engine."""

    @property
    def names(self) -> tuple[str, ...]:
        """The varied parameters in the order of every array of them: sorted."""
        raise NotImplementedError

    @property
    def prior(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest value of each parameter; empty for a point."""
        return {}

    @property
    def content(self) -> dict[str, Any]:
        """What decides the draws; part of the database's fingerprint."""
        raise NotImplementedError

    @property
    def keys(self) -> tuple[str, ...]:
        """What of the configuration decides the light-cones, the simulation included."""
        return ("database",)

    def parameters(self, start: int, stop: int) -> np.ndarray:
        """Parameters of realisations [start, stop), float64 (stop - start, parameters)."""
        raise NotImplementedError

    def seeds(self, start: int, stop: int) -> np.ndarray:
        """Random seeds of realisations [start, stop) in [1, 2^32), all different, int64."""
        raise NotImplementedError

    @property
    def tried(self) -> list[dict[str, float]]:
        """Corners of what can be drawn and a point between: a simulator must accept them."""
        return []

    @property
    def remarks(self) -> list[str]:
        """What else to say wherever the light-cones are spoken of, a sentence each."""
        return []

    @property
    def origin(self) -> str:
        """What made them, and what was chosen then; empty if :attr:`simulated` here."""
        return ""


@dataclass(frozen=True)
class OfDatabase(Design):
    """A database's, whose parameters its prior names."""

    database: Database

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.database.prior))

    @property
    def prior(self) -> dict[str, tuple[float, float]]:
        return self.database.prior


@dataclass(frozen=True)
class PriorDesign(OfDatabase):
    """Draws from the database's prior."""

    @property
    def content(self) -> dict[str, Any]:
        return self.database.model_dump(include={"seed", "sampling", "prior"})

    def parameters(self, start: int, stop: int) -> np.ndarray:
        """See :class:`Design`.

        ``uniform`` draws from the counter-based generator Philox, keyed by the database's
        seed with the index as its counter; ``sobol`` takes points of one scrambled Sobol
        sequence.
        """
        database, dimensions = self.database, len(self.names)
        low, high = np.array([database.prior[name] for name in self.names]).T
        unit = np.empty((stop - start, dimensions))
        if database.sampling == "sobol" and len(unit):
            from scipy.stats import qmc  # half a second, which the Snakefile need not pay

            sequence = qmc.Sobol(dimensions, rng=np.random.default_rng(database.seed))
            # From the first point on, up to a power of two: scipy warns of anything else.
            unit[:] = sequence.random_base2((stop - 1).bit_length())[start:stop]
        elif database.sampling == "uniform":
            for row, index in zip(unit, range(start, stop), strict=True):
                # The counter's high word is the index: 2^192 numbers for each realisation.
                philox = np.random.Philox(key=database.seed, counter=[0, 0, 0, index])
                row[:] = np.random.Generator(philox).random(dimensions)
        return np.asarray(low + unit * (high - low))

    def seeds(self, start: int, stop: int) -> np.ndarray:
        """See :class:`Design`; never a mock's."""
        return database_seeds(self.database.seed, start, stop)

    @property
    def tried(self) -> list[dict[str, float]]:
        """See :class:`Design`; of more than :data:`CORNERS` corners the first, and the last."""
        ends = [self.database.prior[name] for name in self.names]
        corners = [*islice(product(*ends), CORNERS), tuple(high for _, high in ends)]
        between = tuple(low + BETWEEN * (high - low) for low, high in ends)
        return [dict(zip(self.names, point, strict=True)) for point in (*corners, between)]


@dataclass(frozen=True)
class MockDesign(Design):
    """One named point in parameter space, each time with other initial conditions."""

    name: str
    mock: Mock

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.mock.parameters))

    @property
    def keys(self) -> tuple[str, ...]:
        simulation = (f"database.{name}" for name in Simulation.model_fields)
        return (*simulation, f"mocks.{self.name}")

    @property
    def content(self) -> dict[str, Any]:
        return {"mock": self.name, "parameters": self.mock.parameters}

    def parameters(self, start: int, stop: int) -> np.ndarray:
        """See :class:`Design`: the point, once per realisation."""
        point = [self.mock.parameters[name] for name in self.names]
        return np.tile(np.array(point, np.float64), (stop - start, 1))

    def seeds(self, start: int, stop: int) -> np.ndarray:
        """See :class:`Design`; never the database's, nor another mock's."""
        return mock_seeds(self.name, start, stop)

    @property
    def tried(self) -> list[dict[str, float]]:
        return [dict(self.mock.parameters)]


@dataclass(frozen=True)
class AdoptedDesign(OfDatabase):
    """What light-cones have that were not made from a configuration: a table beside them.

    Nothing is simulated, and so nothing tried.
    """

    directory: Path = Path()  # the database's; follows from :attr:`content`

    simulated = False

    @property
    def content(self) -> dict[str, Any]:
        return {"adopted": self.database.adopted}

    def parameters(self, start: int, stop: int) -> np.ndarray:
        """See :class:`Design`.

        Raises:
            UserError: if the table is missing or another one, or has fewer light-cones.
        """
        rows = [[row["parameters"][name] for name in self.names] for row in self._rows(stop)]
        return np.array(rows, np.float64).reshape(-1, len(self.names))[start:]

    def seeds(self, start: int, stop: int) -> np.ndarray:
        """See :class:`Design`; whatever seeds the files have."""
        return np.array([row["seed"] for row in self._rows(stop)], np.int64)[start:]

    @property
    def remarks(self) -> list[str]:
        """See :class:`Design`: what was chosen when they were adopted.

        Raises:
            UserError: as :meth:`parameters`.
        """
        rows = self._table()["light_cones"]
        told = []
        for name in rows[0].get("inputs", {}):
            have = Counter(str(row["inputs"][name]) for row in rows)
            counts = ", ".join(f"{value} in {count}" for value, count in sorted(have.items()))
            told.append(f"{name} differs among the light-cones: {counts}.")
        if included := sum("gradient" in row for row in rows):
            told.append(
                f"In {included} of {len(rows)} light-cones lcinfer put the velocity gradient into "
                "the optical depth when they were adopted."
            )
        return told

    @property
    def origin(self) -> str:
        return " ".join([f"files of 21cmfast {self.version}.", *self.remarks])

    @property
    def version(self) -> str:
        """Of the py21cmfast that the files name, or of all of them."""
        table = self._table()
        rows = (row.get("inputs", {}) for row in table["light_cones"])
        found = {row["version"] for row in rows if "version" in row}
        return ", ".join(sorted(found or {table["inputs"]["version"]}))

    def _table(self) -> dict[str, Any]:
        table = self.directory / TABLE
        try:
            content: dict[str, Any] = json.loads(table.read_bytes())
        except (FileNotFoundError, ValueError):
            raise UserError(f"{table} is missing or damaged: `lcinfer adopt` writes it") from None
        if digest(content) != self.database.adopted:
            raise UserError(f"{table} is not the one that database.adopted says: move it aside")
        return content

    def _rows(self, stop: int) -> list[dict[str, Any]]:
        table, content = self.directory / TABLE, self._table()
        rows: list[dict[str, Any]] = content["light_cones"]
        if stop > len(rows):
            raise UserError(
                f"{table}: {len(rows)} light-cones were adopted: database.realizations "
                "cannot be larger"
            )
        if sorted(rows[0]["parameters"]) != list(self.names):
            raise UserError(
                f"{table}: these light-cones were adopted with the parameters "
                f"{', '.join(sorted(rows[0]['parameters']))}: database.prior must name these"
            )
        return rows[:stop]
