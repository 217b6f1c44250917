"""When runs are evaluated on the whole of a split, and in how large batches."""

from __future__ import annotations

import math

import torch

from bench.parts.datasets import DataSpec

MAX_POINTS = 200
"""How many evaluations a run has at most: every epoch up to this many, then epochs at equal ratios."""

BATCH_ELEMENTS = {"cpu": 2**18, "cuda": 2**22}
"""How many input elements go through the model at once, at most: on a CPU so few that activations stay in its cache."""

OUTPUT_RATIO = 16
"""How many times as many output elements: a model ends with them, and no layer is behind that would find them in the cache."""


def evaluation_epochs(epochs: int) -> list[int]:
    """The epochs after which a run is evaluated: all up to `MAX_POINTS`, else at equal ratios; always the last."""
    if epochs <= MAX_POINTS:
        return list(range(1, epochs + 1))
    ratio = epochs ** (1 / (MAX_POINTS - 1))
    return sorted({min(epochs, math.ceil(ratio**index)) for index in range(MAX_POINTS)})


def evaluation_batch(spec: DataSpec, device: torch.device) -> int:
    """How many samples of a data set go through the model at once in an evaluation on a device."""
    elements = BATCH_ELEMENTS[device.type]
    return max(1, min(1024, elements // math.prod(spec.inputs), OUTPUT_RATIO * elements // spec.numbers))
