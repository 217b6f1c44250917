"""Norms of the weights: their sum of squares, and the product over layers that bounds a network's slope."""

from __future__ import annotations

import math

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.weights import squared_norms

SUM = Metric("parameter_norm", "", "neither", "log", "sum over layers of the squared Frobenius norm of the weights, batch norm folded in", family="norm")
PRODUCT = Metric(
    "frobenius_product", "", "neither", "raw", "logarithm of the product over layers of the squared Frobenius norm, batch norm folded in", family="norm"
)


@measures.register(
    metrics=(SUM, PRODUCT),
    table=None,
    tasks=("classification", "regression", "translation"),
    reference="Jiang et al. 2020, measures 42 and 37, before the division by the samples",
)
def parameter_norm(view: View) -> Measured:
    """The sum Σ_l ‖W_l‖² and the log product Σ_l log ‖W_l‖² over layers; biases are left out.

    Where layers are followed by ReLU and have no biases, (c W_1, W_2 / c) is the same function: it has another sum, and the
    same product.

    Args:
        view: the trained run.

    Returns:
        ``parameter_norm``, and ``frobenius_product`` unless a layer is zero.
    """
    squares = squared_norms(view)
    product = float(squares.log().sum())
    return Measured({SUM.name: float(squares.sum())} | ({PRODUCT.name: product} if math.isfinite(product) else {}))
