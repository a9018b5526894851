"""How nearly the engine on PyTorch and 21cmFAST make the same light-cone of one seed."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from lcinfer.config.sections import Simulation
from lcinfer.simulator import gm18 as twentyone
from lcinfer.simulator.lightcone import LightCone
from lcinfer.torch_engine import engine
from lcinfer.torch_engine.light_cone import geometry_of


@dataclass(frozen=True)
class Agreement:
    """Of this engine's light-cone with 21cmFAST's.

    Attributes:
        rms: of the difference of T_b, in mK.
        rms_elsewhere: the same where no voxel changed sides.
        largest: largest difference of T_b, in mK, where no voxel changed sides.
        mean: largest difference of the mean T_b of a box, in mK.
        flipped: voxels of the boxes that only one engine ionises.
        voxels: of the boxes.
        seconds: CPU time of this engine.
        other_seconds: CPU time of 21cmFAST.
    """

    rms: float
    rms_elsewhere: float
    largest: float
    mean: float
    flipped: int
    voxels: int
    seconds: float
    other_seconds: float


def compare(simulation: Simulation, parameters: dict[str, float], seed: int) -> Agreement:
    """Make a light-cone with each engine on the CPU, and lay them side by side.

    Args:
        simulation: the settings; peculiar velocities as ``gradient`` or ``none``, so that a voxel
            that changes sides is one voxel of the light-cone.
        parameters: by py21cmfast's names.
        seed: in [1, 2^32).
    """
    ours, our_boxes, seconds = _made(engine, simulation, parameters, seed)
    theirs, their_boxes, other_seconds = _made(twentyone, simulation, parameters, seed)
    flips = [ours != theirs for ours, theirs in zip(our_boxes, their_boxes, strict=True)]
    difference = np.abs(ours.brightness_temp - theirs.brightness_temp)
    rms = _rms(difference)
    geometry = geometry_of(simulation)
    for node in range(1, len(flips)):
        sides = (torch.from_numpy(flips[at].astype(np.float32))[None] for at in (node, node - 1))
        cells, flipped = geometry.between(node, *sides)
        difference[..., cells] *= flipped[0].numpy() == 0
    means = ours.global_brightness_temp - theirs.global_brightness_temp
    return Agreement(
        rms=rms,
        rms_elsewhere=_rms(difference),
        largest=float(difference.max()),
        mean=float(np.abs(means).max()),
        flipped=sum(int(flip.sum()) for flip in flips),
        voxels=sum(flip.size for flip in flips),
        seconds=seconds,
        other_seconds=other_seconds,
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values.astype(np.float64) ** 2)))


def _made(
    module: Any, simulation: Simulation, parameters: dict[str, float], seed: int
) -> tuple[LightCone, list[np.ndarray], float]:
    """A light-cone of an engine, which voxels its boxes have ionised, and CPU seconds."""
    ionised: list[np.ndarray] = []
    boxes = module.coeval_boxes

    def noted(*given: Any) -> Iterator[Any]:
        for box in boxes(*given):
            neutral = np.asarray(box.neutral_fraction)
            ionised.append(neutral.reshape(neutral.shape[-3:]) == 0)
            yield box

    begin = time.process_time()
    with patch.object(module, "coeval_boxes", noted):
        cone = module.simulate(simulation, parameters, seed)
    return cone, ionised, time.process_time() - begin
