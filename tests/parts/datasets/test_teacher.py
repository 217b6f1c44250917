from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.parts.datasets.teacher import teacher

NOWHERE = Path("nowhere")


@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_the_target_is_the_hyperbolic_tangent_of_the_sum(law):
    data = teacher(inputs=3, train=7, law=law).read(NOWHERE, 0)
    for inputs, targets, count in ((data.train_inputs, data.train_targets, 7), (data.test_inputs, data.test_targets, 1000)):
        assert inputs.shape == (count, 3)
        torch.testing.assert_close(targets, torch.tanh(inputs[:, :1] + inputs[:, 1:2] + inputs[:, 2:]))


@pytest.mark.parametrize(("law", "variance", "largest"), [("uniform", 1 / 3, 1.0), ("normal", 1.0, 6.0)])
def test_the_law_of_the_inputs(law, variance, largest):
    inputs = teacher(law=law).read(NOWHERE, 0).test_inputs
    assert inputs.mean().item() == pytest.approx(0, abs=0.03)
    assert inputs.var().item() == pytest.approx(variance, rel=0.05)
    assert inputs.abs().max() <= largest
    assert torch.corrcoef(inputs.T).fill_diagonal_(0).abs().max() < 0.15


def test_samples_depend_on_the_draw_and_not_on_the_seed_or_the_count():
    first, again, other = (teacher(draw=draw).read(NOWHERE, seed) for draw, seed in ((0, 0), (0, 5), (1, 0)))
    assert torch.equal(first.train_inputs, again.train_inputs)
    assert not torch.equal(first.train_inputs, other.train_inputs)
    assert not torch.equal(first.train_inputs, first.test_inputs[:30])
    assert torch.equal(teacher(train=10).read(NOWHERE, 0).train_inputs, first.train_inputs[:10])
