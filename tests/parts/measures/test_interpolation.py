"""Interpolation between two networks: closed forms on quadratic losses, what batch norm hides, and what is no barrier."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from bench.errors import UsageError
from bench.parts.measures.batch_norm import recompute
from bench.parts.measures.interpolation import interpolation
from tests.parts.measures.test_loss_curve import filled, view


def quadratic(*ends, features=None):
    """Views of f = W x on targets 0, one for each W: R_S(W) = 1/2n sum |W x|^2, in float64."""
    made = []
    for end in ends:
        model = nn.Linear(2, 1, bias=False).double().requires_grad_(False).eval()
        model.weight.copy_(torch.tensor([end], dtype=torch.float64))
        given = view(model, inputs=2, outputs=1, samples=2)
        # Rows of sqrt(2) make 1/2n sum |W x|^2 = |W|^2 / 2.
        x = math.sqrt(2) * torch.eye(2, dtype=torch.float64) if features is None else features
        y = torch.zeros(len(x), 1, dtype=torch.float64)
        made.append(replace(given, data=replace(given.data, train_inputs=x, train_targets=y)))
    return made


def curve(measured, column="loss"):
    return {row["alpha"]: row[column] for row in measured.rows}


def test_the_curve_between_two_linear_models_is_the_parabola():
    """|(1 - a) (1, 0) + a (0, 2)|^2 / 2 = ((1 - a)^2 + 4 a^2) / 2, with its larger end at a = 1: no barrier."""
    measured = interpolation(*quadratic((1.0, 0.0), (0.0, 2.0)), points=21)
    for alpha, loss in curve(measured).items():
        assert loss == pytest.approx(((1 - alpha) ** 2 + 4 * alpha**2) / 2, rel=1e-6)
    assert list(curve(measured)) == pytest.approx(np.linspace(-0.5, 1.5, 21))
    assert measured.values["barrier"] == 0.0
    assert measured.values["distance"] == pytest.approx(math.sqrt(5))
    assert {row["normalization"] for row in measured.rows} == {"interpolation"}


@pytest.mark.parametrize("rise", [0.02, 0.3])
def test_widths_are_where_the_parabola_has_risen(rise):
    """Outward from -1 to 1 on a line, |W|^2 / 2 rises by r where 2 d + 2 d^2 = r; from 0 where d^2 / 2 = r."""
    both = interpolation(*quadratic((-1.0, 0.0), (1.0, 0.0)), rise=rise).values
    outward = (math.sqrt(1 + 2 * rise) - 1) / 2
    assert both["width_first"] == pytest.approx(outward, abs=1e-5)
    assert both["width_second"] == pytest.approx(outward, abs=1e-5)
    assert both["width_ratio"] == pytest.approx(1)
    one = interpolation(*quadratic((0.0, 0.0), (1.0, 0.0)), rise=rise).values
    assert one["width_first"] == pytest.approx(math.sqrt(2 * rise), abs=1e-5)
    assert one["width_second"] == pytest.approx(math.sqrt(1 + 2 * rise) - 1, abs=1e-5)
    assert one["width_ratio"] == pytest.approx(one["width_first"] / one["width_second"])


def test_a_width_beyond_the_curve_is_looked_for_in_doubled_steps():
    """At distance 0.1 from the first, |W|^2 / 2 = 0.02 is reached at 2 = 20 times that distance, far outside of the curve."""
    measured = interpolation(*quadratic((0.0, 0.0), (0.1, 0.0)), rise=2.0, points=11)
    assert measured.values["width_first"] == pytest.approx(20, rel=1e-4)


def test_a_width_that_is_never_reached_is_absent():
    measured = interpolation(*quadratic((0.0, 0.0), (0.0, 1.0), features=torch.tensor([[1.0, 0.0]], dtype=torch.float64)))
    assert measured.values == {"barrier": 0.0, "distance": 1.0}
    assert set(curve(measured).values()) == {0.0}


class Crossed(nn.Module):
    """f = u v x with parameters u and v: (1, 1) and (-1, -1) are the same function, and 0 lies between them."""

    def __init__(self, value):
        super().__init__()
        self.u, self.v = (nn.Parameter(torch.tensor(value, dtype=torch.float64), requires_grad=False) for _ in range(2))

    def forward(self, inputs):
        return self.u * self.v * inputs


def crossed(value):
    given = view(Crossed(value).eval(), inputs=1, outputs=1, samples=1)
    one = torch.ones(1, 1, dtype=torch.float64)
    return replace(given, data=replace(given.data, train_inputs=one, train_targets=one))


def test_two_symmetric_minima_have_the_barrier_of_what_lies_between():
    """R_S = (u v - 1)^2 / 2 is ((1 - 2a)^2 - 1)^2 / 2 on the line: 1/2 in the middle, and alike on both sides."""
    measured = interpolation(crossed(1.0), crossed(-1.0), points=41)
    assert measured.values["barrier"] == pytest.approx(0.5)
    assert measured.values["width_ratio"] == pytest.approx(1, rel=1e-6)
    losses = curve(measured)
    assert list(losses.values()) == pytest.approx(list(reversed(losses.values())), abs=1e-7)


def test_the_barrier_is_over_the_larger_end():
    """From f = x to f = 0 on targets 1: the losses are 0 and 1/2, and nothing between them is above the larger."""
    assert interpolation(crossed(1.0), crossed(0.0)).values["barrier"] == 0.0
    # From u = v = 1 to -2 the ends are 0 and 9/2; on the way u v is 0 at least, where the loss is 1/2: below the larger end.
    assert interpolation(crossed(1.0), crossed(-2.0)).values["barrier"] == 0.0
    # From 1 to -1.2 the second end is (1.44 - 1)^2 / 2 = 0.0968, and 1/2 - 0.0968 is left.
    assert interpolation(crossed(1.0), crossed(-1.2), points=1001).values["barrier"] == pytest.approx(0.5 - 0.0968, abs=1e-4)


def test_the_order_of_the_runs_mirrors_the_curve():
    pair = [view(filled(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), seed)) for seed in (1, 2)]
    there, back = interpolation(*pair, points=21), interpolation(*reversed(pair), points=21)
    mirrored = {round(1 - alpha, 9): loss for alpha, loss in curve(back).items()}
    assert curve(there) == pytest.approx(mirrored, rel=1e-6)
    assert there.values["width_first"] == pytest.approx(back.values["width_second"], rel=1e-4)
    assert there.values["barrier"] == pytest.approx(back.values["barrier"], rel=1e-5)


def test_accuracies_are_those_of_the_moved_network():
    pair = [view(filled(nn.Linear(3, 4), seed), outputs=4, objective="cross_entropy") for seed in (1, 2)]
    measured = interpolation(*pair, points=9)
    inputs, targets = pair[0].data.train_inputs, pair[0].data.train_targets
    weights = [dict(each.model.named_parameters()) for each in pair]
    expected = {}
    for alpha in curve(measured):
        weight, bias = ((1 - alpha) * weights[0][name] + alpha * weights[1][name] for name in ("weight", "bias"))
        expected[alpha] = float(((inputs @ weight.T + bias).argmax(1) == targets).double().mean())
    assert curve(measured, "accuracy") == pytest.approx(expected)
    assert len(set(expected.values())) > 2
    between = [value for alpha, value in expected.items() if 0 <= alpha <= 1]
    assert measured.values["accuracy_barrier"] == pytest.approx(min(expected[0.0], expected[1.0]) - min(between))


def test_values_have_no_accuracy():
    measured = interpolation(*quadratic((1.0, 0.0), (0.0, 2.0)))
    assert "accuracy_barrier" not in measured.values
    assert set(curve(measured, "accuracy").values()) == {None}


def test_only_the_first_samples_count():
    features = torch.tensor([[1.0, 0.0], [0.0, 5.0]], dtype=torch.float64)
    measured = interpolation(*quadratic((1.0, 0.0), (0.0, 1.0), features=features), samples=1)
    assert curve(measured)[0.0] == pytest.approx(0.5)
    assert curve(measured)[1.0] == 0.0


def normed(scale=1.0, seed=3):
    """A network with a batch norm whose first layer is scaled, which changes nothing that it computes."""
    model = filled(nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6, eps=1e-12), nn.Tanh(), nn.Linear(6, 2)), seed)
    for parameter in model[0].parameters():
        parameter.mul_(scale)
    given = view(model, samples=40)
    recompute(model, given.data.train_inputs)
    return given


def test_batch_norm_takes_its_statistics_anew():
    """Between a network and the same one with its first layer twice as large, every point computes the same function."""
    first, second = normed(), normed(2.0)
    losses = list(curve(interpolation(first, second, points=9)).values())
    assert losses == pytest.approx([losses[0]] * len(losses), rel=1e-6)
    assert losses[0] == pytest.approx(first.loss(first.data.train_inputs, first.data.train_targets), rel=1e-6)
    # Interpolated statistics would not do: the variance in the middle is 2.25, and the mean of variances 2.5.
    middle = copy.deepcopy(first.model)
    states = [each.model.state_dict() for each in (first, second)]
    middle.load_state_dict({name: torch.lerp(states[0][name].double(), states[1][name].double(), 0.5) for name in states[0]})
    assert abs(replace(first, model=middle).loss(first.data.train_inputs, first.data.train_targets) / losses[0] - 1) > 0.01


def test_statistics_weigh_batches_by_their_samples(monkeypatch):
    inputs = torch.randn(7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    norm = nn.BatchNorm1d(3).double().eval()
    monkeypatch.setattr("bench.parts.measures.batch_norm._BATCH", 3)
    recompute(norm, torch.cat([inputs[:6], inputs[6:].repeat(2, 1)]))
    pieces = [inputs[:3], inputs[3:6], inputs[6:].repeat(2, 1)]
    assert norm.running_mean == pytest.approx(sum(len(piece) * piece.mean(0) for piece in pieces) / 8)
    assert norm.running_var == pytest.approx(sum(len(piece) * piece.var(0) for piece in pieces) / 8)
    assert (norm.momentum, norm.training) == (0.1, False)


def test_networks_of_other_shapes_have_no_line_between_them():
    with pytest.raises(UsageError, match="no line between"):
        interpolation(view(filled(nn.Linear(3, 2))), view(filled(nn.Linear(3, 2, bias=False))))
