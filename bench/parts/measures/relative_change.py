"""Relative change of weights: how far training has moved them, in norms of what they were."""

from __future__ import annotations

import numpy as np

from bench.errors import UsageError
from bench.metric import Metric
from bench.parts.measures import Measured, Snapshots, View, measures
from bench.parts.measures.layers import Layer, path_of, vectors

LAYER = Metric("relative_change", "", "neither", "log", "||theta(T) - theta(0)|| / ||theta(0)|| of the weights and biases of a layer")
TOTAL = Metric("relative_change_total", "", "neither", "log", "||theta(T) - theta(0)|| / ||theta(0)|| of all trained parameters")

_START: Snapshots = [0]


@measures.register(
    metrics=(LAYER, TOTAL),
    table=None,
    tasks=("classification", "regression", "translation"),
    reference="Luo et al. 2021; dropout lecture, fig. 1.2; condensation lecture",
)
def relative_change(view: View, *, layer: Layer = 0, snapshots: Snapshots = _START) -> Measured:
    """RD = ||theta(T) - theta(0)|| / ||theta(0)|| of a layer, weights and biases joined, and of the whole network.

    It goes to 0 with the width in the linear regime, and grows where neurons condense.

    Args:
        view: the trained run, with a snapshot of step 0.
        layer: number or path of the layer; the first by default.
        snapshots: where the initial weights come from; step 0 must be among them.

    Returns:
        Both ratios, but none whose initial weights are zero.

    Raises:
        UsageError: if there is no snapshot of step 0.
    """
    if 0 not in view.snapshots:
        raise UsageError("relative_change compares with the weights at step 0, which are not among its snapshots", hint="List step 0: snapshots: [0, …].")
    path = path_of(view.model, layer)
    last, first = view.model.state_dict(), view.snapshots[0]
    ratios = {LAYER.name: _change([vectors(last, path)], [vectors(first, path)])}
    names = [name for name, _ in view.model.named_parameters()]
    ratios[TOTAL.name] = _change(*([weights[name].detach().double().cpu().numpy() for name in names] for weights in (last, first)))
    return Measured({name: ratio for name, ratio in ratios.items() if ratio is not None})


def _change(last: list[np.ndarray], first: list[np.ndarray]) -> float | None:
    """||last - first|| / ||first|| over all tensors together."""
    moved = sum(float(np.square(new - old).sum()) for new, old in zip(last, first, strict=True))
    length = sum(float(np.square(old).sum()) for old in first)
    return (moved / length) ** 0.5 if length else None
