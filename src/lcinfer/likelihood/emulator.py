"""What spectra a set of parameters gives: networks fitted on light-cones, in place of simulations.

Schmit & Pritchard 2018 (MNRAS 475, 1213) emulate spectra with a fully connected network, Kern et
al. 2017 (ApJ 848, 23) with Gaussian processes, whose cost grows with the cube of the light-cones.
Here the light-cones are split into ``FOLDS``, and as many networks are each fitted on all but one
of them. The emulator is their mean. What each fold differs by from the network that has not seen
it holds both the light-cones' own scatter, which a mean cannot know, and the emulator's error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.functional import silu

FOLDS = 5
STEPS = 1500  # of Adam, over all light-cones at once, at a rate that falls along half a cosine
RATE = 3e-3
DECAY = 0.3  # of the weights, at each step times the rate (AdamW)


@dataclass(frozen=True)
class Emulator:
    """Parameters -> the mean of spectra, or of what follows from these linearly."""

    low: np.ndarray
    """(parameter,) ends of the prior."""
    high: np.ndarray
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    """Weights (fold, in, out) and biases (fold, 1, out), one behind the other."""

    def __call__(self, parameters: np.ndarray) -> np.ndarray:
        """(point, parameter) in the units of the prior -> (point, number)."""
        return np.asarray(self.folds(parameters).mean(axis=0))

    def folds(self, parameters: np.ndarray) -> np.ndarray:
        """(fold, point, number) of each network."""
        values = 2 * (parameters - self.low) / (self.high - self.low) - 1
        *hidden, (weights, biases) = self.layers
        for weight, bias in hidden:
            values = values @ weight + bias
            values = values / (1 + np.exp(-values))
        return np.asarray(values @ weights + biases)

    def then(self, scale: np.ndarray, shift: np.ndarray) -> "Emulator":
        """The emulator of ``(spectra - shift) @ scale``."""
        *hidden, (weights, biases) = self.layers
        last = (weights @ scale, (biases - shift) @ scale)
        return Emulator(self.low, self.high, (*hidden, last))


def fit(
    parameters: np.ndarray,
    spectra: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    hidden: Sequence[int],
    seed: int,
) -> tuple[Emulator, np.ndarray]:
    """Fit an emulator.

    Args:
        parameters: (light_cone, parameter).
        spectra: (light_cone, number).
        low: (parameter,) ends of the prior.
        high: the others.
        hidden: neurons of the hidden layers.
        seed: decides first weights and folds.

    Returns:
        The emulator; (light_cone, number) spectra less what a network says that has not seen them.
    """
    generator = torch.Generator().manual_seed(seed)
    fold = torch.randperm(len(spectra), generator=generator) % FOLDS
    seen = (fold != torch.arange(FOLDS)[:, None])[..., None]  # (fold, light_cone, 1)
    mean, spread = spectra.mean(axis=0), spectra.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    points = torch.from_numpy((2 * (parameters - low) / (high - low) - 1).astype(np.float32))
    wanted = torch.from_numpy(((spectra - mean) / spread).astype(np.float32))
    sizes = [points.shape[1], *hidden, wanted.shape[1]]
    layers = [
        (
            nn.Parameter(torch.randn(FOLDS, one, other, generator=generator) / one**0.5),
            nn.Parameter(torch.zeros(FOLDS, 1, other)),
        )
        for one, other in pairwise(sizes)
    ]
    weights_and_biases = [it for layer in layers for it in layer]
    optimiser = torch.optim.AdamW(weights_and_biases, RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    counted = seen.sum() * wanted.shape[1]
    for _ in range(STEPS):
        values = points.expand(FOLDS, -1, -1)
        for number, (weight, bias) in enumerate(layers, start=1):
            values = torch.baddbmm(bias, values, weight)
            values = silu(values) if number < len(layers) else values
        loss = ((values - wanted).square() * seen).sum() / counted
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        optimiser.step()
        schedule.step()
    arrays = [tuple(it.detach().double().numpy() for it in layer) for layer in layers]
    weights, biases = arrays[-1]
    arrays[-1] = (weights * spread, biases * spread + mean)
    emulator = Emulator(low, high, tuple((weight, bias) for weight, bias in arrays))
    others = emulator.folds(parameters)[fold.numpy(), np.arange(len(spectra))]
    return emulator, spectra - others
