"""What a light-cone file of py21cmfast says of itself: version 4's layout, and version 3's.

``LightCone.save`` writes a file once. ``run_lightcone(lightcone_filename=...)`` leaves one that
grows node by node, and puts the velocity gradient into the light-cone in memory alone: T_b in
that file never has it. ``last_completed_node`` tells neither from the other: it is -1 in a saved
light-cone and in a file just begun, and the last node's in a finished file and in whatever was
saved after such a run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from ..base.errors import UserError, reason
from ..config.sections import Cosmology
from ..simulator.lightcone import cosmology, redshift_at
from ..simulator.velocities import include_gradient
from . import inputs as given
from .gradient import has_gradient
from .hdf5 import opened, values

PLAIN, MOVED = "brightness_temp", "brightness_temp_with_rsds"
VELOCITY, DEPTH = "los_velocity", "tau_21"
HISTORIES = {"neutral_fraction": "neutral_fraction", "global_brightness_temp": "brightness_temp"}
HISTORIES_OF_3 = {**HISTORIES, "neutral_fraction": "xH_box"}
SAMPLE_VOXELS = 2**20  # looked at to tell whether the gradient is in

Gradient = Literal["in", "out", "subcell"]


class NoLightCone(UserError):
    """A file in no layout of py21cmfast's light-cones."""


