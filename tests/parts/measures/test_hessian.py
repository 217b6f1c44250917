"""The Hessian's largest eigenvalue and trace: exact Hessians of small networks, closed forms, and what rescaling changes."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from bench import seeding
from bench.parts.datasets import Data
from bench.parts.measures import measures
from tests.parts.measures.rescaling import filled, layers_rescaled, linear_net, relu_net, take, view, whole

NETWORKS = {
    "relu": (lambda: relu_net(bias=True), (3,)),
    "tanh": (lambda: filled(nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))), (3,)),
    "batch norm": (lambda: filled(nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))), (1, 3, 3)),
}
networks = pytest.mark.parametrize(("build", "inputs"), NETWORKS.values(), ids=NETWORKS)
OBJECTIVES = pytest.mark.parametrize("objective", ["squared", "cross_entropy"])


def numbers(seen, **parameters):
    """The values of the measure, with as little of the density as there can be."""
    return take("hessian", seen, **{"lanczos": 2, "repeats": 1, **parameters})


def exact(seen):
    """The Hessian, entry by entry, by autograd."""
    return torch.autograd.functional.hessian(whole(seen), torch.cat([parameter.flatten() for parameter in seen.model.parameters()]))


@networks
@OBJECTIVES
def test_agrees_with_the_exact_hessian(build, inputs, objective):
    seen = view(build(), inputs, objective=objective)
    values, matrix = numbers(seen, draws=30), exact(seen)
    assert values["hessian_top"] == pytest.approx(float(torch.linalg.eigvalsh(matrix)[-1]), rel=1e-6)
    assert abs(values["hessian_trace"] - float(matrix.trace())) < 3 * values["hessian_trace_error"]


@networks
def test_the_error_is_that_of_a_mean_of_independent_draws(build, inputs):
    """Var[v·Hv] = 2 Σ_{i≠j} H_ij² for random signs; a mean over k draws has a k-th of it."""
    seen = view(build(), inputs)
    off = exact(seen).fill_diagonal_(0)
    expected = float((2 * off.square().sum() / 100).sqrt())
    assert numbers(seen, draws=100)["hessian_trace_error"] == pytest.approx(expected, rel=0.35)


def test_a_diagonal_hessian_has_its_trace_without_error():
    """f(x) = w·x on unit vectors e_j, scaled: H = diag(s_j²) / n, and v·Hv = tr H for all signs."""
    scales = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    seen = view(filled(nn.Linear(4, 1, bias=False)), (4,), 1)
    data = Data(scales.diag(), torch.zeros(4, 1, dtype=torch.float64), seen.data.test_inputs, seen.data.test_targets)
    values = numbers(replace(seen, data=data), draws=2)
    assert values == pytest.approx({"hessian_top": 16 / 4, "hessian_trace": 30 / 4, "hessian_trace_error": 0.0})


def test_a_linear_model_has_the_second_moments_of_its_inputs():
    seen = view(linear_net())
    x = seen.data.train_inputs
    moments = x.T @ x / len(x)
    values = numbers(seen, draws=100)
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
    values = numbers(fitted, draws=100)
    assert abs(values["hessian_trace"] - squares) < 3 * values["hessian_trace_error"] < 0.2 * squares
    far = replace(seen, data=replace(seen.data, train_targets=seen.data.train_targets + 10))
    assert abs(float(exact(far).trace()) / squares - 1) > 0.2
    values = numbers(far, draws=30)
    assert abs(values["hessian_trace"] - float(exact(far).trace())) < 3 * values["hessian_trace_error"]


def test_the_largest_eigenvalue_is_not_the_largest_in_size():
    """f(x) = a b c x at a = b = c = 1, x = 1, y = 5: H = 4 I - 3 J with J of ones has eigenvalues -5, 4, 4."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double().requires_grad_(False)
    for layer in model:
        layer.weight.fill_(1.0)
    x, y = torch.ones(1, 1, dtype=torch.float64), torch.full((1, 1), 5.0, dtype=torch.float64)
    seen = replace(view(model, (1,), 1), data=Data(x, y, x, y))
    torch.testing.assert_close(torch.linalg.eigvalsh(exact(seen)), torch.tensor([-5.0, 4.0, 4.0], dtype=torch.float64))
    assert numbers(seen)["hessian_top"] == pytest.approx(4.0)


@pytest.mark.parametrize("size", [1, 2])
def test_the_smallest_networks_have_an_eigenvalue(size):
    seen = view(filled(nn.Linear(size, 1, bias=False)), (size,), 1)
    x = seen.data.train_inputs
    assert numbers(seen)["hessian_top"] == pytest.approx(float(torch.linalg.eigvalsh(x.T @ x / len(x))[-1]))


def test_a_network_without_curvature_has_none():
    seen = view(linear_net())
    zeros = replace(seen.data, train_inputs=torch.zeros_like(seen.data.train_inputs))
    assert numbers(replace(seen, data=zeros)) == {"hessian_top": 0.0, "hessian_trace": 0.0, "hessian_trace_error": 0.0}


