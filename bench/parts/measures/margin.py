"""Margins: by how much the output of a sample's class exceeds every other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.weights import squared_norms

OUTPUT = Metric(
    "output_margin", "", "higher", "raw", "10th percentile over training samples of f_y(x) - max over k ≠ y of f_k(x), dropout off", family="margin"
)
NORMALIZED = Metric(
    "normalized_margin", "", "higher", "raw", "output margin over the product over layers of the Frobenius norm, batch norm folded in", family="margin"
)


@measures.register(metrics=(OUTPUT, NORMALIZED), table=None, tasks=("classification",), reference="Jiang et al. 2020, measures 22 and 36; Bartlett et al. 2017")
def margin(view: View) -> Measured:
    """The margin γ that 90% of the training samples exceed, and γ / Π_l ‖W_l‖_F.

    γ is the ⌊m/10⌋-th smallest of m margins, the smallest of fewer than 20; it is negative where that sample is
    classified wrongly. Scaling the weights of a network with ReLU and no biases scales γ, and not the normalized one.

    Args:
        view: the trained run.

    Returns:
        ``output_margin``, and ``normalized_margin`` unless a layer is zero.
    """
    margins = _margins(view)
    value = margins.kthvalue(max(1, len(margins) // 10)).values
    # In logarithms: a product over many layers is no float.
    normalized = float(value * (-squared_norms(view).log().sum() / 2).exp())
    return Measured({OUTPUT.name: float(value)} | ({NORMALIZED.name: normalized} if math.isfinite(normalized) else {}))


@torch.no_grad()
def _margins(view: View) -> Tensor:
    """The margin of each training sample, (n,), float64."""
    inputs, targets = view.data.train_inputs, view.data.train_targets.unsqueeze(1)
    pieces = []
    for start in range(0, len(inputs), view.batch):
        outputs, wanted = view.model(inputs[start : start + view.batch]).double(), targets[start : start + view.batch]
        pieces.append(outputs.gather(1, wanted).squeeze(1) - outputs.scatter(1, wanted, -math.inf).amax(dim=1))
    return torch.cat(pieces)
