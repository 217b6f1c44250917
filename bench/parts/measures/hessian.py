"""The Hessian of the training loss by its products with vectors: the largest eigenvalue and the trace."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from bench import seeding
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.training_loss import TrainingLoss

TOP = Metric(
    "hessian_top",
    "",
    "lower",
    "raw",
    "largest eigenvalue of H = ∇²L(w), L the training loss of the clean network; the largest, not in size",
    family="sharpness",
)
TRACE = Metric("hessian_trace", "", "lower", "raw", "tr H = mean over draws of v·Hv, v of random signs, H = ∇²L(w)", family="sharpness")
ERROR = Metric("hessian_trace_error", "", "neither", "raw", "standard error of tr H: the standard deviation of v·Hv over √draws")

_TOLERANCE = 1e-6
"""How far the residual of the eigenvector is from zero at most, relative to the eigenvalue; the eigenvalue is closer."""


@measures.register(
    metrics=(TOP, TRACE, ERROR),
    table=None,
    tasks=("classification", "regression", "translation"),
    reference="Hutchinson 1990; Lanczos 1950; dropout lecture, sec. 1.5",
)
def hessian(
    view: View,
    *,
    draws: Annotated[int, Field(ge=2)] = 30,
    restarts: Annotated[int, Field(ge=1)] = 100,
    samples: Annotated[int, Field(ge=1)] = 1024,
) -> Measured:
    """λ_max by Lanczos' method and tr H by Hutchinson's: E[v·Hv] = tr H for v of independent random signs.

    The draws are a fixed number, and the error of their mean is told. Products are exact, in double precision; batch
    statistics are frozen. At a minimum with R_S = 0 of the squared loss, tr H = 1/n Σ_i ‖∇f(x_i)‖². Rescaling the layers
    of a network with ReLU against each other keeps the function and changes both numbers. A product costs some five passes
    forward and back over the samples: for convolutions on a CPU take few samples.

    Args:
        view: the trained run.
        draws: k, random vectors for the trace, the same for every run of a seed.
        restarts: how often Lanczos' method may start again, with ten to twenty products each.
        samples: the first so many training samples are used.

    Returns:
        ``hessian_trace``, ``hessian_trace_error``, and ``hessian_top`` if it was found within the restarts.
    """
    loss = TrainingLoss(view, samples)
    forms = _forms(loss, view.seed, draws)
    values = {TRACE.name: float(forms.mean()), ERROR.name: float(forms.std() / draws**0.5)}
    top = _top(loss, view.seed, restarts)
    return Measured(values if top is None else {TOP.name: top, **values})


def _forms(loss: TrainingLoss, seed: int, draws: int) -> Tensor:
    """v·Hv for each draw of signs v, (draws,), float64."""
    forms = torch.zeros(draws, dtype=torch.float64)
    for product in loss.curvatures():
        for draw in range(draws):
            signs = _signs(loss.weights, seed, draw)
            forms[draw] += float(signs @ product(signs))
    return forms


def _signs(weights: Tensor, seed: int, draw: int) -> Tensor:
    """A vector of random signs, from the stream ``hessian-trace``."""
    generator = torch.Generator().manual_seed(seeding.key(seed, "hessian-trace", draw))
    return (torch.randint(2, weights.shape, generator=generator) * 2 - 1).to(weights)


def _top(loss: TrainingLoss, seed: int, restarts: int) -> float | None:
    """The largest eigenvalue, or None where it was not found."""
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    def product(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        given = torch.from_numpy(vector.reshape(-1)).to(loss.weights)
        result: NDArray[np.float64] = loss.curvature(given).cpu().numpy()
        return result

    size = len(loss.weights)
    start = seeding.generator(seed, "hessian-start").standard_normal(size)
    if size == 1:
        return float(product(np.ones(1))[0])
    if not product(start).any():
        return 0.0  # H = 0, where Lanczos' method cannot start
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    try:
        found = eigsh(operator, k=1, which="LA", v0=start, maxiter=restarts, tol=_TOLERANCE, return_eigenvectors=False)
    except ArpackNoConvergence:
        return None
    return float(found[0])
