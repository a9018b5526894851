"""Memory that runs out is one line, with the batch that would fit."""

import pytest
import torch

from lcinfer.base.errors import UserError
from lcinfer.training import memory
from lcinfer.training.memory import available, check_batch, within_memory

FAILURES = [
    MemoryError("cannot allocate"),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
]


def room_for(most, error=FAILURES[0]):
    def attempt(batch):
        if batch > most:
            raise error
        return batch

    return attempt


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_the_batch_that_fits_is_found(error):
    with pytest.raises(UserError, match="out of memory with batch 200: 50 would fit"):
        within_memory(room_for(60, error), 200, "batch")


def test_enough_memory_changes_nothing():
    assert within_memory(room_for(200), 200, "batch") == 200


def test_a_machine_that_is_too_small_is_told():
    with pytest.raises(UserError, match="and with 2 too"):
        within_memory(room_for(1), 200, "batch", least=2)


def test_other_errors_are_left_alone():
    with pytest.raises(RuntimeError, match="shapes"):
        within_memory(room_for(1, RuntimeError("shapes do not match")), 200, "batch")


def test_a_real_allocation_that_fails_is_told():
    # 2^47 bytes an image: more than an address space has.
    with pytest.raises(UserError, match="out of memory with batch 4, and with 1 too"):
        within_memory(lambda batch: torch.empty(batch, 2**47), 4, "batch")


def test_a_batch_that_cannot_fit_is_refused_before_the_system_kills(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 3_000_000_000)
    check_batch(100, 30_000_000, "batch")
    with pytest.raises(UserError, match=r"batch 200: .* at least 6.0 GB and 3.0 GB .* about 50"):
        check_batch(200, 30_000_000, "batch")


def test_what_is_available_is_less_than_the_machine_has(monkeypatch):
    assert 0 < available() < 2**50
    monkeypatch.setattr(memory, "limits", lambda: iter([2**60, 2**33]))
    assert available() < 2**33
    monkeypatch.setattr(memory, "limits", lambda: iter([1]))
    assert available() == 0
