"""Power spectra of a light-cone's sections, made as Greig & Mesinger 2018 (GM18) made theirs.

Their mocks: a box of 600 Mpc with cells of 1.5 Mpc, and ten sections of 200 cells along the line of
sight. A smaller box lacks the longest waves and scatters more.
"""

from pathlib import Path

import numpy as np

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "gm18" / "faint_power_spectra.csv"
CELL = 1.5  # Mpc
SECTION_CELLS = 200
EDGES = 2 * np.pi / 600 * 1.35 ** np.arange(24)  # 1/Mpc
# Of the sections' near sides: the mocks' light-cone, with h = 0.678 and a matter density of 0.308.
NEAR_SIDES = (6.001, 6.756, 7.640, 8.683, 9.926, 11.425, 13.254, 15.519, 18.369, 22.024)
# Which cosmology that is: the names of GM18's noise files are the redshifts of the sections'
# middles, and no other one gives them. Its other parameters stand beside in COSMOLOGY.H.
GM18_COSMOLOGY = {
    "hlittle": 0.678,
    "OMm": 0.308,
    "OMb": 0.02226 / 0.678**2,
    "POWER_INDEX": 0.968,
    "SIGMA_8": 0.815,
}


def published() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wavenumbers in 1/Mpc, shape (k,), Delta^2 in mK^2 and its error, shape (section, k)."""
    section, wavenumber, power, error = np.loadtxt(PUBLISHED, delimiter=",", skiprows=6).T
    shape = (int(section.max()) + 1, -1)
    return wavenumber.reshape(shape)[0], power.reshape(shape), error.reshape(shape)


def delta_squared(cube: np.ndarray, cell: float = CELL) -> tuple[np.ndarray, np.ndarray]:
    """k^3 P(k) / (2 pi^2) of a cube less its mean, in shells of |k|.

    Args:
        cube: in mK.
        cell: in Mpc.

    Returns:
        Mean |k| in 1/Mpc and Delta^2 in mK^2 of each shell that has modes.
    """
    transform = np.fft.rfftn(cube - cube.mean())
    axes = [np.fft.fftfreq(n, cell) for n in cube.shape[:2]] + [
        np.fft.rfftfreq(cube.shape[2], cell)
    ]
    wavenumber = 2 * np.pi * np.sqrt(sum(np.square(axis) for axis in np.ix_(*axes))).ravel()
    power = np.abs(transform).ravel() ** 2 * cell**3 / cube.size
    shell = np.digitize(wavenumber, EDGES)
    modes = np.bincount(shell, minlength=len(EDGES) + 1)[1:]
    sums = [
        np.bincount(shell, weights, len(EDGES) + 1)[1:]
        for weights in (wavenumber, wavenumber**3 * power / (2 * np.pi**2))
    ]
    there = modes > 0
    return sums[0][there] / modes[there], sums[1][there] / modes[there]


def sections(cube: np.ndarray, redshift: np.ndarray) -> list[np.ndarray]:
    """The ten sections of a light-cone of GM18's cells; ``redshift`` is of its cells."""
    begins = np.searchsorted(redshift, NEAR_SIDES)
    return [cube[..., begin : begin + SECTION_CELLS] for begin in begins]


def relative(cube: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    """Delta^2 of a FAINT light-cone's sections over the published, shape (section, k)."""
    wavenumber, power, _ = published()
    rows = []
    for part, row in zip(sections(cube, redshift), power, strict=True):
        k, ours = delta_squared(part)
        rows.append(np.exp(np.interp(np.log(wavenumber), np.log(k), np.log(ours))) / row)
    return np.array(rows)
