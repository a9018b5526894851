"""Files of light-cones, looked at before any is adopted: what they say, and all voxels."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import UserError, no_such_file
from ..base.fingerprint import canonical_json
from ..config.sections import Database, Simulation
from ..lightcone_file import saved
from ..lightcone_file.saved import HISTORIES, LightConeFile
from ..lightcone_file.treatment import Cube, treated
from ..simulator import lightcone
from ..simulator.lightcone import BadLightCone, LightCone
from ..simulator.velocities import BEYOND_THE_ENDS

CELL_TOLERANCE = 0.01  # of a cell, between where a cell lies and where it should
OF_CLASS = 1e-4  # relative: SIGMA_8 that follows from A_s


@dataclass(frozen=True)
class Candidate:
    """A file whose light-cone is of the configuration's box, cosmology and extent."""

    file: LightConeFile
    sha256: str
    cube: Cube
    unlike: str | None
    """Why its velocities are not treated as the configuration says; the cube is then as it is."""

    @property
    def inputs(self) -> dict[str, Any]:
        """Every input, the nodes and the version."""
        nodes = self.file.nodes.tolist()
        return {**self.file.inputs, "node_redshifts": nodes, "version": self.file.version}

    @property
    def has_histories(self) -> bool:
        """Whether the global histories are whole."""
        return self.file.histories.keys() == HISTORIES.keys()

    def parameters(self, names: Sequence[str]) -> dict[str, float]:
        """The values of the varied parameters."""
        return {name: float(self.file.written[name]) for name in names}

    def as_it_is(self) -> "Candidate":
        """The same, with its velocities treated in whatever way they are."""
        remarks = () if self.cube.includes else self.cube.remarks
        cube = Cube(self.file, self.cube.quantity, remarks=remarks)
        return replace(self, cube=cube, unlike=None)

    def light_cone(self, wanted: Simulation) -> LightCone:
        """The part that is wanted, histories if they are whole.

        Raises:
            UserError: if its voxels are none that a database takes.
        """
        nodes = self.file.nodes if self.has_histories else np.array([])
        histories = self.file.histories if self.has_histories else dict.fromkeys(HISTORIES, nodes)
        voxels = self.cube[slice(None), slice(None), slice(0, wanted.lightcone.cells)]
        cone = LightCone(voxels, nodes, **histories)
        try:
            lightcone.refuse_impossible(cone, wanted)
        except BadLightCone as error:
            raise UserError(f"{self.file.path}: {error}") from None
        return cone


def read_candidate(path: Path, wanted: Database, expected: np.ndarray) -> Candidate:
    """Read a file once, hash it, and look at all of its voxels.

    Args:
        path: the file.
        wanted: the configuration's.
        expected: (line of sight,) distances of its cells in Mpc.

    Raises:
        UserError: saying why it cannot be adopted.
    """
    with _readable(path).open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    file = saved.read(path)  # from memory now, if it fits
    file.check_finished()
    _check_inputs(file, wanted)
    _check_extent(file, expected, wanted)
    treatment, unlike = wanted.simulator.treatment, None
    try:
        cube = treated(
            file,
            treatment,
            f"database.simulator.velocities is {treatment}: write what the files have",
        )
    except UserError as error:
        moved = treatment in BEYOND_THE_ENDS and saved.MOVED in file.fields
        cube, unlike = Cube(file, saved.MOVED if moved else saved.PLAIN), str(error)
    candidate = Candidate(file, sha256, cube, unlike)
    candidate.light_cone(wanted)
    return candidate


def _readable(path: Path) -> Path:
    if path.is_dir():
        raise UserError(f"{path}: a directory")
    if not path.exists():
        raise no_such_file(path)
    return path


