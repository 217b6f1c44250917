"""The small Inception: the published number of parameters, the sizes of its stages, its batch norm."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.parts.models.inception import Branches, ShiftedBatchNorm2d, inception

CHANNELS = [96, 64, 80, 160, 160, 160, 160, 144, 240, 336, 336]


@pytest.mark.parametrize("batch_norm", [True, False])
def test_published_number_of_parameters(batch_norm):
    model = inception((3, 28, 28), 10, 0.0, batch_norm=batch_norm)
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_649_402


def test_each_module_has_the_channels_and_sides_of_the_source():
    model, seen = inception((3, 28, 28), 10, 0.0), []
    for layer in list(model)[: len(CHANNELS)]:
        layer.register_forward_hook(lambda module, inputs, output: seen.append((output.shape[1], output.shape[2])))
    model.eval()(torch.zeros(1, 3, 28, 28))
    assert seen == list(zip(CHANNELS, [28] * 3 + [14] * 5 + [7] * 3, strict=True))


def test_batch_norm_has_a_shift_and_no_scale():
    ours, oracle = ShiftedBatchNorm2d(3), nn.BatchNorm2d(3)
    shift = torch.tensor([1.0, -2.0, 0.5])
    ours.load_state_dict({"shift": shift}, strict=False)
    oracle.load_state_dict({"bias": shift}, strict=False)
    images = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(images), oracle(images))
    torch.testing.assert_close(ours.eval()(images), oracle.eval()(images))
    assert dict(ours.named_parameters()).keys() == {"shift"}


def test_without_batch_norm_there_is_none():
    assert not list(inception((3, 8, 8), 10, 0.0, width=8, batch_norm=False).buffers())


def test_branches_join_channels_left_first():
    doubled = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(doubled.weight, 2.0)
    assert torch.equal(Branches(nn.Identity(), doubled)(torch.ones(1, 1, 1, 1)).flatten(), torch.tensor([1.0, 2.0]))
