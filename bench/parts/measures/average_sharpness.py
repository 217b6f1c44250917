"""The mean rise of the training loss under Gaussian changes in proportion to the weights."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from bench import seeding
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.surface import losses_at

MEAN = Metric("average_sharpness", "", "lower", "raw", "E L(w + d) - L(w), d_i ~ N(0, ρ² w_i²), L the training loss of the clean network", family="sharpness")
ERROR = Metric("average_sharpness_error", "", "neither", "raw", "standard error of average_sharpness: the standard deviation over pairs d, -d over √pairs")


@measures.register(metrics=(MEAN, ERROR), table=None, tasks=("classification", "regression", "translation"), reference="Andriushchenko et al. 2023")
def average_sharpness(
    view: View,
    *,
    rho: Annotated[float, Field(gt=0)] = 0.1,
    pairs: Annotated[int, Field(ge=2, le=10_000)] = 20,
    samples: Annotated[int, Field(ge=1)] = 1024,
) -> Measured:
    """E L(w + d) - L(w) for changes d ~ N(0, ρ² diag(|w|²)) of all weights, biases among them; ρ |w_i| is the standard deviation.

    Changes come in pairs d and -d, whose mean (L(w + d) + L(w - d)) / 2 has no term of first order. To second order the
    number is ρ²/2 Σ_i w_i² ∂²L/∂w_i². Batch statistics are frozen. Where ReLU follows a layer, rescaling layers or neurons
    against each other, with their biases, changes nothing: the changes scale with the weights.

    Args:
        view: the trained run.
        rho: ρ, in shares of each weight.
        pairs: how many pairs are drawn, the same normal numbers for every run of a seed.
        samples: the first so many training samples are used.

    Returns:
        ``average_sharpness`` and ``average_sharpness_error``.
    """
    inputs, targets = view.data.train_inputs[:samples], view.data.train_targets[:samples]
    weights = dict(view.model.named_parameters())
    (center,) = losses_at(view, inputs, targets, weights, [], [()])
    rises = []
    for pair in range(pairs):
        generator = torch.Generator().manual_seed(seeding.key(view.seed, "average-sharpness", pair))
        change = {name: rho * weight.abs() * torch.randn(weight.shape, generator=generator).to(weight) for name, weight in weights.items()}
        up, down = losses_at(view, inputs, targets, weights, [change], [(1.0,), (-1.0,)])
        rises.append((up + down) / 2 - center)
    found = torch.tensor(rises, dtype=torch.float64)
    return Measured({MEAN.name: float(found.mean()), ERROR.name: float(found.std() / pairs**0.5)})
