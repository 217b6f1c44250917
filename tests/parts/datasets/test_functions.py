"""One-dimensional targets against closed forms and the figures of the sources."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch

from bench.errors import UsageError
from bench.parts.datasets import checksum, datasets
from bench.parts.datasets.functions import TARGETS, functions

NOWHERE = Path("nowhere")
SPANS = {
    "sin": (-math.pi, math.pi, 64),
    "two_tanh": (-12, 12, 15),
    "relu": (0.5, 1.5, 2),
    "two_relu": (-5 / 3, 5 / 3, 6),
    "four_relu": (-1, 1, 40),
    "parabola": (-0.5, 0.5, 4),
    "piecewise_linear": (-1, 1, 5),
}


def relu(x):
    return max(x, 0.0)


def four_relu_by_slopes(x):
    """Slopes 0, 2, 1, −.5, 0 between −.3, 0, .4, .8."""
    corners = [(-0.3, 0.0), (0.0, 0.6), (0.4, 1.0), (0.8, 0.8)]
    if x <= -0.3:
        return 0.0
    for (left, start), slope in zip(reversed(corners), (0, -0.5, 1, 2), strict=True):
        if x > left:
            return start + slope * (x - left)
    raise AssertionError


def lines(x):
    points = [(-1, 0), (-0.5, 0.6), (0, -0.3), (0.5, 0.5), (1, 0.1)]
    for (left, low), (right, high) in itertools.pairwise(points):
        if x <= right:
            return low + (high - low) * (x - left) / (right - left)
    raise AssertionError


CLOSED_FORMS = {
    "sin": math.sin,
    "two_tanh": lambda x: math.tanh(x - 6) + math.tanh(x + 6),
    "relu": lambda x: relu(x + 0.5),
    "two_relu": lambda x: 0.5 * relu(abs(x) - 1 / 3),
    "four_relu": four_relu_by_slopes,
    "parabola": lambda x: x * x,
    "piecewise_linear": lines,
}


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_target_at_its_sources_points(target):
    low, high, count = SPANS[target]
    data = functions(target=target).read(NOWHERE, 0)
    for inputs, targets, n in ((data.train_inputs, data.train_targets, count), (data.test_inputs, data.test_targets, 1000)):
        points = [low + (high - low) * index / (n - 1) for index in range(n)]
        torch.testing.assert_close(inputs, torch.tensor(points, dtype=torch.float32).unsqueeze(1), atol=1e-6, rtol=1e-6)
        expected = torch.tensor([CLOSED_FORMS[target](x) for x in points], dtype=torch.float32).unsqueeze(1)
        torch.testing.assert_close(targets, expected, atol=1e-6, rtol=1e-6)


def test_points_that_the_sources_name():
    sixth = functions(target="parabola").read(NOWHERE, 0)
    torch.testing.assert_close(sixth.train_inputs.flatten(), torch.tensor([-1 / 2, -1 / 6, 1 / 6, 1 / 2]))
    third = functions(target="two_relu").read(NOWHERE, 0)
    torch.testing.assert_close(third.train_inputs.flatten(), torch.tensor([-5.0, -3, -1, 1, 3, 5]) / 3)
    table = functions(target="piecewise_linear").read(NOWHERE, 0)
    torch.testing.assert_close(table.train_targets.flatten(), torch.tensor([0, 0.6, -0.3, 0.5, 0.1]))


def test_every_target_of_the_signature_is_there():
    assert set(TARGETS) == set(SPANS)
    part = datasets["functions"]
    assert all(not part.check({"target": target})[1] for target in TARGETS)
    assert part.check({"target": "sine"})[1]
    assert part.check({})[1]
    assert part.column_types() == {"target": "string", "frequency": "float64", "train": "int64", "low": "float64", "high": "float64"}


def test_frequency_interval_and_number_of_points():
    data = functions(target="sin", frequency=8.0, train=3, low=0.0, high=math.pi / 8).read(NOWHERE, 0)
    torch.testing.assert_close(data.train_targets.flatten(), torch.tensor([0.0, 1.0, 0.0]))
    assert functions(target="two_tanh", train=1).read(NOWHERE, 0).train_inputs.tolist() == [[-12.0]]


def test_settings_that_do_nothing_are_refused():
    with pytest.raises(UsageError, match="frequency 2"):
        functions(target="parabola", frequency=2.0)
    with pytest.raises(UsageError, match="is empty"):
        functions(target="sin", low=4.0)


def test_checksum_tells_targets_apart():
    values = {checksum(functions(target=target), NOWHERE) for target in TARGETS}
    assert len(values) == len(TARGETS)
