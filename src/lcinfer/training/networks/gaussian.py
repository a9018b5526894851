"""A Gaussian posterior with a full covariance, averaged over dropout: Levasseur et al. 2017.

The network gives mean and covariance, and dropout stays on at prediction, so that the spread over
what is left out stands for what the weights do not know (arXiv:1708.08843; Gal & Ghahramani 2015).
Here dropout is that of the head's own two layers, and its rate at prediction is the one with which
the intervals hold on the validation set what they should.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, relu

from ...config import networks as settings
from .head import Density

PASSES = 128  # of dropout, behind a density and a point prediction
TRIES = 30  # of a sample to fall into the prior's box; after them it is put at its edge
ROWS = 2**16  # samples at a time; bounds memory
HELD = (0.68, 0.95)
LEAST_WIDTH = -7.0  # logarithm of a normalised parameter's: no likelihood runs away


class GaussianDropout(Density):
    """The posterior as a mixture of Gaussians, one for what each pass of dropout leaves."""

    rate: Tensor

    def __init__(self, features: int, outputs: int, section: settings.GaussianDropout) -> None:
        """Draw its weights from PyTorch's global generator."""
        super().__init__(outputs)
        self._in_training, self._rates = section.dropout, section.rates
        self.register_buffer("rate", torch.tensor(section.dropout))
        self.hidden = nn.Linear(features + 1, section.hidden)
        self.gaussian = nn.Linear(section.hidden, outputs + outputs * (outputs + 1) // 2)

    def errors(self, features: Tensor, targets: Tensor) -> Tensor:
        """See :class:`Density`; when not in training, of the mixture inside the box, in double
        precision."""
        with torch.autocast(features.device.type, enabled=False):
            known = self.averaged(features)
            if self.training:
                seen = relu(self.hidden(dropout(known, self._in_training)))
                mean, root = self._gaussian(dropout(seen, self._in_training))
                return -self._log_normal(targets - mean, root) - self._log_volume
            errors = [
                self._mixture_errors(one, other)
                for one, other in zip(
                    *(torch.split(each, 64) for each in (known, targets)), strict=True
                )
            ]
        return torch.cat(errors)

    def samples(
        self, features: Tensor, count: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """See :class:`Head`: each by a pass of its own, and drawn again outside the box."""
        return torch.cat(
            [
                self._drawn(one, count, len(one), generator)
                for one in torch.split(self.averaged(features), max(1, ROWS // count))
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        """The mean of samples, from the same random numbers for each image."""
        return torch.cat(
            [
                self._drawn(one, PASSES, 1, torch.Generator().manual_seed(0)).mean(1)
                for one in torch.split(self.averaged(features), ROWS // PASSES)
            ]
        )

    def settle(self, features: Tensor, targets: Tensor) -> None:
        """Choose the rate of dropout at prediction by the coverage of the validation set."""
        self.rate.fill_(min(self._rates, key=lambda rate: self._missed(rate, features, targets)))

    def _missed(self, rate: float, features: Tensor, targets: Tensor) -> float:
        """How far coverage is from what it should be, summed over intervals and parameters."""
        self.rate.fill_(rate)
        drawn = self.samples(features, 4 * PASSES, torch.Generator().manual_seed(0))
        missed = 0.0
        for share in HELD:
            ends = torch.tensor([(1 - share) / 2, (1 + share) / 2]).to(drawn)
            low, high = torch.quantile(drawn, ends, dim=1)
            held = ((low <= targets) & (targets <= high)).double().mean(0)
            missed += (held - share).abs().sum().item()
        return missed

    @property
    def _log_volume(self) -> Tensor:
        """Of the box: a density per normalised parameters becomes one per share of the box."""
        return (self.box[1] - self.box[0]).log().sum()

    def _gaussian(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(..., parameter) mean, and (..., parameter, parameter) the lower triangular root R of the
        inverse covariance R^T R."""
        given = self.gaussian(hidden)
        outputs = self.box.shape[1]
        mean, widths, beside = given.split([outputs, outputs, outputs * (outputs - 1) // 2], dim=-1)
        root = torch.diag_embed(torch.exp(-widths.clamp(min=LEAST_WIDTH)))
        rows, columns = torch.tril_indices(outputs, outputs, -1, device=root.device)
        root[..., rows, columns] = beside
        return mean, root

    @staticmethod
    def _log_normal(away: Tensor, root: Tensor) -> Tensor:
        """Log density of a Gaussian at a distance from its mean."""
        scaled = (root @ away[..., None])[..., 0]
        log_widths = torch.diagonal(root, dim1=-2, dim2=-1).log()
        return (log_widths - scaled.square() / 2 - math.log(2 * math.pi) / 2).sum(-1)

    def _passes(
        self, known: Tensor, count: int, rows: int, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """The Gaussians (light-cone, pass, ...) that dropout leaves; of the same for each with
        one of the ``rows``."""
        seen = relu(self.hidden(known[:, None] * self._mask(known, count, rows, generator)))
        return self._gaussian(seen * self._mask(seen, count, rows, generator))

    def _mask(
        self, like: Tensor, count: int, rows: int, generator: torch.Generator | None
    ) -> Tensor:
        kept = torch.rand((rows, count, like.shape[-1]), generator=generator).to(like) >= self.rate
        return kept / (1 - self.rate)

    def _drawn(
        self, known: Tensor, count: int, rows: int, generator: torch.Generator | None
    ) -> Tensor:
        """(light-cone, sample, parameter) inside the box."""
        samples = known.new_zeros((len(known), count, self.box.shape[1]))
        outside = torch.ones_like(samples, dtype=torch.bool)[..., :1]
        for _ in range(TRIES):
            mean, root = self._passes(known, count, rows, generator)
            normal = torch.randn((rows, *mean.shape[1:]), generator=generator).to(mean)
            normal = normal.expand_as(mean)[..., None]
            fresh = mean + torch.linalg.solve_triangular(root, normal, upper=False)[..., 0]
            samples = torch.where(outside, fresh, samples)
            shares = self.shares(samples)
            outside = ((shares < 0) | (shares > 1)).any(-1, keepdim=True)
            if not outside.any():
                break
        return torch.clamp(samples, *self.box)

    def _mixture_errors(self, known: Tensor, targets: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        mean, root = self._passes(known, PASSES, 1, generator)
        dense = self._log_normal(targets[:, None] - mean, root)
        normal = torch.randn((1, PASSES, self.box.shape[1], 32), generator=generator).to(mean)
        normal = normal.expand(len(mean), -1, -1, -1)
        drawn = mean[..., None] + torch.linalg.solve_triangular(root, normal, upper=False)
        shares = self.shares(drawn.transpose(-1, -2))
        inside = ((shares >= 0) & (shares <= 1)).all(-1).double().mean((1, 2))
        inside = inside.clamp(min=1 / (32 * PASSES))
        log_density = dense.double().logsumexp(1) - math.log(PASSES) - inside.log()
        return -log_density - self._log_volume.double()
