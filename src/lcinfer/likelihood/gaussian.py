"""A Gaussian likelihood of spectra about their emulator."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from .emulator import Emulator


@dataclass(frozen=True)
class Likelihood:
    """Of the principal components of spectra, scaled by their scatter."""

    emulator: Emulator
    """Parameters -> components."""
    centre: np.ndarray
    """(number,) taken off spectra first."""
    components: np.ndarray
    """(number, component) that they are then multiplied with."""
    precision: np.ndarray
    """(component, component) inverse of the covariance."""

    @classmethod
    def of(
        cls, emulator: Emulator, spectra: np.ndarray, residuals: np.ndarray, components: int
    ) -> Self:
        """That of spectra (light_cone, number) with these residuals about the emulator.

        Spectra are divided by the scatter of their residuals, bin by bin. Of these the components
        are taken that vary most over the light-cones: in which signal most exceeds scatter. The
        covariance is that of the residuals, cosmic variance and emulator error in one. Its inverse
        is multiplied as Hartlap et al. 2007 (A&A 464, 399, Eq. 17) do, since it is estimated from
        so many light-cones.
        """
        light_cones = len(residuals)
        scatter = residuals.std(axis=0)
        scatter = np.where(scatter > 0, scatter, np.inf)  # what never scatters tells nothing apart
        centre = spectra.mean(axis=0)
        scaled = (spectra - centre) / scatter
        _, sizes, directions = np.linalg.svd(scaled, full_matrices=False)
        components = min(components, int((sizes > 1e-9 * sizes[0]).sum()))  # others are constant
        projection = directions[:components].T / scatter[:, None]
        covariance = np.cov(residuals @ projection, rowvar=False).reshape(len(projection.T), -1)
        hartlap = (light_cones - projection.shape[1] - 2) / (light_cones - 1)
        precision = hartlap * np.linalg.inv(covariance)
        return cls(emulator.then(projection, centre), centre, projection, precision)

    def reduced(self, spectra: np.ndarray) -> np.ndarray:
        """(..., number) -> (..., component)."""
        return np.asarray((spectra - self.centre) @ self.components)

    def log(self, observed: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """(point,) natural logarithm of the likelihood of parameters (point, parameter), up to a
        constant; ``observed`` is one light-cone's :meth:`reduced` spectra."""
        off = self.emulator(parameters) - observed
        return np.asarray(-0.5 * np.einsum("pi,ij,pj->p", off, self.precision, off))
