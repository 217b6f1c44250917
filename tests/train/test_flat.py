"""Parameters as one vector: views of it, gradients added into it, shared and frozen parameters."""

from __future__ import annotations

import torch
from torch import nn

from bench.train.flat import FlatParameters

INPUTS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


class Tied(nn.Module):
    """One weight used by two layers."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, inputs):
        return self.second(self.first(inputs).tanh())


def built(make, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def plain():
    return built(lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)))


def test_the_vector_holds_the_weights_in_order():
    model = plain()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    flat = FlatParameters(model)
    assert torch.equal(flat.values, torch.cat([parameter.flatten() for parameter in before]))
    assert all(torch.equal(parameter, old) for parameter, old in zip(model.parameters(), before, strict=True))


def test_the_model_sees_what_is_assigned():
    model = plain()
    flat = FlatParameters(model)
    flat.assign(torch.arange(float(len(flat.values))))
    assert torch.equal(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]), flat.values)
    assert torch.equal(model[0].weight, torch.arange(12.0).view(3, 4))
    assert all(parameter.is_leaf and parameter.requires_grad for parameter in model.parameters())


def test_backward_passes_add_into_the_vector():
    model, other = plain(), plain()
    flat = FlatParameters(model)
    for _ in range(2):
        model(INPUTS).square().sum().backward()
        other(INPUTS).square().sum().backward()
    expected = torch.cat([parameter.grad.flatten() for parameter in other.parameters()])
    torch.testing.assert_close(flat.grads, expected)
    assert flat.grads.abs().sum() > 0
    flat.zero_grads()
    assert all(not parameter.grad.any() for parameter in model.parameters())
    model(INPUTS).square().sum().backward()
    torch.testing.assert_close(flat.grads, expected / 2)


def test_a_shared_parameter_stands_once_and_gets_both_gradients():
    model, other = built(Tied), built(Tied)
    flat = FlatParameters(model)
    assert len(flat.values) == 16 + 4 + 4
    assert model.first.weight is model.second.weight
    model(INPUTS).sum().backward()
    other(INPUTS).sum().backward()
    torch.testing.assert_close(flat.grads[:16].view(4, 4), other.first.weight.grad)


def test_frozen_parameters_stay_out():
    model = plain()
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    flat = FlatParameters(model)
    assert len(flat.values) == sum(parameter.numel() for parameter in model.parameters()) - 12
    flat.assign(torch.zeros_like(flat.values))
    model(INPUTS).sum().backward()
    assert torch.equal(model[0].weight, before)
    assert model[0].weight.grad is None
    assert not model[2].weight.any()
