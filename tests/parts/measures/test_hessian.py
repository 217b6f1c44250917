"""The Hessian's largest eigenvalue and trace: exact Hessians of small networks, closed forms, and what rescaling changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from bench import seeding
from bench.parts.datasets import Data
from tests.parts.measures.rescaling import filled, layers_rescaled, linear_net, relu_net, take, view, whole

NETWORKS = {
    "relu": (lambda: relu_net(bias=True), (3,)),
    "tanh": (lambda: filled(nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))), (3,)),
    "batch norm": (lambda: filled(nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))), (1, 3, 3)),
}
networks = pytest.mark.parametrize(("build", "inputs"), NETWORKS.values(), ids=NETWORKS)
OBJECTIVES = pytest.mark.parametrize("objective", ["squared", "cross_entropy"])


def exact(seen):
    """The Hessian, entry by entry, by autograd."""
    return torch.autograd.functional.hessian(whole(seen), torch.cat([parameter.flatten() for parameter in seen.model.parameters()]))


@networks
@OBJECTIVES
def test_agrees_with_the_exact_hessian(build, inputs, objective):
    seen = view(build(), inputs, objective=objective)
    values, matrix = take("hessian", seen, draws=100), exact(seen)
    assert values["hessian_top"] == pytest.approx(float(torch.linalg.eigvalsh(matrix)[-1]), rel=1e-6)
    assert abs(values["hessian_trace"] - float(matrix.trace())) < 3 * values["hessian_trace_error"]


@networks
def test_the_error_is_that_of_a_mean_of_independent_draws(build, inputs):
    """Var[v·Hv] = 2 Σ_{i≠j} H_ij² for random signs; a mean over k draws has a k-th of it."""
    seen = view(build(), inputs)
    off = exact(seen).fill_diagonal_(0)
    expected = float((2 * off.square().sum() / 100).sqrt())
    assert take("hessian", seen, draws=100)["hessian_trace_error"] == pytest.approx(expected, rel=0.35)


def test_a_diagonal_hessian_has_its_trace_without_error():
    """f(x) = w·x on unit vectors e_j, scaled: H = diag(s_j²) / n, and v·Hv = tr H for all signs."""
    scales = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    seen = view(filled(nn.Linear(4, 1, bias=False)), (4,), 1)
    data = Data(scales.diag(), torch.zeros(4, 1, dtype=torch.float64), seen.data.test_inputs, seen.data.test_targets)
    values = take("hessian", replace(seen, data=data), draws=2)
    assert values == pytest.approx({"hessian_top": 16 / 4, "hessian_trace": 30 / 4, "hessian_trace_error": 0.0})


def test_a_linear_model_has_the_second_moments_of_its_inputs():
    seen = view(linear_net())
    x = seen.data.train_inputs
    moments = x.T @ x / len(x)
    values = take("hessian", seen, draws=200)
    assert values["hessian_top"] == pytest.approx(float(torch.linalg.eigvalsh(moments)[-1]), rel=1e-6)
    assert abs(values["hessian_trace"] - 2 * float(moments.trace())) < 3 * values["hessian_trace_error"]


def test_at_zero_loss_the_trace_is_the_mean_square_of_the_outputs_gradients():
    """tr H = 1/n Σ_i ‖∇f(x_i)‖² where R_S = 0, and not elsewhere."""
    seen = view(filled(nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))), outputs=1)
    fitted = replace(seen, data=replace(seen.data, train_targets=seen.model(seen.data.train_inputs)))
    squares = 0.0
    for sample in seen.data.train_inputs:
        of_sample = torch.func.grad(lambda weights, x=sample: torch.func.functional_call(seen.model, weights, (x,)).squeeze())
        squares += sum(float(piece.square().sum()) for piece in of_sample(dict(seen.model.named_parameters())).values()) / 20
    assert float(exact(fitted).trace()) == pytest.approx(squares)
    values = take("hessian", fitted, draws=200)
    assert abs(values["hessian_trace"] - squares) < 3 * values["hessian_trace_error"] < 0.2 * squares
    assert abs(take("hessian", seen, draws=200)["hessian_trace"] - squares) > 6 * values["hessian_trace_error"]


def test_the_largest_eigenvalue_is_not_the_largest_in_size():
    """f(x) = a b c x at a = b = c = 1, x = 1, y = 5: H = 4 I - 3 J with J of ones has eigenvalues -5, 4, 4."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double().requires_grad_(False)
    for layer in model:
        layer.weight.fill_(1.0)
    x, y = torch.ones(1, 1, dtype=torch.float64), torch.full((1, 1), 5.0, dtype=torch.float64)
    seen = replace(view(model, (1,), 1), data=Data(x, y, x, y))
    torch.testing.assert_close(torch.linalg.eigvalsh(exact(seen)), torch.tensor([-5.0, 4.0, 4.0], dtype=torch.float64))
    assert take("hessian", seen)["hessian_top"] == pytest.approx(4.0)


