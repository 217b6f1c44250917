"""Two ReLU neurons and two samples, the dropout lecture's fig. 1.5: why R1 condenses.

The outputs o_1, o_2 of the neurons on the samples add up to o. With R1 the minimum of R_S + R1 has o = o* / (1 + lambda/2),
lambda = (1 - p)/p, and o_1 = o_2 = o/2, so that both weights point as those of the target do.
"""

from __future__ import annotations

import torch

from bench.parts.penalties.r1 import R1
from bench.train.passes import Passes

SAMPLES = torch.tensor([[0.5, 1.0], [1.5, 1.0]], dtype=torch.float64)
DIRECTION = torch.tensor([1.0, 0.5], dtype=torch.float64)
TARGET = torch.relu(SAMPLES @ DIRECTION)
STARTS = 500


def minimized(keep):
    """Outputs (starts, samples, neurons) and weights of runs in which both neurons are active and nothing moves any more."""
    made = torch.Generator().manual_seed(0)
    weights, outgoing = (torch.randn((STARTS, *shape), generator=made, dtype=torch.float64).requires_grad_() for shape in ((2, 2), (1, 2)))
    odds, one = torch.full((STARTS,), (1 - keep) / keep, dtype=torch.float64), torch.ones(STARTS, dtype=torch.float64)

    def make(network):
        hidden = torch.relu(SAMPLES @ weights.transpose(1, 2))
        outputs = (hidden @ outgoing.transpose(1, 2)).squeeze(-1)
        return hidden, ((outputs - TARGET) ** 2).mean(-1) / 2

    for _ in range(3000):
        loss = Passes(make, [weights, outgoing], outgoing, odds, 0 * one, one.unsqueeze(1).expand(-1, 2) / 2).total("clean", [R1()], [one])
        slopes = torch.autograd.grad(loss.sum(), [weights, outgoing])
        with torch.no_grad():
            weights -= 0.1 * slopes[0]
            outgoing -= 0.1 * slopes[1]
    with torch.no_grad():
        hidden = torch.relu(SAMPLES @ weights.transpose(1, 2))
        still = sum(slope.flatten(1).square().sum(1) for slope in slopes) < 1e-8
        chosen = (hidden > 1e-3).all(1).all(1) & still
        return (hidden * outgoing)[chosen], weights[chosen]


def aligned(weights):
    cosines = (weights @ DIRECTION) / (weights.norm(dim=2) * DIRECTION.norm())
    return (cosines.abs() > 0.999).all(1).double().mean().item()


def test_with_r1_both_neurons_point_as_the_target_does():
    outputs, weights = minimized(0.5)
    assert len(outputs) >= 20
    assert aligned(weights) >= 0.95
    expected = TARGET / (1 + 1 / 2)
    torch.testing.assert_close(outputs.sum(2).median(0).values, expected, rtol=1e-3, atol=0)
    near = (outputs / expected.unsqueeze(1) - 0.5).abs().flatten(1).max(1).values
    assert near.median() < 0.02, "half of the output comes from each neuron"


def test_without_r1_they_do_not():
    outputs, weights = minimized(1.0)
    assert len(outputs) >= 20
    torch.testing.assert_close(outputs.sum(2).median(0).values, TARGET, rtol=1e-3, atol=0)
    assert aligned(weights) < 0.2
