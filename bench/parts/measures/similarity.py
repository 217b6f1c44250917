"""Similarity of neurons: the cosines between the weights that enter the neurons of a layer."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.layers import Layer, directions, path_of, vectors

ALIGNED = 0.9
MEDIAN = Metric("similarity_median", "", "neither", "raw", "median over pairs of neurons of a layer of |cos([w_i; b_i], [w_j; b_j])|")
MEAN = Metric("similarity_mean", "", "neither", "raw", "mean over pairs of neurons of a layer of |cos([w_i; b_i], [w_j; b_j])|")
SHARE = Metric("similarity_share", "fraction", "neither", "points", f"share of pairs of neurons of a layer with |cos([w_i; b_i], [w_j; b_j])| > {ALIGNED}")


@measures.register(
    metrics=(MEDIAN, MEAN, SHARE),
    table=None,
    tasks=("classification", "regression"),
    reference="dropout lecture, fig. 1.3ab; condensation lecture, eq. 1.3 and figs. 1.8 and 1.9",
)
def similarity(view: View, *, layer: Layer = 0, bias: bool = True, most: Annotated[int, Field(ge=2, le=20_000)] = 4096) -> Measured:
    """|D_ij| over pairs i < j, where D(u, v) = u . v / (||u|| ||v||) of the vectors [w_j; b_j] of a layer's neurons.

    A layer that has condensed to one line has 1 everywhere. In d dimensions random directions have a mean of
    Gamma(d / 2) / (sqrt(pi) Gamma((d + 1) / 2)), about sqrt(2 / (pi d)). No scaling and no sign of a neuron changes it.

    Args:
        view: the trained run.
        layer: number or path of the layer; the first by default.
        bias: whether a neuron's bias belongs to its vector.
        most: the first so many neurons are looked at; their pairs fill memory.

    Returns:
        Median, mean, and the share above 0.9; neurons that nothing enters are left out, and nothing is given for fewer than two.
    """
    units = directions(vectors(view.model.state_dict(), path_of(view.model, layer), bias=bias)[:most])
    if len(units) < 2:
        return Measured()
    pairs = np.abs(units @ units.T)[np.triu_indices(len(units), k=1)].clip(max=1)
    return Measured({MEDIAN.name: float(np.median(pairs)), MEAN.name: float(pairs.mean()), SHARE.name: float((pairs > ALIGNED).mean())})