@pytest.mark.parametrize("size", [1, 2])
def test_the_smallest_networks_have_an_eigenvalue(size):
    seen = view(filled(nn.Linear(size, 1, bias=False)), (size,), 1)
    x = seen.data.train_inputs
    assert take("hessian", seen)["hessian_top"] == pytest.approx(float(torch.linalg.eigvalsh(x.T @ x / len(x))[-1]))


def test_a_network_without_curvature_has_none():
    seen = view(linear_net())
    zeros = replace(seen.data, train_inputs=torch.zeros_like(seen.data.train_inputs))
    assert take("hessian", replace(seen, data=zeros)) == {"hessian_top": 0.0, "hessian_trace": 0.0, "hessian_trace_error": 0.0}


def test_what_is_not_found_is_absent():
    """Eigenvalues that lie close take many restarts: H = diag(s² / n)."""
    scales = torch.linspace(1.0, 2.0, 300, dtype=torch.float64)
    seen = view(filled(nn.Linear(300, 1, bias=False)), (300,), 1, batch=300)
    seen = replace(seen, data=replace(seen.data, train_inputs=scales.diag(), train_targets=torch.zeros(300, 1, dtype=torch.float64)))
    assert take("hessian", seen, draws=2, restarts=1).keys() == {"hessian_trace", "hessian_trace_error"}
    assert take("hessian", seen, draws=2)["hessian_top"] == pytest.approx(4 / 300)


def test_rescaled_layers_have_another_hessian():
    first, second = (take("hessian", view(model)) for model in (relu_net(), layers_rescaled(relu_net())))
    for name in ("hessian_top", "hessian_trace"):
        assert abs(second[name] / first[name] - 1) > 0.5


def test_signs_are_those_of_the_seed():
    """H = x xᵀ for one sample and f = w·x: v·Hv = (v·x)², of the mean."""
    seen = view(filled(nn.Linear(3, 1, bias=False)), outputs=1, samples=1, seed=3)
    draws = [torch.randint(2, (3,), generator=torch.Generator().manual_seed(seeding.key(3, "hessian-trace", draw))).double() * 2 - 1 for draw in range(5)]
    products = np.array([float(signs @ seen.data.train_inputs[0]) ** 2 for signs in draws])
    values = take("hessian", seen, draws=5)
    assert values["hessian_trace"] == pytest.approx(products.mean())
    assert values["hessian_trace_error"] == pytest.approx(products.std(ddof=1) / np.sqrt(5))
    assert take("hessian", replace(seen, seed=4), draws=5) != values


def test_a_part_of_the_samples_is_enough():
    seen = view(relu_net())
    some = replace(seen.data, train_inputs=seen.data.train_inputs[:8], train_targets=seen.data.train_targets[:8])
    assert take("hessian", seen, samples=8) == take("hessian", replace(seen, data=some))
    assert take("hessian", seen, samples=8) != take("hessian", seen)
