"""A shared GPU is noticed by the memory that is neither free nor ours."""

from __future__ import annotations

import pytest
import torch

from bench.train import neighbours
from bench.train.neighbours import shared

GPU = torch.device("cuda:0")
GIB = 2**30


@pytest.mark.fault("F33")
@pytest.mark.parametrize(("free", "own", "expected"), [(79, 0, False), (78, 1, False), (40, 39, False), (70, 1, True), (0, 40, True)])
def test_memory_that_is_neither_free_nor_ours_is_that_of_others(monkeypatch, free, own, expected):
    monkeypatch.setattr(neighbours.torch.cuda, "mem_get_info", lambda device: (free * GIB, 80 * GIB))
    monkeypatch.setattr(neighbours.torch.cuda, "memory_reserved", lambda device: own * GIB)
    assert shared(GPU) is expected


@pytest.mark.fault("F33")
def test_a_device_that_does_not_say_is_not_known(monkeypatch):
    def fail(device):
        raise RuntimeError("CUDA error: operation not supported")

    monkeypatch.setattr(neighbours.torch.cuda, "mem_get_info", fail)
    assert shared(GPU) is None
    assert shared(torch.device("cpu")) is None
