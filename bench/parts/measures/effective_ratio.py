"""Effective ratio: the share of a layer's neurons that would stand for all of them (dropout lecture, Definition 1).

The definition leaves open whether what stands for others is any unit vector (F), or a neuron of the layer (D), and D is hard
to find; what the lecture's figure shows agrees with vectors taken in some order (L), see `bench.parts.measures.covers`. So
there are bounds beside the exact number, and lower <= F <= D = exact <= upper <= first fit.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bench import seeding
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.covers import Cover, packing
from bench.parts.measures.layers import Layer, Unit, directions, path_of, vectors

_OF = "over the neurons of the layer; neurons are near if their cosine is above the threshold"
LOWER = Metric("effective_ratio_lower", "fraction", "neither", "points", f"neurons of which no two are near one and the same unit vector, {_OF}")
UPPER = Metric("effective_ratio_upper", "fraction", "neither", "points", f"smallest set found of neurons such that each is near one of it, {_OF}")
EXACT = Metric("effective_ratio_exact", "fraction", "neither", "points", f"smallest set of neurons such that each is near one of it, where proven, {_OF}")
FIRST_FIT = Metric("effective_ratio_first_fit", "fraction", "neither", "points", f"neurons in a random order that are near none kept before, {_OF}")


@measures.register(
    metrics=(LOWER, UPPER, EXACT, FIRST_FIT), table=None, tasks=("classification", "regression"), reference="dropout lecture, Definition 1 and fig. 1.3c"
)
def effective_ratio(
    view: View,
    *,
    layer: Layer = 0,
    unit: Unit = "neuron",
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.95,
    bias: bool = True,
    largest: Annotated[int, Field(ge=1)] = 1000,
    nodes: Annotated[int, Field(ge=1)] = 10,
) -> Measured:
    """m_eff / m: how few of a layer's m neurons there are such that each neuron has a cosine above the threshold with one.

    Neurons of opposite sign differ. Those that nothing enters need nobody to stand for them, and count in m. Random
    neurons of few inputs are near one another by chance: compare with the same at the start.

    Args:
        view: the trained run.
        layer: number or path of the layer; the first by default.
        unit: whether a row or a filter counts as a neuron, or each slice of a filter, one for each channel (fig. 1.3c).
        threshold: the cosine above which neurons are near.
        bias: whether a neuron's bias belongs to its vector.
        largest: neurons that hang together are not tried exactly if there are more.
        nodes: how many branches the exact search may make among neurons that hang together.

    Returns:
        The bounds, the first fit, and the exact ratio where it was proven.
    """
    rows = vectors(view.model.state_dict(), path_of(view.model, layer), unit=unit, bias=bias)
    units = directions(rows)
    cover = Cover(units, threshold)
    first_fit = cover.first_fit(seeding.generator(view.seed, "first-fit"))
    exact = cover.fewest(largest, nodes)
    counts = {LOWER: packing(units, threshold), UPPER: min(cover.greedy(), first_fit), EXACT: exact, FIRST_FIT: first_fit}
    return Measured({metric.name: count / len(rows) for metric, count in counts.items() if count is not None})
