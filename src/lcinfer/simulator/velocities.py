"""Peculiar velocities: what they do to the 21-cm optical depth, and the move to redshift space.

Two effects, each a function here (Mao et al. 2012, MNRAS 422, 926; Jensen et al. 2013, MNRAS 435,
460). Where gas expands along the line of sight beside the Hubble flow, the 21-cm line is crossed
faster: tau becomes tau / |1 + (dv/dr) / H|. And a cell appears at the comoving distance
s = r + v / H.

Velocities are 21cmFAST's: along the last axis, comoving, in Mpc/s, so that v / H is a comoving
displacement with no factor of 1 + z.
"""

from collections.abc import Iterator

import numpy as np

from ..base.errors import UserError
from ..config.sections import Simulation
from .lightcone import BadLightCone, redshift_at

# As astropy rounds them: light-cones are to be py21cmfast's to the last bit.
KM_IN_MPC = 3.085677581491367e19
KM_PER_S_PER_MPC = 3.240779289444365e-20  # in 1/s

# Treatments that move cells of the light-cone, which need cells beyond its ends.
BEYOND_THE_ENDS = ("shift", "both")
# How far beyond, in Mpc, nodes reach at least: several rms displacements, 1.6 Mpc at z = 6 along
# one axis and 4.5 Mpc today.
MARGIN = 15.0

SUBCELLS_OF_LIGHT_CONE = 4  # py21cmfast's n_rsd_subcells
SUBCELLS_OF_BOX = 20  # N_RSD_STEPS of version 3 and of GM18's code
BLOCK_VOXELS = 2**18  # worked on at once: temporaries take some 20 MB


def reach(simulation: Simulation, redshift: np.ndarray, distance: np.ndarray) -> list[float]:
    """The nearest and the farthest redshift that the nodes must enclose.

    Args:
        simulation: the settings; ``simulator.treatment`` decides.
        redshift: of the light-cone's cells.
        distance: of the same, in Mpc.

    Raises:
        UserError: if cells are to be moved in a light-cone that begins at the observer.
    """
    if simulation.simulator.treatment not in BEYOND_THE_ENDS:
        return [simulation.lightcone.z_min, float(redshift[-1])]
    margin = MARGIN + 2 * simulation.box.cell_size
    ends = np.array([distance[0] - margin, distance[-1] + margin])
    if ends[0] < 0:
        raise _too_near(simulation)
    near = float(redshift_at(simulation.cosmology, ends[:1])[0])
    far = float(redshift_at(simulation.cosmology, ends[1:], simulation.lightcone.z_min)[0])
    return [near, far]


def nodes_below(simulation: Simulation, near: float) -> list[float]:
    """Nodes that follow on the one at ``lightcone.z_min``, until one is not above ``near``.

    Raises:
        UserError: if the next node would lie in the future.
    """
    nodes, node = [], simulation.lightcone.z_min
    while node > near:
        node = (1 + node) / simulation.simulator.z_step_factor - 1
        if node < 0:
            raise _too_near(simulation)
        nodes.append(node)
    return nodes


def _too_near(simulation: Simulation) -> UserError:
    return UserError(
        f"database.simulator.velocities {simulation.simulator.treatment} needs a node below "
        f"database.lightcone.z_min, and {simulation.lightcone.z_min:g} leaves no room for one"
    )


def include_gradient(
    brightness: np.ndarray,
    velocity: np.ndarray,
    tau: np.ndarray | None,
    hubble: np.ndarray | float,
    cell_size: float,
    *,
    periodic: bool = False,
    largest: float,
) -> None:
    """Put the velocity gradient into the 21-cm optical depth; changes ``brightness`` in place.

    T_b = (1 - exp(-tau / g)) (T_s - T_cmb) / (1 + z), g = |1 + (dv/dr) / H|, where T_b without
    velocities had g = 1. Voxel by voxel what ``py21cmfast.rsds.include_dvdr_in_tau21`` makes.

    Args:
        brightness: T_b without velocities in mK, float32, shape (x, y, line of sight).
        velocity: same shape, Mpc/s.
        tau: 21-cm optical depth, same shape; None in the limit T_s >> T_cmb, where T_b is
            divided by g, with (dv/dr) / H held within +-``largest``.
        hubble: H of each cell along the line of sight, or of all, in km/s/Mpc.
        cell_size: in Mpc.
        periodic: take the gradient in Fourier space, in a periodic box; otherwise by central
            differences.
        largest: see ``tau``; py21cmfast's MAX_DVDR.
    """
    for rows in _blocks(brightness):
        along = _gradient(velocity[rows], cell_size, periodic)
        if tau is None:
            limit = largest * hubble * KM_PER_S_PER_MPC
            slowed = np.abs(1.0 + np.clip(along, -limit, limit) / hubble * KM_IN_MPC)
            brightness[rows] = brightness[rows] / slowed
            continue
        slowed = np.abs(1.0 + along / hubble * KM_IN_MPC)
        depth = tau[rows].astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = (1.0 - np.exp(-depth / slowed)) / (1.0 - np.exp(-depth))
        # Without optical depth there is no signal, and the factor would be 0 / 0.
        brightness[rows] *= np.where(depth < 1e-10, 1.0, factor).astype(np.float32)