def _check_inputs(file: LightConeFile, wanted: Database) -> None:
    path, inputs, box = file.path, file.inputs, wanted.box
    expected = {
        **{"HII_DIM": box.cells, "BOX_LEN": box.length, "NON_CUBIC_FACTOR": 1.0},
        **{"HIRES_TO_LOWRES_FACTOR": box.hires_factor, **wanted.cosmology.model_dump()},
    }
    differing = []
    for name, value in expected.items():
        found = inputs.get(name, 1.0 if name == "NON_CUBIC_FACTOR" else None)
        derived = name == "SIGMA_8" and "A_s" in file.written
        tolerance = OF_CLASS if derived else 1e-9
        if found is None or not np.isclose(found, value, rtol=tolerance, atol=0):
            differing.append(f"{name} is {found}, the configuration's is {value!r}")
    if differing:
        raise UserError(f"{path}: {'; '.join(differing)}")
    for name, (low, high) in wanted.prior.items():
        if name not in file.written:
            raise UserError(f"{path}: it has no parameter {name}, which database.prior names")
        if not low <= file.written[name] <= high:
            raise UserError(
                f"{path}: {name} is {file.written[name]:g}, outside database.prior, {low:g} to "
                f"{high:g}"
            )


def _check_extent(file: LightConeFile, expected: np.ndarray, wanted: Database) -> None:
    cells, along, path = wanted.box.cells, wanted.lightcone.cells, file.path
    shape, distance = file.fields[saved.PLAIN], file.distance[file.inner]
    if len(shape) != 3 or shape[:2] != (cells, cells) or len(distance) < along:
        raise UserError(
            f"{path}: {' x '.join(map(str, shape))} cells, not {cells} x {cells} x {along} or more"
        )
    off = np.abs(distance[:along] - expected).max()
    if not off <= CELL_TOLERANCE * wanted.box.cell_size:
        raise UserError(
            f"{path}: its cells lie from {distance[0]:.3f} Mpc on, the configuration's from "
            f"{expected[0]:.3f} Mpc, up to {off:.3g} Mpc apart: is it database.lightcone.z_min, or "
            "was it made with other steps?"
        )


@dataclass(frozen=True)
class Agreement:
    """What light-cones have in common, and what not."""

    common: dict[str, Any]
    """Inputs that are the same in all."""
    follows: dict[str, str]
    """Inputs that py21cmfast sets to a varied parameter."""
    faults: dict[Path, str]
    """Files that do not go with the others, and why."""


def agreement(
    candidates: Sequence[Candidate], names: Sequence[str], differing: Iterable[str]
) -> Agreement:
    """Lay files beside each other; those are at fault that differ from most.

    Args:
        candidates: the files.
        names: the varied parameters.
        differing: other inputs that may differ.
    """
    common: dict[str, Any] = {}
    follows: dict[str, str] = {}
    faults: dict[Path, str] = {}
    known = [candidate.inputs for candidate in candidates]
    unequal = set(names) | set(differing)
    for name in sorted({name for inputs in known for name in inputs} - unequal):
        values = [inputs.get(name) for inputs in known]
        written = [canonical_json(value) for value in values]
        (most, _), *others = Counter(written).most_common()
        usual = values[written.index(most)]
        tied = (
            parameter
            for parameter in names
            if all(inputs.get(name) == inputs[parameter] for inputs in known)
        )
        if not others:
            common[name] = usual
        elif parameter := next(tied, None):
            follows[name] = parameter
        else:
            one = candidates[written.index(most)].file.path
            for candidate, value, text in zip(candidates, values, written, strict=True):
                if text != most:
                    path = candidate.file.path
                    faults.setdefault(path, f"{path}: {name} is {value}, and {usual} in {one}")
    seeds: dict[int, Path] = {}
    for candidate in candidates:
        path, seed = candidate.file.path, candidate.file.seed
        if seed in seeds:
            fault = (
                f"{path} and {seeds[seed]} have the same seed {seed}: with the same initial "
                "conditions they cannot be split into training and test"
            )
            faults.setdefault(path, fault)
        else:
            seeds[seed] = path
    return Agreement(common, follows, faults)
