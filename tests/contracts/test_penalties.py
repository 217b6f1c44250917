"""What every penalty of the catalogue keeps: it is written over leading axes, says its coefficient, and what it does not cover."""

from __future__ import annotations

import pytest
import torch

from bench.parts.penalties import FeaturePenalty, penalties
from bench.train.passes import Passes
from tests.train.runs import run_of

MEMBERS, ROWS, UNITS, OUTPUTS = 3, 5, 4, 2


def build(part):
    parameters, problems = part.check({})
    assert not problems
    return part.target(**parameters)


def stacked_passes(weights, biases, inputs, masks, rates, lrs, shares):
    """The passes of members, (…), each a linear layer behind fixed features."""

    def make(network):
        entering = inputs if network == "clean" else inputs * masks
        outputs = entering @ weights.transpose(-1, -2) + biases.unsqueeze(-2)
        return inputs, (outputs.square().sum(-1) / 2 * shares).sum(-1)

    return Passes(make, [weights, biases], weights, rates / (1 - rates), lrs, shares)


@pytest.fixture
def tensors():
    made = torch.Generator().manual_seed(0)
    shapes = [(MEMBERS, OUTPUTS, UNITS), (MEMBERS, OUTPUTS), (MEMBERS, ROWS, UNITS), (MEMBERS, ROWS, UNITS), (MEMBERS,), (MEMBERS,), (MEMBERS, ROWS)]
    drawn = [torch.rand(shape, generator=made, dtype=torch.float64) for shape in shapes]
    for leaf in drawn[:2]:
        leaf.requires_grad_()
    return drawn


@pytest.mark.parametrize("part", list(penalties), ids=lambda part: part.name)
def test_of_members_together_it_is_that_of_each_alone(part, tensors):
    penalty = build(part)
    together = penalty(stacked_passes(*tensors))
    assert together.shape == (MEMBERS,)
    each = [penalty(stacked_passes(*(tensor[number] for tensor in tensors))) for number in range(MEMBERS)]
    assert all(alone.shape == () for alone in each)
    torch.testing.assert_close(together, torch.stack(each))
    assert len({round(value.item(), 9) for value in each}) == MEMBERS


@pytest.mark.parametrize("part", list(penalties), ids=lambda part: part.name)
def test_it_can_be_differentiated(part, tensors):
    slopes = torch.autograd.grad(build(part)(stacked_passes(*tensors)).sum(), tensors[:1])
    assert all(slope.abs().sum() > 0 for slope in slopes)


OF_FEATURES = [part for part in penalties if issubclass(part.target, FeaturePenalty)]


@pytest.mark.parametrize("part", OF_FEATURES, ids=lambda part: part.name)
def test_those_of_features_look_at_no_parameters(part, tensors):
    # The engine has none to give them, as it differentiates by hand what lies before the features.
    weights, biases, inputs, _, rates, lrs, shares = tensors
    loss = biases.sum(-1)
    passes = Passes(lambda network: (inputs, loss), (), weights, rates / (1 - rates), lrs, shares)
    torch.testing.assert_close(build(part)(passes), build(part)(stacked_passes(*tensors)))


@pytest.mark.parametrize("part", list(penalties), ids=lambda part: part.name)
def test_it_is_added_once_unless_said_otherwise(part):
    assert build(part).coefficient == 1.0
    assert part.check({"coefficient": -2.5})[0]["coefficient"] == -2.5
    assert isinstance(build(part).obstacle(run_of().cell, [0.1]), str)