def _gradient(velocity: np.ndarray, cell_size: float, periodic: bool) -> np.ndarray:
    """dv/dr in 1/s."""
    if not periodic:
        # A float64 spacing: differences of float32 are then divided in float64.
        return np.asarray(np.gradient(velocity, np.float64(cell_size), axis=-1, edge_order=2))
    cells = velocity.shape[-1]
    wavenumber = 2 * np.pi * np.fft.rfftfreq(cells, cell_size)
    return np.fft.irfft(1j * wavenumber * np.fft.rfft(velocity), n=cells)


def move_to_redshift_space(
    field: np.ndarray,
    velocity: np.ndarray,
    hubble: np.ndarray | float,
    cell_size: float,
    *,
    periodic: bool = False,
    subcells: int = SUBCELLS_OF_LIGHT_CONE,
) -> None:
    """Move a field along the line of sight by v / H; changes it in place.

    With ``periodic=False`` this is ``py21cmfast.rsds.apply_rsds`` up to rounding (sums are in
    float64 here, in float32 there), with ``periodic=True`` and 20 sub-cells version 3's
    ``apply_subcell_rsds``. Args are those of :func:`include_gradient`; the field may be any.
    """
    for rows in _blocks(field):
        displacement = velocity[rows] / hubble * (KM_IN_MPC / cell_size)
        field[rows] = moved(field[rows], displacement, subcells, periodic)


def moved(field: np.ndarray, displacement: np.ndarray, subcells: int, periodic: bool) -> np.ndarray:
    """A field whose cells were cut into sub-cells and each of those moved along the last axis.

    A sub-cell has its share of its cell's value and moves by the displacement at its centre,
    linear between the centres of cells. Where it lands, cells get the parts of it that they
    cover. The sum along a line is kept, but for what leaves an open end.

    Args:
        field: shape (..., cells along the line of sight).
        displacement: in cells, same shape, positive towards higher indices.
        subcells: sub-cells of a cell.
        periodic: whether the line is closed; an open one has its displacements extrapolated.

    Returns:
        float64, of the field's shape.

    Raises:
        BadLightCone: if a displacement is NaN or infinite.
    """
    cells = field.shape[-1]
    share = field.reshape(-1, cells) / np.float64(subcells)
    by = displacement.reshape(-1, cells).astype(np.float64)
    if periodic:
        around = np.concatenate([by[:, -1:], by, by[:, :1]], axis=1)
    else:
        ends = 2 * by[:, :1] - by[:, 1:2], 2 * by[:, -1:] - by[:, -2:-1]
        around = np.concatenate([ends[0], by, ends[1]], axis=1)
    if not np.isfinite(around).all():
        raise BadLightCone("velocities are NaN or infinite")
    pad = int(np.ceil(np.abs(around).max())) + 1  # no sub-cell lands beyond it
    width = cells + 2 * pad
    total = np.zeros(len(share) * width)
    line = np.arange(len(share))[:, None] * width
    for subcell in range(subcells):
        off = (subcell + 0.5) / subcells - 0.5  # of the sub-cell's centre from the cell's
        other = around[:, :-2] if off < 0 else around[:, 2:]
        low = (1 - abs(off)) * by + abs(off) * other  # the sub-cell's lower edge, once moved
        low += pad + np.arange(cells) + subcell / subcells
        into = low.astype(np.intp)  # the floor: nothing is below 0
        within = np.minimum((into + 1 - low) * subcells, 1.0) * share
        into += line
        for index, part in ((into, within), (into + 1, share - within)):
            total += np.bincount(index.ravel(), part.ravel(), minlength=total.size)
    padded = total.reshape(-1, width)
    if not periodic:
        return padded[:, pad : pad + cells].reshape(field.shape)
    closed = np.zeros(share.shape)
    np.add.at(closed.T, np.arange(-pad, cells + pad) % cells, padded.T)
    return closed.reshape(field.shape)


def _blocks(cube: np.ndarray) -> Iterator[slice]:
    """Rows of a cube that are worked on at once."""
    rows = max(1, BLOCK_VOXELS // (cube[0].size or 1))
    return (slice(start, start + rows) for start in range(0, len(cube), rows))
