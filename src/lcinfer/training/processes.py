"""The processes of a training: one, or several that torchrun starts, each with its own GPU.

They hold the same weights. Each takes its part of every batch; gradients, and the moments of
batch normalisation, are those of the whole batch, so that a training by several processes
follows that of one within rounding. Dropout draws other masks in each.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..base.device import choose_device
from ..base.errors import UserError

T = TypeVar("T")
Layers = TypeVar("Layers", bound=nn.Sequential)
# A process waits for the others as long as it takes them to stage their images; if one dies,
# torchrun ends the rest.
PATIENCE = timedelta(hours=12)
FIRST_SPEAKS_SECONDS = 10.0


@dataclass(frozen=True)
class World:
    """A process, and how many there are."""

    device: torch.device
    """Where this one computes."""
    rank: int = 0
    """Its number."""
    size: int = 1
    """Processes in all."""
    here: int = 1
    """Those on this machine."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def part(self, whole: Tensor) -> Tensor:
        """This process's rows; parts differ by one row at most."""
        return torch.tensor_split(whole, self.size)[self.rank]

    def total(self, own: Tensor) -> Tensor:
        """The sum over all processes."""
        return _all_reduced(own) if self.size > 1 else own

    def shared(self, known: T) -> T:
        """What the first process knows."""
        if self.size == 1:
            return known
        told = [known]
        dist.broadcast_object_list(told)
        return told[0]

    def gathered(self, own: T) -> list[T]:
        """What each process has, by rank."""
        if self.size == 1:
            return [own]
        each: list[Any] = [None] * self.size
        dist.all_gather_object(each, own)
        return each

    def normalising(self, network: Layers) -> Layers:
        """The network, whose batch normalisation is over the batch in all processes."""
        if self.size > 1:
            for name, layer in network.named_children():
                if isinstance(layer, nn.BatchNorm1d):
                    setattr(network, name, WholeBatchNorm(layer))
        return network

    def together(self, network: nn.Module) -> nn.Module:
        """The network for training steps, whose gradients are means over the processes.

        A step's loss must be this process's share of the whole batch's, times :attr:`size`.
        """
        if self.size == 1:
            return network
        on_gpu = self.device.type == "cuda"
        return DistributedDataParallel(network, device_ids=[self.device] if on_gpu else None)


class WholeBatchNorm(nn.BatchNorm1d):
    """Batch normalisation with the moments of the batch in all processes.

    It does what PyTorch's SyncBatchNorm does, which is for GPUs alone, and its state is that
    of a BatchNorm1d. The variance is a second pass over the data, as there.
    """

    def __init__(self, layer: nn.BatchNorm1d) -> None:
        """Take over the layer's weights and moments."""
        super().__init__(layer.num_features, eps=layer.eps, momentum=layer.momentum)
        self.to(layer.weight.device)
        self.load_state_dict(layer.state_dict())

    def forward(self, features: Tensor) -> Tensor:
        """(image, feature) or (image, feature, slice) of this process's part of the batch,
        which may be empty."""
        if not self.training:
            return super().forward(features)
        if features.dim() == 3:
            by_slice = features.transpose(1, 2)
            normalised: Tensor = self(by_slice.flatten(0, 1))
            return normalised.view(by_slice.shape).transpose(1, 2)
        features = features.float()
        own = torch.full((1,), float(len(features)), device=features.device)
        sums = _summed(torch.cat([features.sum(0), own]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        deviations = features - mean
        variance = _summed(deviations.square().sum(0)) / count
        with torch.no_grad():
            assert self.momentum is not None
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scaled: Tensor = deviations * (variance + self.eps).rsqrt() * self.weight + self.bias
        return scaled


class _Summed(torch.autograd.Function):
    """The sum over all processes; on the way back, that of the gradients."""

    @staticmethod
    def forward(_: Any, own: Tensor) -> Tensor:
        return _all_reduced(own)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return _all_reduced(gradient)


def _all_reduced(own: Tensor) -> Tensor:
    whole = own.clone()
    dist.all_reduce(whole)
    return whole


def _summed(own: Tensor) -> Tensor:
    whole: Tensor = _Summed.apply(own)  # type: ignore[no-untyped-call,unused-ignore]
    return whole


@contextmanager
def joined(device: str | None = None) -> Iterator[World]:
    """This process among those that torchrun started; alone, if none did.

    Args:
        device: ``cpu`` or ``cuda``; none: the accelerator when there is one.

    Raises:
        UserError: whatever is raised within, by the first process at once, by another one
            only if the first has nothing to say.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    if size == 1:
        yield World(choose_device(device))
        return
    try:
        chosen = choose_device(device)
        if chosen.type == "cuda":
            torch.cuda.set_device(chosen)
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
        yield World(chosen, rank, size, int(os.environ.get("LOCAL_WORLD_SIZE", size)))
        dist.destroy_process_group()
    except UserError as error:
        if rank > 0:
            time.sleep(FIRST_SPEAKS_SECONDS)  # torchrun ends this process when the first has ended
            raise UserError(f"process {rank} of {size}: {error}") from None
        raise
