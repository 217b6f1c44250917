"""Similarity of neurons: the cosines between the weights that enter the neurons of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bench import seeding
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.layers import Layer, Values, directions, path_of, vectors

ALIGNED = 0.9
MEDIAN = Metric("similarity_median", "", "neither", "raw", "median over pairs of neurons of a layer of |cos([w_i; b_i], [w_j; b_j])|")
MEAN = Metric("similarity_mean", "", "neither", "raw", "mean over pairs of neurons of a layer of |cos([w_i; b_i], [w_j; b_j])|")
SHARE = Metric("similarity_share", "fraction", "neither", "points", f"share of pairs of neurons of a layer with |cos([w_i; b_i], [w_j; b_j])| > {ALIGNED}")


@measures.register(
    metrics=(MEDIAN, MEAN, SHARE),
    table="similarity",
    tasks=("classification", "regression"),
    reference="dropout lecture, fig. 1.3ab; condensation lecture, eq. 1.3 and figs. 1.8 and 1.9",
)
def similarity(
    view: View,
    *,
    layer: Layer = 0,
    bias: bool = True,
    most: Annotated[int, Field(ge=2, le=20_000)] = 4096,
    matrix: Annotated[int, Field(ge=2, le=200)] = 100,
) -> Measured:
    """|D_ij| over pairs i < j, where D(u, v) = u . v / (||u|| ||v||) of the vectors [w_j; b_j] of a layer's neurons.

    A layer that has condensed to one line has 1 everywhere. In d dimensions random directions have a mean of
    Gamma(d / 2) / (sqrt(pi) Gamma((d + 1) / 2)), about sqrt(2 / (pi d)). No scaling and no sign of a neuron changes it.

    Args:
        view: the trained run.
        layer: number or path of the layer; the first by default.
        bias: whether a neuron's bias belongs to its vector.
        most: the first so many neurons are looked at; their pairs fill memory.
        matrix: of so many of them D itself is kept, which grows with the square of their number; of more, some in equal
            steps along the order.

    Returns:
        Median, mean, and the share above 0.9; rows of D for the table ``similarity``, with the neurons in the order of its
        leading eigenvector, so that neurons of one direction stand together. Neurons that nothing enters are left out, and
        nothing is given for fewer than two.
    """
    path = path_of(view.model, layer)
    units = directions(vectors(view.model.state_dict(), path, bias=bias)[:most])
    if len(units) < 2:
        return Measured()
    cosines = (units @ units.T).clip(-1, 1)
    pairs = np.abs(cosines)[np.triu_indices(len(units), k=1)]
    values = {MEDIAN.name: float(np.median(pairs)), MEAN.name: float(pairs.mean()), SHARE.name: float((pairs > ALIGNED).mean())}
    start = seeding.generator(view.seed, "similarity-start").standard_normal(len(units))
    return Measured(values, list(_rows(_sorted(cosines, start, matrix), path)))


def _sorted(cosines: Values, start: Values, most: int) -> Values:
    """The matrix of at most so many neurons, sorted by its leading eigenvector, whose sign is such that the larger group comes last."""
    from scipy.sparse.linalg import eigsh

    leading = eigsh(cosines, k=1, v0=start)[1][:, 0]
    order = np.argsort(leading if np.median(leading) >= 0 else -leading, kind="stable")
    kept = order[np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(np.int64)]
    chosen: Values = cosines[np.ix_(kept, kept)]
    return chosen


def _rows(matrix: Values, path: str) -> Iterator[dict[str, Any]]:
    for first, second in zip(*np.triu_indices(len(matrix)), strict=True):
        yield {"layer": path, "first": int(first), "second": int(second), "cosine": float(matrix[first, second])}
