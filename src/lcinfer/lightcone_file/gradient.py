"""Whether brightness temperatures have the velocity gradient in their optical depth.

No file of py21cmfast says so. Where velocities and optical depths lie beside them, the voxels do:
without the gradient, T_b / (1 - exp(-tau)) is (T_s - T_cmb) / (1 + z), to which dv/dr along one
line of sight means nothing; with it, the same is multiplied by
g = (1 - exp(-tau / |1 + (dv/dr) / H|)) / (1 - exp(-tau)). So ln |T_b| is regressed, plane by plane,
on ln g and, as T_s follows the density in part, on ln (1 - exp(-tau)). The slope on ln g is 0 or 1.
"""

import numpy as np

THIN = 1e-6  # optical depths below have no signal to speak of
FEWEST = 50  # voxels of a plane
UNSURE = (0.3, 0.7)  # slopes between are neither


def has_gradient(brightness: np.ndarray, tau: np.ndarray, factor: np.ndarray) -> bool | None:
    """Whether the gradient is in; None: the voxels do not tell.

    Args:
        brightness: T_b, shape (x, y, line of sight), any units.
        tau: 21-cm optical depth without the gradient, same shape.
        factor: g, same shape.
    """
    slopes, weights = [], []
    for plane in range(brightness.shape[-1]):
        depth = tau[..., plane].astype(np.float64).ravel()
        signal, by = (np.float64(each[..., plane]).ravel() for each in (brightness, factor))
        seen = (depth > THIN) & (signal != 0) & (by > 0)
        seen &= np.isfinite(signal) & np.isfinite(by)
        if np.count_nonzero(seen) < FEWEST:
            continue
        known = np.log([by[seen], -np.expm1(-depth[seen])]).T
        known -= known.mean(axis=0)
        told = np.log(np.abs(signal[seen]))
        told -= told.mean()
        normal = known.T @ known
        if np.linalg.matrix_rank(normal) < len(normal):
            continue
        fitted = np.linalg.solve(normal, known.T @ told)
        scatter = np.square(told - known @ fitted).mean()
        slopes.append(fitted[0])
        weights.append(1 / (max(scatter, 1e-12) * np.linalg.inv(normal)[0, 0]))
    if not slopes:
        return None
    slope = np.average(slopes, weights=weights)
    return None if UNSURE[0] < slope < UNSURE[1] else bool(slope > 0.5)
