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
INSIDE = 32  # samples of each pass, for the share of the mixture inside the box
TOGETHER = 64  # light-cones whose mixtures are made at a time; bounds memory
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
            if not self.training:
                parts = zip(
                    *(torch.split(each, TOGETHER) for each in (known, targets)), strict=True
                )
                return torch.cat([self._of_mixture(*part) for part in parts])
            seen = relu(self.hidden(dropout(known, self._in_training)))
            mean, root = self._split(self.gaussian(dropout(seen, self._in_training)))
            return -_log_normal(targets - mean, root) - self._log_volume

    def samples(
        self, features: Tensor, count: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """See :class:`Head`: each by a pass of its own, and drawn again outside the box."""
        return self._drawn(self.averaged(features), count, generator, shared=False)

    def forward(self, features: Tensor) -> Tensor:
        """The mean of samples, from the same random numbers for each image."""
        fixed = torch.Generator().manual_seed(0)
        return self._drawn(self.averaged(features), PASSES, fixed, shared=True).mean(1)

    def settle(self, features: Tensor, targets: Tensor) -> None:
        """Choose the rate of dropout at prediction by the coverage of the validation set.

        Coverage alone would allow posteriors as wide as the prior: of the rates that cover as well
        as the best one, within the noise of so many light-cones, the densest is taken.
        """
        shares = torch.tensor(HELD)
        noise = (shares * (1 - shares) / len(targets)).sqrt().sum().item() * targets.shape[1]
        tried = []
        for rate in self._rates:
            self.rate.fill_(rate)
            missed = self._missed(features, targets)
            tried.append((missed, self.errors(features, targets).mean().item(), rate))
        least, *_ = min(tried)
        _, chosen = min((error, rate) for missed, error, rate in tried if missed <= least + noise)
        self.rate.fill_(chosen)

    def _missed(self, features: Tensor, targets: Tensor) -> float:
        """How far coverage is from what it should be, summed over intervals and parameters."""
        drawn = self.samples(features, 2 * PASSES, torch.Generator().manual_seed(0))
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

    def _split(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """(..., parameter) mean, and (..., parameter, parameter) the lower triangular root of the
        covariance."""
        outputs = self.box.shape[1]
        mean, widths, beside = torch.split(
            given, [outputs, outputs, outputs * (outputs - 1) // 2], dim=-1
        )
        root = torch.diag_embed(torch.exp(widths.clamp(min=LEAST_WIDTH)))
        rows, columns = torch.tril_indices(outputs, outputs, -1, device=root.device)
        root[..., rows, columns] = beside
        return mean, root

    def _passed(self, known: Tensor, drawn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The Gaussian that a pass of dropout leaves, by uniform random numbers."""
        first, second = ((each >= self.rate) / (1 - self.rate) for each in drawn)
        return self._split(self.gaussian(second * relu(self.hidden(first * known))))

    def _random(
        self, count: int, generator: torch.Generator | None
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Uniform numbers for dropout, and normal ones (count, parameter)."""
        widths = self.hidden.in_features, self.gaussian.in_features
        first, second = (torch.rand((count, width), generator=generator) for width in widths)
        normal = torch.randn((count, self.box.shape[1]), generator=generator)
        device = self.box.device
        return (first.to(device), second.to(device)), normal.to(device)

    def _drawn(
        self, known: Tensor, count: int, generator: torch.Generator | None, shared: bool
    ) -> Tensor:
        """(light-cone, sample, parameter) inside the box; ``shared``: by the same numbers in each
        light-cone."""
        samples = known.new_empty((len(known) * count, self.box.shape[1]))
        left = torch.arange(len(samples), device=known.device)
        for _ in range(TRIES):
            masks, normal = self._random(count if shared else len(left), generator)
            if shared:
                own = left % count
                masks, normal = (masks[0][own], masks[1][own]), normal[own]
            mean, root = self._passed(known[left // count], masks)
            samples[left] = mean + (root @ normal[..., None])[..., 0]
            shares = self.shares(samples[left])
            left = left[((shares < 0) | (shares > 1)).any(-1)]
            if not len(left):
                break
        return torch.clamp(samples, *self.box).view(len(known), count, -1)

    def _of_mixture(self, known: Tensor, targets: Tensor) -> Tensor:
        """Errors of the mixture that samples follow, which ends at the box."""
        fixed = torch.Generator().manual_seed(0)
        masks, _ = self._random(PASSES, fixed)
        mean, root = self._passed(known[:, None], masks)
        log_mixture = _log_normal(targets[:, None] - mean, root).double().logsumexp(1)
        _, normal = self._random(PASSES * INSIDE, fixed)
        normal = normal.view(PASSES, self.box.shape[1], INSIDE)
        shares = self.shares((mean[..., None] + root @ normal).transpose(-1, -2))
        inside = ((shares >= 0) & (shares <= 1)).all(-1).double().sum((1, 2)).clamp(min=1)
        log_inside = (inside / (PASSES * INSIDE)).log()
        return math.log(PASSES) + log_inside - log_mixture - self._log_volume.double()


def _log_normal(away: Tensor, root: Tensor) -> Tensor:
    """Log density of a Gaussian at a distance from its mean, by the root of its covariance."""
    scaled: list[Tensor] = []  # by substitution: LAPACK is slow on many small matrices
    for row in range(away.shape[-1]):
        left = away[..., row]
        for column, known in enumerate(scaled):
            left = left - root[..., row, column] * known
        scaled.append(left / root[..., row, row])
    log_widths = torch.diagonal(root, dim1=-2, dim2=-1).log()
    return -(torch.stack(scaled, -1).square() / 2 + log_widths + math.log(2 * math.pi) / 2).sum(-1)
