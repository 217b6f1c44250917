"""The training loss as a function of one vector: its derivatives are those of autograd, in pieces and in double precision."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from bench.parts.datasets import Data
from bench.parts.measures.training_loss import TrainingLoss
from tests.parts.measures.rescaling import filled, relu_net, view, whole

NETWORKS = {
    "relu": (lambda: relu_net(bias=True), (3,)),
    "tanh": (lambda: filled(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))), (3,)),
    "batch norm": (lambda: filled(nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 2))), (1, 3, 3)),
}
networks = pytest.mark.parametrize(("build", "inputs"), NETWORKS.values(), ids=NETWORKS)
OBJECTIVES = pytest.mark.parametrize("objective", ["squared", "cross_entropy"])


@networks
@OBJECTIVES
def test_derivatives_are_those_of_the_whole(build, inputs, objective):
    seen = view(build(), inputs, objective=objective)
    found, loss = TrainingLoss(seen, 100), whole(seen)
    assert found.at(found.weights) == pytest.approx(float(loss(found.weights)))
    torch.testing.assert_close(found.gradient(), torch.func.grad(loss)(found.weights))
    direction = torch.randn(len(found.weights), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    exact = torch.autograd.functional.hessian(loss, found.weights)
    torch.testing.assert_close(found.curvature(direction), exact @ direction)


@networks
def test_a_model_in_single_precision_is_taken_in_double(build, inputs):
    seen = view(build(), inputs)
    data = Data(*(tensor.float() for tensor in vars(seen.data).values()))
    single = TrainingLoss(replace(seen, model=build().float(), data=data), 100)
    exact = TrainingLoss(replace(seen, model=build().float().double(), data=Data(*(tensor.double() for tensor in vars(data).values()))), 100)
    assert single.gradient().dtype == torch.float64
    assert torch.equal(single.gradient(), exact.gradient())
    assert single.at(single.weights) == exact.at(exact.weights)


def test_a_shared_weight_is_one():
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    model[2].weight = model[0].weight
    seen = view(filled(model), outputs=3)
    found = TrainingLoss(seen, 100)
    assert len(found.weights) == 9 + 3 + 3
    torch.testing.assert_close(found.gradient(), torch.func.grad(whole(seen))(found.weights))


def test_tensors_are_the_pieces_of_a_vector():
    found = TrainingLoss(view(relu_net(bias=True)), 100)
    tensors = found.tensors(found.weights)
    assert {name: tensor.shape for name, tensor in tensors.items()} == found.names
    assert torch.equal(torch.cat([tensor.flatten() for tensor in tensors.values()]), found.weights)
