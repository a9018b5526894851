"""Memory of the engine on PyTorch: what it takes, and what is said where it runs out."""

import numpy as np
import pytest
import torch
from support.beside import FAINT, simulation
from support.tensors import Bytes

from lcinfer.base.errors import UserError
from lcinfer.config.sections import Box
from lcinfer.torch_engine import cosmology, engine, fourier, heating, initial_conditions
from lcinfer.torch_engine.memory import made_in_parts, room_for

CPU = torch.device("cpu")
BOX = Box(cells=8, length=48)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    room_for.cache_clear()
    monkeypatch.setattr(initial_conditions, "thread_seed", lambda seed: seed)


def test_initial_conditions_take_less_than_seven_fields_of_the_fine_grid() -> None:
    """So that 600^3 cells, the paper's, fit in 6 GB."""
    settings = simulation(16, 48.0)
    background = cosmology.Background(settings.cosmology, 0.245)
    fine, coarse = fourier.Grid(48, 48.0, CPU), fourier.Grid(16, 48.0, CPU)
    with Bytes() as counted:
        initial_conditions.make_initial_conditions([1], fine, coarse, background)
    assert counted.peak < 28 * 48**3


def test_of_each_shell_one_field_is_kept_and_no_more(monkeypatch) -> None:
    """Shells are worked on a few at a time: only where their densities stand grows with them."""
    monkeypatch.setattr(heating, "KEPT", 0)
    monkeypatch.setitem(fourier.VOXELS, "cpu", 2 * 16**3)
    peaks = {}
    for shells in (20, 60):
        settings = simulation(16, 48.0, z_step_factor=1.9, options={"N_STEP_TS": shells})
        with Bytes() as counted:
            for _ in engine.coeval_boxes(settings, [FAINT], [1], CPU):
                pass
        peaks[shells] = counted.peak
    tables = 12 * 8 * 400
    assert (peaks[60] - peaks[20]) / 40 < 4 * 16**3 + tables


def test_where_all_at_once_do_not_fit_a_line_says_how_many_do(capsys) -> None:
    tried = []

    def make(some: slice) -> list[int]:
        tried.append(some.stop - some.start)
        if tried[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return list(range(some.start, some.stop))

    assert made_in_parts(make, 14, BOX) == list(range(14))
    assert tried == [14, 7, 3, 3, 3, 3, 2]
    said = "lcinfer: out of the GPU's memory with 14 light-cones at once: 3 fit (batch: 3 in"
    assert capsys.readouterr().err.startswith(said)
    assert made_in_parts(make, 6, BOX) == list(range(6))
    assert tried[7:] == [3, 3]  # it is known now
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "halves"),
    [
        (RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("cuFFT error: CUFFT_INTERNAL_ERROR"), False),
    ],
)
def test_memory_that_a_library_of_cuda_lacks_halves_a_batch_too(error, halves) -> None:
    def make(some: slice) -> list:
        if some.stop - some.start > 1:
            raise error
        return [some.start]

    room_for.cache_clear()
    if halves:
        assert made_in_parts(make, 2, BOX) == [0, 1]
        return
    with pytest.raises(RuntimeError, match="INTERNAL_ERROR"):
        made_in_parts(make, 2, BOX)


def test_a_light_cone_that_does_not_fit_is_one_line() -> None:
    def make(_: slice) -> list:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match=r"one light-cone in a box of 8\^3 cells: take a larger"):
        made_in_parts(make, 4, BOX)


def test_a_gpus_light_cones_are_made_in_parts(monkeypatch) -> None:
    """The way through the engine, with a device that is none."""
    made, real = [], engine._made
    settings = simulation(16, 48.0, z_step_factor=1.9)

    def few(simulation, parameters, seeds, device):
        if len(seeds) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        made.append(device.type)
        return real(simulation, parameters, seeds, CPU)

    monkeypatch.setattr(engine, "choose_device", lambda name: torch.device("meta"))
    monkeypatch.setattr(engine, "_made", few)
    cones = engine.simulate_batch(settings, [FAINT, FAINT], [3, 4], "cuda")
    assert made == ["meta", "meta"]
    alone = real(settings, [FAINT], [4], CPU)[0]
    assert np.abs(cones[1].brightness_temp - alone.brightness_temp).max() == 0
