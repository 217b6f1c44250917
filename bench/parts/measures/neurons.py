"""Amplitude and orientation of the neurons of the first hidden layer: what condensation is seen in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.metric import Metric
from bench.parts.measures import Measured, Snapshots, View, measures
from bench.parts.measures.arcs import ARC, arc_numbers
from bench.parts.measures.layers import ACTIVE, Hidden, Values, Weights, first_hidden

NUMBER = Metric("active_neurons", "neurons", "neither", "log", f"neurons of the first hidden layer whose amplitude is above {ACTIVE} of the largest")
TOTAL = Metric("total_amplitude", "", "neither", "log", "sum over the neurons of the first hidden layer of the amplitude A = ||a|| ||[w; b]||")


@measures.register(
    metrics=(NUMBER, TOTAL), table="neurons", tasks=("classification", "regression"), reference="dropout lecture, fig. 1.2; condensation lecture", stacked=True
)
def neurons(view: View, *, snapshots: Snapshots = None) -> Measured:
    """Amplitude A_j = ||a_j|| ||[w_j; b_j]|| and orientation atan2(b_j, w_j) of each neuron of the first hidden layer.

    w_j and b_j are what enters neuron j, a_j what leaves it, |a_j| where one output follows. For ReLU and c > 0,
    (a_j / c, c w_j, c b_j) is the same function and has the same amplitude and orientation.

    Args:
        view: a run of a fully connected network. Where more than one number enters it, neurons have no orientation.
        snapshots: when the neurons are recorded besides at the end.

    Returns:
        ``active_neurons`` and ``total_amplitude`` at the end, and rows for the table ``neurons``.
    """
    hidden = first_hidden(view.model)
    last = view.history.steps[-1]
    weights: dict[int, Weights] = {**view.snapshots, last: view.model.state_dict()}
    rows = [row for step in sorted(weights) for row in _rows(hidden, step, weights[step])]
    amplitudes = hidden.amplitudes(weights[last])
    active = float((amplitudes > ACTIVE * amplitudes.max()).sum())
    return Measured({NUMBER.name: active, TOTAL.name: float(amplitudes.sum())}, rows)


def _rows(hidden: Hidden, step: int, weights: Weights) -> Iterator[dict[str, Any]]:
    amplitudes, angles = hidden.amplitudes(weights), hidden.angles(weights)
    shares = amplitudes / (amplitudes.max() or 1.0)
    clusters = {} if angles is None else _clusters(angles, shares > ACTIVE)
    for neuron, (amplitude, share) in enumerate(zip(amplitudes.tolist(), shares.tolist(), strict=True)):
        # A neuron that nothing enters points nowhere.
        angle = None if angles is None or np.isnan(angles[neuron]) else float(angles[neuron])
        row = {"step": step, "layer": hidden.path, "neuron": neuron, "amplitude": amplitude, "share": share}
        yield {**row, "orientation": angle, "cluster": clusters.get(neuron)}


def _clusters(angles: Values, active: NDArray[np.bool_]) -> dict[int, int]:
    """The number of the cluster of each active neuron."""
    places = np.flatnonzero(active)
    return dict(zip(places.tolist(), arc_numbers(angles[places], np.radians(ARC)).tolist(), strict=True))
