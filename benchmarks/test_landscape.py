"""A loss curve against what a PyTorch user would write: a copy of the model for each point, and one pass over all samples."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from bench.parts.datasets import Data, DataSpec
from bench.parts.measures import History, View
from bench.parts.measures.loss_curve import gaussian, normalize
from bench.parts.measures.surface import losses_at
from bench.parts.models import models
from bench.parts.objectives import objectives
from bench.train.evaluate import evaluation_batch
from benchmarks.interleaved import in_turn, microseconds

ALPHAS = torch.linspace(-1, 1, 51).tolist()
CASES = {
    "784-1000-10 tanh": ("fnn", (784,), 1000, {"width": 1000, "activation": "tanh"}),
    "784-1000-10 relu": ("fnn", (784,), 1000, {"width": 1000, "activation": "relu"}),
    "784-1000-1000-10 relu": ("fnn", (784,), 1000, {"width": 1000, "depth": 2, "activation": "relu"}),
    "1-1000-10 tanh": ("fnn", (1,), 20, {"width": 1000, "activation": "tanh"}),
    "cnn": ("cnn", (1, 28, 28), 100, {"width": 16}),
}


def view_of(name: str) -> View:
    part, shape, samples, parameters = CASES[name]
    torch.manual_seed(0)
    model = models[part].target(shape, 10, 0.5, **parameters).eval().requires_grad_(False)
    inputs, targets = torch.randn(samples, *shape), torch.randint(10, (samples,))
    spec = DataSpec("classification", shape, 10, samples, samples)
    objective = objectives["cross_entropy"].target()
    return View(model, objective, Data(inputs, targets, inputs, targets), spec, History([], [], {}), 0, evaluation_batch(spec, torch.device("cpu")))


@torch.no_grad()
def of_copies(view: View, direction: dict[str, Tensor]) -> list[float]:
    """deepcopy, one for each point, in evaluation mode as the model is."""
    losses = []
    for alpha in ALPHAS:
        moved = copy.deepcopy(view.model)
        for name, parameter in moved.named_parameters():
            parameter.add_(direction[name], alpha=alpha)
        losses.append(nn.functional.cross_entropy(moved(view.data.train_inputs), view.data.train_targets).item())
    return losses


def of_the_surface(view: View, direction: dict[str, Tensor]) -> list[float]:
    base = dict(view.model.named_parameters())
    return losses_at(view, view.data.train_inputs, view.data.train_targets, base, [direction], [(alpha,) for alpha in ALPHAS])


@pytest.mark.parametrize("name", CASES)
def test_ratio_to_copies(keep, name):
    view = view_of(name)
    direction = normalize(view.model, gaussian(dict(view.model.named_parameters()), 0, 0), "layer", "zero")
    difference = max(abs(fast / slow - 1) for fast, slow in zip(of_the_surface(view, direction), of_copies(view, direction), strict=True))
    assert difference < 1e-5
    sides = {"copies": lambda: microseconds(lambda: of_copies(view, direction)), "surface": lambda: microseconds(lambda: of_the_surface(view, direction))}
    timed = in_turn(sides)
    ratio = timed.ratio("copies", "surface")
    keep(
        timed.microseconds["surface"],
        ratio=ratio.median,
        quartiles=(ratio.low, ratio.high),
        difference=difference,
        microseconds={side: timed.of(side).median for side in sides},
    )
    print(f"\n{name}, {len(ALPHAS)} points: {ratio} times as fast as copies; largest relative difference {difference:.1e}")