@dataclass(frozen=True)
class LightConeFile:
    """A light-cone file, of which no voxel has been read."""

    path: Path
    version: str
    """py21cmfast's."""
    written: Mapping[str, Any]
    """The inputs as the file has them."""
    seed: int
    nodes: np.ndarray
    """(node,) redshifts of the evolution, highest first."""
    distance: np.ndarray
    """(line of sight,) comoving Mpc of every cell, buffers included."""
    inner: slice
    """The cells that are no buffer: those lie beyond the ends for velocities to move in from."""
    fields: Mapping[str, tuple[int, ...]]
    """Shapes of the light-cones by py21cmfast's names."""
    single: bool
    """Whether ``brightness_temp`` is in single precision."""
    done: int
    """Nodes that are in it."""
    histories: Mapping[str, np.ndarray]
    """Means over the coeval boxes at the nodes by lcinfer's names, those that are whole."""

    @property
    def is_of_3(self) -> bool:
        """Whether version 3 or an earlier one wrote it."""
        return not int(self.version.partition(".")[0]) > 3

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """Inputs that decide a light-cone, whichever way they were given."""
        return given.with_fluctuations(given.with_grid(self.written))

    @cached_property
    def cell_size(self) -> float:
        """Side of a cell in comoving Mpc."""
        grid = given.with_grid(self.written) if "BOX_LEN" not in self.written else self.written
        return float(grid["BOX_LEN"]) / int(grid["HII_DIM"])

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells of the light-cone without its buffers."""
        shape = self.fields[PLAIN]
        if len(shape) != 3:
            return shape
        return (*shape[:2], len(range(*self.inner.indices(len(self.distance)))))

    @property
    def redshift(self) -> np.ndarray:
        """(line of sight,) redshift of each cell that is no buffer.

        Raises:
            UserError: if the distances are none, or beyond redshift 1000.
        """
        return self._redshift[self.inner]

    @cached_property
    def _cosmology(self) -> Cosmology:
        return given.cosmology(self.written)

    @cached_property
    def _redshift(self) -> np.ndarray:
        ascending = np.sort(self.distance)
        if not np.isfinite(ascending).all():
            raise UserError(f"{self.path}: its distances hold NaN or infinity")
        try:
            redshift = redshift_at(self._cosmology, ascending)
        except ValueError as error:
            raise UserError(f"{self.path}: {error}") from None
        return np.asarray(redshift[np.argsort(np.argsort(self.distance))])

    def check_finished(self) -> None:
        """Refuse what a run has left that was not at its end.

        Raises:
            UserError: saying how far it came.
        """
        if self.done < len(self.nodes):
            raise UserError(
                f"{self.path}: unfinished: it holds {self.done} of {len(self.nodes)} nodes; run "
                "run_lightcone again with the same lightcone_filename to go on, and save its result"
            )

    @cached_property
    def gradient(self) -> Gradient | None:
        """Whether T_b has the velocity gradient in it, or more as version 3's SUBCELL_RSD; None:
        nothing tells.
        """
        if self.is_of_3:
            if "APPLY_RSDS" not in self.written:
                return None
            if not self.written["APPLY_RSDS"]:
                return "out"
            return "subcell" if self.written.get("SUBCELL_RSD") else "in"
        if VELOCITY not in self.fields:
            return "out"
        if not self._spins:  # py21cmfast divides by double precision: the result has it too
            return "out" if self.single else "in"
        if DEPTH not in self.fields:
            return "out"
        rows = slice(None, None, max(1, int(np.prod(self.fields[PLAIN])) // SAMPLE_VOXELS))
        cells = (rows, slice(None))
        with opened(self.path) as file:
            cubes = file["lightcones"]
            cube, tau = (values(cubes[name], *cells) for name in (PLAIN, DEPTH))
            factor = np.ones(cube.shape, np.float32)
            self._include(cubes, cells, factor, tau)
        found = has_gradient(cube, tau, factor)
        return None if found is None else "in" if found else "out"

    @property
    def _spins(self) -> bool:
        return bool(self.written.get("USE_TS_FLUCT", True))

    @property
    def can_include(self) -> bool:
        """Whether all is there from which to put the gradient in."""
        needed = {VELOCITY, DEPTH} if self._spins else {VELOCITY}
        return not self.is_of_3 and needed <= self.fields.keys()

    def brightness(
        self, quantity: str, include: bool, across: tuple[Any, Any], along: slice
    ) -> Any:
        """Cells of the light-cone in mK, float32.

        Args:
            quantity: by py21cmfast's name.
            include: put the velocity gradient in.
            across: what to take of the transverse axes.
            along: the cells along the line of sight, counted without the buffers.

        Raises:
            UserError: if they cannot be read.
        """
        start, stop = (self.inner.start + end for end in (along.start, along.stop))
        with opened(self.path) as file:
            cubes = file["lightcones"]
            if not include:
                part = values(cubes[quantity], *across, slice(start, stop))
                return np.asarray(part, np.float32)
            # dv/dr needs the neighbours: whole lines of sight, as in py21cmfast.
            whole = np.array(values(cubes[quantity], *across), np.float32)
            tau = values(cubes[DEPTH], *across) if self._spins else None
            self._include(cubes, across, whole, tau)
        return np.ascontiguousarray(whole[..., start:stop])

    def _include(
        self, cubes: h5py.Group, across: tuple[Any, Any], whole: np.ndarray, tau: np.ndarray | None
    ) -> None:
        lines = (-1, whole.shape[-1])
        hubble = cosmology(self._cosmology).H(self._redshift).to_value("km / (s Mpc)")
        include_gradient(
            whole.reshape(lines),
            values(cubes[VELOCITY], *across).reshape(lines),
            None if tau is None else tau.reshape(lines),
            np.asarray(hubble),
            self.cell_size,
            largest=float(self.written.get("MAX_DVDR", 0.2)),
        )


def read(path: Path) -> LightConeFile:
    """What a file says of its light-cone.

    Raises:
        NoLightCone: if py21cmfast did not save it.
        UserError: if it is missing, locked or damaged, or holds no brightness temperature.
        PermissionError: if it cannot be read.
    """
    with opened(path) as file:
        try:
            if "InputParameters" in file and "lightcones" in file:
                return _version_4(path, file)
            if "user_params" in file and "lightcones" in file:
                return _version_3(path, file)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise UserError(
                f"{path}: not a light-cone with {PLAIN} that py21cmfast saved, or a damaged one: "
                f"{reason(error)}"
            ) from None
    raise NoLightCone(f"{path}: no light-cone that py21cmfast 4 or 3.4 saved")


def _version_4(path: Path, file: h5py.File) -> LightConeFile:
    group = file["InputParameters"]
    distance = values(file["lightcone_distances"]).astype(np.float64)
    nodes = given.nodes(group)
    last = int(file.attrs.get("last_completed_node", -1))
    return LightConeFile(
        path=path,
        version=str(group.attrs["21cmFAST-version"]),
        written=given.read(group, given.STRUCTS),
        seed=int(group.attrs["random_seed"]),
        nodes=nodes,
        distance=distance,
        inner=slice(
            int(file.attrs.get("lowz_buffer_pixels", 0)),
            len(distance) - int(file.attrs.get("highz_buffer_pixels", 0)),
        ),
        done=last + 1 if last >= 0 else _reached(file, len(nodes)),
        **_light_cones(file, len(nodes), HISTORIES),
    )


def _version_3(path: Path, file: h5py.File) -> LightConeFile:
    if "distances" not in file:
        raise ValueError("it has no distances, as those of py21cmfast before 3.4")
    nodes = given.nodes(file)
    distance = values(file["distances"]).astype(np.float64)
    reached = float(file.attrs.get("current_redshift", nodes.min()))
    return LightConeFile(
        path=path,
        version=str(file.attrs.get("version", "3")),
        written=given.read(file, given.STRUCTS_OF_3),
        seed=int(file.attrs["random_seed"]),
        nodes=nodes,
        distance=distance,
        inner=slice(0, len(distance)),
        done=int(np.count_nonzero(nodes >= reached * (1 - 1e-9))),
        **_light_cones(file, len(nodes), HISTORIES_OF_3),
    )


def _light_cones(file: h5py.File, nodes: int, names: Mapping[str, str]) -> dict[str, Any]:
    cubes, means = file["lightcones"], file.get("global_quantities", {})
    histories = {
        ours: values(means[theirs]).astype(np.float64)
        for ours, theirs in names.items()
        if theirs in means and means[theirs].shape == (nodes,)
    }
    return {
        "fields": {name: cubes[name].shape for name in cubes},
        "single": cubes[PLAIN].dtype.itemsize <= np.dtype(np.float32).itemsize,
        "histories": {name: each for name, each in histories.items() if np.isfinite(each).all()},
    }


def _reached(file: h5py.File, nodes: int) -> int:
    """Nodes whose means over the box are there; a node that was not reached has zeros."""
    means = [values(each) for each in file.get("global_quantities", {}).values()]
    means = [each for each in means if each.shape == (nodes,)]
    if not means:
        return nodes
    reached = np.flatnonzero(np.any(np.array(means) != 0, axis=0))
    if not len(reached):
        return 0
    # T_b and the neutral fraction alone are both 0 once all is ionised.
    return nodes if len(means) <= len(HISTORIES) else int(reached[-1]) + 1
