"""PAC-Bayes flatness: how large Gaussian changes of the weights may be before the network is clearly worse on its training samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from bench import seeding
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.kernels import CpuKernels
from bench.parts.measures.surface import Weights

LARGEST = 2.0
"""The largest standard deviation that is tried."""

_HALVINGS = 15

_SIGMA = "largest σ up to 2 at which the training accuracy, or for values the loss, of w + d is worse by a given amount (0.1) at most in the mean, {}"
_LAWS = {"pac_bayes": "d ~ N(0, σ²)", "magnitude_pac_bayes": "d_i ~ N(0, σ² w_i² + ε²)"}
SIGMAS = {law: Metric(f"{law}_sigma", "", "higher", "log", f"{_SIGMA.format(meaning)}; 2 says 2 or more") for law, meaning in _LAWS.items()}
FLATNESS = {
    law: Metric(f"{law}_flatness", "", "lower", "log", f"1/σ², {_SIGMA.format(meaning)}; 0.25 says that or less", family="sharpness")
    for law, meaning in _LAWS.items()
}


@measures.register(
    metrics=(*SIGMAS.values(), *FLATNESS.values()),
    table=None,
    tasks=("classification", "regression"),
    reference="Jiang et al. 2020; Dziugaite et al. 2020",
)
def pac_bayes(
    view: View,
    *,
    worse: Annotated[float, Field(gt=0)] = 0.1,
    draws: Annotated[int, Field(ge=1, le=1000)] = 10,
    epsilon: Annotated[float, Field(ge=0)] = 1e-3,
    samples: Annotated[int, Field(ge=1)] = 1024,
) -> Measured:
    """The largest σ with E[A(w) - A(w + d)] <= ``worse``, A the training accuracy, or minus the loss where targets are values; and 1/σ².

    Twice: d ~ N(0, σ² I), and in proportion to the weights, d_i ~ N(0, σ² w_i² + ε²). σ is a standard deviation; the
    reference code of Jiang et al. passes σ² for it. It is found by 15 halvings of (0, 2), with the same normal numbers at
    every σ; where even σ = 2 does no harm it is 2, a bound and no value. All weights are changed, biases and those of
    batch norms too, whose statistics are frozen and not folded. Where ReLU follows a layer, rescaling layers against each
    other changes the first number, and not the second with ``epsilon: 0``.

    Args:
        view: the trained run.
        worse: by how much the accuracy may fall, a fraction; or the loss rise, in its own unit.
        draws: changes over which the mean is taken.
        epsilon: ε, which moves weights near zero too.
        samples: the first so many training samples are used.

    Returns:
        ``pac_bayes_sigma``, ``pac_bayes_flatness``, ``magnitude_pac_bayes_sigma`` and ``magnitude_pac_bayes_flatness``; a pair is
        absent if even the smallest σ that was tried does harm.
    """
    data = view.data.train_inputs[:samples], view.data.train_targets[:samples]
    weights = {name: weight.detach() for name, weight in view.model.named_parameters()}
    start = _goodness(view, *data, weights)

    def harmless(deviations: Callable[[Tensor], Tensor]) -> bool:
        moved = (_moved(weights, deviations, view.seed, draw) for draw in range(draws))
        return start - sum(_goodness(view, *data, each) for each in moved) / draws <= worse

    plain = _largest(lambda sigma: harmless(lambda weight: torch.full_like(weight, sigma)))
    scaled = _largest(lambda sigma: harmless(lambda weight: ((sigma * weight).square() + epsilon**2).sqrt()))
    values: dict[str, float] = {}
    for law, sigma in zip(_LAWS, (plain, scaled), strict=True):
        values |= {SIGMAS[law].name: sigma, FLATNESS[law].name: sigma**-2} if sigma else {}
    return Measured(values)


def _largest(harmless: Callable[[float], bool]) -> float:
    """The largest harmless σ, up to the width of the last interval; 0 where none was."""
    if harmless(LARGEST):
        return LARGEST
    low, high = 0.0, LARGEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if harmless(middle) else (low, middle)
    return low


def _moved(weights: Weights, deviations: Callable[[Tensor], Tensor], seed: int, draw: int) -> dict[str, Tensor]:
    """The weights with a change of given standard deviations, its normal numbers from the stream ``pac-bayes``."""
    generator = torch.Generator().manual_seed(seeding.key(seed, "pac-bayes", draw))
    return {name: weight + deviations(weight) * torch.randn(weight.shape, generator=generator).to(weight) for name, weight in weights.items()}


@torch.no_grad()
def _goodness(view: View, inputs: Tensor, targets: Tensor, weights: Weights) -> float:
    """The accuracy of the network with given weights, or minus its loss where targets are values."""
    with CpuKernels():
        if view.spec.task != "classification":
            return -view.loss(inputs, targets, weights)
        starts = range(0, len(inputs), view.batch)
        passes = (torch.func.functional_call(view.model, dict(weights), (inputs[start : start + view.batch],)) for start in starts)
        classes = torch.cat([outputs.argmax(dim=1) for outputs in passes])
        return float((classes == targets).double().mean())
