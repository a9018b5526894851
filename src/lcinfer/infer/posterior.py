"""The posterior of one observation: samples, what they are summed up in, and their files."""

from dataclasses import dataclass

import numpy as np
import torch

from ..evaluation.posteriors import LEVELS
from ..evaluation.predict import sampled
from ..training.checkpoint import Checkpoint
from ..training.networks.architectures import Network

COUNT = 10_000  # samples from all images together
ALONE = 1_000  # from each image alone
NO_POSTERIOR = (
    "this network gives a best guess and no posterior: train one whose network.head.kind is "
    "posterior"
)


@dataclass(frozen=True)
class PosteriorSamples:
    """Samples of an observation's parameters, in py21cmfast's units, never outside the prior."""

    samples: np.ndarray
    """(sample, parameter) from all images together."""
    alone: np.ndarray
    """(image, sample, parameter) from each image alone."""

    @classmethod
    def of(
        cls, checkpoint: Checkpoint, network: Network, features: torch.Tensor, seed: int = 0
    ) -> "PosteriorSamples":
        """From the features (image, feature) that the network's trunk made of the images."""
        together = sampled(checkpoint, network, features[None], COUNT, seed)
        alone = sampled(checkpoint, network, features[:, None], ALONE, seed)
        return cls(together[0], alone)

    def summed_up(self, image: int | str, parameter: int) -> dict[str, float]:
        """Spread and credible intervals of a parameter, from an image alone or all together."""
        samples = self.alone[image] if isinstance(image, int) else self.samples
        own = samples[:, parameter].astype(float)
        summed = {"spread": float(own.std(ddof=1))}
        for share in LEVELS:
            low, high = credible(samples, share)[:, parameter].tolist()
            summed |= {f"low_{100 * share:g}": low, f"high_{100 * share:g}": high}
        return summed


def credible(samples: np.ndarray, share: float) -> np.ndarray:
    """(end, parameter) of the central interval that holds a share of (sample, parameter)."""
    ends = [(1 - share) / 2, (1 + share) / 2]
    return np.asarray(np.quantile(samples.astype(float), ends, axis=0))
