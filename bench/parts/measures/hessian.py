"""The Hessian of the training loss by its products with vectors: the largest eigenvalue, the trace and the density of the spectrum."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

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
TRACE = Metric("hessian_trace", "", "lower", "raw", "tr H = mean over draws of v·Hv, v of random signs, H = ∇²L(w)", version=2, family="sharpness")
ERROR = Metric("hessian_trace_error", "", "neither", "raw", "standard error of tr H: the standard deviation of v·Hv over √draws", version=2)

_TOLERANCE = 1e-6
"""How far the residual of the eigenvector is from zero at most, relative to the eigenvalue; the eigenvalue is closer."""

_EDGE = 1e-2
"""The same for the smallest eigenvalue, which only bounds the axis of the density."""


@measures.register(
    metrics=(TOP, TRACE, ERROR),
    table="spectrum",
    tasks=("classification", "regression", "translation"),
    reference="Hutchinson 1990; Lanczos 1950; Papyan 2020; dropout lecture, sec. 1.7",
)
def hessian(
    view: View,
    *,
    draws: Annotated[int, Field(ge=2)] = 30,
    restarts: Annotated[int, Field(ge=1)] = 100,
    samples: Annotated[int, Field(ge=1)] = 1024,
    lanczos: Annotated[int, Field(ge=2)] = 40,
    repeats: Annotated[int, Field(ge=1)] = 3,
    points: Annotated[int, Field(ge=2, le=2000)] = 200,
) -> Measured:
    """λ_max by Lanczos' method, tr H by Hutchinson's, E[v·Hv] = tr H for v of random signs, and the density p(λ) = 1/d Σ_i δ(λ - λ_i).

    Products are those of curvlinops, in double precision; batch statistics are frozen. The density is that of stochastic
    Lanczos quadrature, every node spread over a Gaussian. At a minimum with R_S = 0 of the squared loss,
    tr H = 1/n Σ_i ‖∇f(x_i)‖². Rescaling the layers of a network with ReLU against each other keeps the function and changes
    all of it. A product costs some five passes forward and back over the samples: for convolutions on a CPU take few samples.

    Args:
        view: the trained run.
        draws: k, random vectors for the trace, the same for every run of a seed; the error of their mean is told.
        restarts: how often Lanczos' method may start again, with ten to twenty products each.
        samples: the first so many training samples are used.
        lanczos: nodes of the quadrature, each of which takes a product; no more than there are weights.
        repeats: from how many random starts the density is averaged.
        points: points on the axis at which the density is kept.

    Returns:
        ``hessian_trace``, ``hessian_trace_error``, and ``hessian_top`` if it was found within the restarts; then also rows
        of the density for the table ``spectrum``, unless all eigenvalues are alike.
    """
    loss = TrainingLoss(view, samples)
    with _curvlinops(loss.weights.device):
        hessian_ = _operator(loss)
        forms = _forms(hessian_, view.seed, draws)
        values = {TRACE.name: float(forms.mean()), ERROR.name: float(forms.std() / draws**0.5)}
        top = _end(hessian_, view.seed, restarts, "LA", _TOLERANCE)
        if top is None:
            return Measured(values)
        bottom = _end(hessian_, view.seed, restarts, "SA", _EDGE)
        rows = [] if bottom is None or bottom >= top else _density(hessian_, (bottom, top), view.seed, min(lanczos, len(loss.weights)), repeats, points)
    return Measured({TOP.name: top, **values}, rows)


@contextmanager
def _curvlinops(device: torch.device) -> Iterator[None]:
    """Where curvlinops may be imported and used: its random numbers come from torch's global generator, which is put back.

    torch.jit.script is deprecated, and warns of that; curvlinops uses it when it is imported, and torch itself for
    derivatives forward: nobody here can do without.
    """
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is deprecated", category=FutureWarning)
        yield


class _Network(nn.Module):
    """The network as a function of all its weights in one vector."""

    def __init__(self, loss: TrainingLoss) -> None:
        super().__init__()
        self._loss = loss
        self.weights = nn.Parameter(loss.weights, requires_grad=False)

    def forward(self, inputs: Tensor) -> Tensor:
        return self._loss.outputs(self.weights, inputs)


class _Share(nn.Module):
    """What a piece of the samples adds to the mean loss; ``reduction`` tells curvlinops to take the sum over pieces."""

    reduction = "sum"

    def __init__(self, loss: TrainingLoss) -> None:
        super().__init__()
        self._loss = loss

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._loss.share(outputs, targets)


def _operator(loss: TrainingLoss) -> Any:
    """The Hessian, (p, p), as an operator of curvlinops."""
    from curvlinops import HessianLinearOperator

    network, pieces = _Network(loss), list(loss.pieces())
    return HessianLinearOperator(network, _Share(loss), [network.weights], pieces, check_deterministic=False, num_data=sum(len(inputs) for inputs, _ in pieces))


def _forms(operator: Any, seed: int, draws: int) -> Tensor:
    """v·Hv for each draw of signs v, (draws,), float64, from the stream ``hessian-trace``."""
    from curvlinops import hutchinson_trace

    if operator.shape[0] == 1:
        only: Tensor = operator @ torch.ones(1, dtype=operator.dtype, device=operator.device)  # what curvlinops would not estimate
        return only.cpu().expand(draws)
    forms = []
    for draw in range(draws):
        torch.manual_seed(seeding.key(seed, "hessian-trace", draw))
        forms.append(hutchinson_trace(operator, 1).cpu())
    return torch.stack(forms)


def _end(operator: Any, seed: int, restarts: int, which: str, tolerance: float) -> float | None:
    """The largest or smallest eigenvalue, or None where it was not found."""
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    products, size = operator.to_scipy(), operator.shape[0]
    start = seeding.generator(seed, "hessian-start").standard_normal(size)
    if size == 1:
        return float(products.matvec([1.0])[0])
    if not products.matvec(start).any():
        return 0.0  # H = 0, where Lanczos' method cannot start
    try:
        found = eigsh(products, k=1, which=which, v0=start, maxiter=restarts, tol=tolerance, return_eigenvectors=False)
    except ArpackNoConvergence:
        return None
    return float(found[0])


def _density(operator: Any, ends: tuple[float, float], seed: int, nodes: int, repeats: int, points: int) -> list[dict[str, Any]]:
    """Rows of the density between the ends and a little beyond; none where Lanczos' method breaks down, as it does where few eigenvalues differ."""
    from curvlinops import lanczos_approximate_spectrum

    torch.manual_seed(seeding.key(seed, "hessian-spectrum"))
    places, density = lanczos_approximate_spectrum(operator, nodes, num_points=points, num_repeats=repeats, boundaries=ends)
    if not density.isfinite().all():
        return []
    return [{"eigenvalue": place, "density": height} for place, height in zip(places.tolist(), density.tolist(), strict=True)]
