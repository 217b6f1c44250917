"""Clusters of neurons: how many directions the active neurons of the first hidden layer have condensed to.

For one-dimensional inputs plain gaps between sorted angles would not do: a thousand neurons all around the circle leave no
gap, and would be one cluster, as neurons of one direction are. So clusters are as narrow as the gaps between them are wide:
arcs of one length.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.arcs import ARC, arc_numbers
from bench.parts.measures.covers import leaders, nearby
from bench.parts.measures.layers import ACTIVE, Values, directions, first_hidden

CLUSTERS = Metric(
    "clusters",
    "clusters",
    "neither",
    "raw",
    "fewest arcs of 5 degrees that hold the angles of all active neurons of the first hidden layer; "
    "for inputs of several numbers, neurons in order of amplitude with cosine at most .95 to those kept before",
)
EFFECTIVE = Metric(
    "effective_clusters",
    "clusters",
    "neither",
    "log",
    "1 / sum_ij p_i p_j [angle between i and j at most 2.5 degrees], p the share of the amplitude of active neurons; "
    "for inputs of several numbers [cosine above .95]",
)


@measures.register(
    metrics=(CLUSTERS, EFFECTIVE), table=None, tasks=("classification", "regression"), reference="dropout lecture, fig. 1.2; condensation lecture", stacked=True
)
def clusters(
    view: View,
    *,
    active: Annotated[float, Field(ge=0, lt=1)] = ACTIVE,
    arc: Annotated[float, Field(gt=0, le=180)] = ARC,
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.95,
) -> Measured:
    """Clusters of the orientations of the active neurons, those with A > active max A.

    For inputs of one number, ``clusters`` is the least number of arcs that hold every active neuron: where groups are
    narrower than an arc and apart by more, it counts them; all around the circle it is 360 / arc. ``effective_clusters``
    weighs with the amplitude, and a stray neuron hardly counts: it is the inverse of the share of the amplitude that lies
    in the arc around a neuron, averaged over the amplitude. Neither depends on the order of the neurons; w and -w differ.

    Args:
        view: a run of a fully connected network.
        active: the share of the largest amplitude above which a neuron is active.
        arc: the length of an arc, in degrees; for inputs of one number.
        threshold: neurons are near if the cosine of [w_i; b_i] and [w_j; b_j] is above it; for inputs of several numbers.

    Returns:
        Both counts; none if all amplitudes are zero.
    """
    hidden, weights = first_hidden(view.model), view.model.state_dict()
    amplitudes = hidden.amplitudes(weights)
    largest = amplitudes.max()
    if largest == 0:
        return Measured()
    kept = amplitudes > active * largest
    shares = amplitudes[kept] / amplitudes[kept].sum()
    angles = hidden.angles(weights)
    if angles is None:
        units = directions(hidden.neurons(weights)[kept])
        count, around = leaders(units, np.argsort(-shares, kind="stable"), threshold), nearby(units, shares, threshold)
    else:
        length = np.radians(arc)
        count, around = int(arc_numbers(angles[kept], length).max()) + 1, _around(angles[kept], shares, length / 2)
    return Measured({CLUSTERS.name: float(count), EFFECTIVE.name: float(1 / (shares @ around))})


def _around(angles: Values, shares: Values, half: float) -> Values:
    """How much of the shares lies within an angle to both sides of each angle, (n,)."""
    order = angles.argsort()
    # The circle three times: what is looked for around the seam lies on a neighbouring turn.
    turns = np.concatenate([angles[order] + turn for turn in (-2 * np.pi, 0, 2 * np.pi)])
    sums = np.concatenate([[0.0], np.tile(shares[order], 3).cumsum()])
    around: Values = sums[np.searchsorted(turns, angles + half, side="right")] - sums[np.searchsorted(turns, angles - half, side="left")]
    return around
