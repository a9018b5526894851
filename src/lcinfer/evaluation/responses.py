"""What the layers of a trained network make of an image (Gillet et al. 2019, Appendix A)."""

import re

import numpy as np
import torch
from torch import Tensor, nn

from ..training.checkpoint import Checkpoint

ACTIVATION = re.compile("_(relu|silu)(?=_)")  # in the names of the layers that rectify


def filters(checkpoint: Checkpoint) -> np.ndarray:
    """(filter, transverse, line of sight) weights of the first convolution, without a unit."""
    name = next(name for name in checkpoint.model if name.endswith("convolution_1.weight"))
    return np.asarray(checkpoint.model[name][:, 0].cpu().numpy(), dtype=float)


def reach(checkpoint: Checkpoint) -> tuple[int, int]:
    """Cells along the line of sight that a filter of the first convolution covers, and that two
    neighbouring outputs of it are apart."""
    modules = checkpoint.trained_network(torch.device("cpu")).modules()
    first = next(layer for layer in modules if isinstance(layer, nn.Conv2d))
    return first.kernel_size[1], first.stride[1]


def responses(checkpoint: Checkpoint, images: np.ndarray) -> dict[str, np.ndarray]:
    """What stands behind the activations of convolutions of images and of hidden dense layers.

    By forward hooks on the trained network. Those of a convolution are before any pooling,
    whichever comes first in the network: the largest of rectified values is the rectified
    largest one.

    Args:
        checkpoint: of a complete training.
        images: (image, transverse, line of sight) brightness temperature in mK.

    Returns:
        By the layers' names, from the image on: ``convolution_1``... (image, filter,
        transverse, line of sight), ``dense_1``... (image, neuron).

    Raises:
        ValueError: if the network is of images of another shape.
    """
    if images.shape[1:] != tuple(checkpoint.image_shape):
        raise ValueError(f"images {images.shape} do not fit {tuple(checkpoint.image_shape)}")
    model = checkpoint.trained_network(torch.device("cpu"))
    heard: dict[str, np.ndarray] = {}

    def listen(name: str, layer: nn.Module) -> None:
        def hear(_layer: nn.Module, _given: tuple[Tensor, ...], made: Tensor) -> None:
            if isinstance(layer, nn.Conv2d):  # its rectifier may come behind a pooling
                made = made.clamp(min=0)
            heard[ACTIVATION.sub("", name.rpartition(".")[2])] = made.numpy()

        layer.register_forward_hook(hear)

    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d) or (name.startswith("dense") and ACTIVATION.search(name)):
            listen(name, layer)
    with torch.no_grad():
        model(checkpoint.fitted_normalisation().images(images)[:, None])
    return heard