def test_what_is_not_found_is_absent():
    """Eigenvalues that lie close take many restarts: H = diag(s² / n)."""
    scales = torch.linspace(1.0, 2.0, 300, dtype=torch.float64)
    seen = view(filled(nn.Linear(300, 1, bias=False)), (300,), 1, batch=300)
    seen = replace(seen, data=replace(seen.data, train_inputs=scales.diag(), train_targets=torch.zeros(300, 1, dtype=torch.float64)))
    assert numbers(seen, draws=2, restarts=1).keys() == {"hessian_trace", "hessian_trace_error"}
    assert numbers(seen, draws=2)["hessian_top"] == pytest.approx(4 / 300)


def test_rescaled_layers_have_another_hessian():
    first, second = (numbers(view(model)) for model in (relu_net(), layers_rescaled(relu_net())))
    for name in ("hessian_top", "hessian_trace"):
        assert abs(second[name] / first[name] - 1) > 0.5


def signs(draw):
    """What curvlinops draws from torch's global generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeding.key(3, "hessian-trace", draw))
        return torch.empty(3, dtype=torch.float64).bernoulli_(0.5) * 2 - 1


def test_signs_are_those_of_the_seed():
    """H = x xᵀ for one sample and f = w·x: v·Hv = (v·x)², of the mean."""
    seen = view(filled(nn.Linear(3, 1, bias=False)), outputs=1, samples=1, seed=3)
    products = np.array([float(signs(draw) @ seen.data.train_inputs[0]) ** 2 for draw in range(5)])
    values = numbers(seen, draws=5)
    assert values["hessian_trace"] == pytest.approx(products.mean())
    assert values["hessian_trace_error"] == pytest.approx(products.std(ddof=1) / np.sqrt(5))
    assert numbers(replace(seen, seed=4), draws=5) != values


def test_a_part_of_the_samples_is_enough():
    seen = view(relu_net())
    some = replace(seen.data, train_inputs=seen.data.train_inputs[:8], train_targets=seen.data.train_targets[:8])
    assert numbers(seen, samples=8) == numbers(replace(seen, data=some))
    assert numbers(seen, samples=8) != numbers(seen)


def density(seen, **parameters):
    """Eigenvalues and densities, as rows have them."""
    checked, problems = measures["hessian"].check(parameters)
    assert not problems
    rows = measures["hessian"].target(seen, **checked).rows
    return np.array([row["eigenvalue"] for row in rows]), np.array([row["density"] for row in rows])


def known_spectrum(levels, each):
    """A linear model whose Hessian is diagonal, with each of some levels so many times."""
    scales = (torch.tensor(levels, dtype=torch.float64).repeat_interleave(each) * len(levels) * each).sqrt()
    size = len(scales)
    seen = view(filled(nn.Linear(size, 1, bias=False)), (size,), 1, batch=size)
    return replace(seen, data=replace(seen.data, train_inputs=scales.diag(), train_targets=torch.zeros(size, 1, dtype=torch.float64)))


def test_a_quadratic_of_known_spectrum_has_its_density():
    """A quarter of the eigenvalues at each of 1, 3, 4 and 8; between them nothing."""
    places, heights = density(known_spectrum([1.0, 3.0, 4.0, 8.0], 50), lanczos=30, repeats=8, points=1000)
    mass = heights * (places[1] - places[0])
    assert mass.sum() == pytest.approx(1, abs=0.01)
    for level in (1.0, 3.0, 4.0, 8.0):
        assert mass[abs(places - level) < 0.4].sum() == pytest.approx(0.25, abs=0.05)
    assert heights[abs(places - 6) < 0.5].max() < 1e-3 * heights.max()
    assert (places[0], places[-1]) == pytest.approx((1 - 0.05 * 7, 8 + 0.05 * 7), rel=0.02)


@networks
def test_the_density_has_the_moments_of_the_exact_hessian(build, inputs):
    """Mean and variance of the eigenvalues; a Gaussian of 1/(nodes - 1) / sqrt(2 log 3) of the half range is added to each."""
    seen = view(build(), inputs)
    exactly = torch.linalg.eigvalsh(exact(seen)).numpy()
    places, heights = density(seen, lanczos=8, repeats=20, points=1000)
    share = heights / heights.sum()
    half = (places[-1] - places[0]) / 2
    blur = half * 2 / 7 / np.sqrt(8 * np.log(3))
    mean = share @ places
    assert mean == pytest.approx(exactly.mean(), abs=0.02 * half)
    assert share @ (places - mean) ** 2 == pytest.approx(exactly.var() + blur**2, rel=0.15)


def test_where_all_eigenvalues_are_alike_there_is_no_density_to_see():
    seen = view(filled(nn.Linear(1, 1, bias=False)), (1,), 1)
    assert density(seen)[0].size == 0


def test_no_more_nodes_than_weights():
    seen = view(filled(nn.Linear(3, 1, bias=False)), outputs=1)
    many, three = (density(seen, lanczos=nodes, repeats=1) for nodes in (100, 3))
    assert np.array_equal(many, three)
    assert len(many[0]) == 200


def test_neither_the_global_generator_nor_the_filters_of_warnings_are_changed():
    seen = view(relu_net())
    before, filters = torch.get_rng_state(), list(warnings.filters)
    numbers(seen, draws=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert warnings.filters == filters
