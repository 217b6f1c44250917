"""torch.optim is the oracle of our optimizers: the same course on a problem that is not convex."""

from __future__ import annotations

import pytest
import torch

from bench.parts.optimizers import optimizers

STEPS, SIZE = 300, 21
CASES = [
    ("sgd", {"lr": 0.05}, torch.optim.SGD, {"lr": 0.05}),
    ("sgd", {"lr": 0.02, "momentum": 0.9}, torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    ("sgd", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}, None, None),
    ("adam", {"lr": 0.003}, torch.optim.Adam, {"lr": 0.003}),
    (
        "adam",
        {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4, "weight_decay": 0.02},
        torch.optim.Adam,
        {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.02},
    ),
    ("adam", {"lr": 0.01, "beta1": 0.0}, torch.optim.Adam, {"lr": 0.01, "betas": (0.0, 0.999)}),
    ("adamw", {"lr": 0.003}, torch.optim.AdamW, {"lr": 0.003}),
    (
        "adamw",
        {"lr": 0.01, "beta1": 0.7, "beta2": 0.9, "eps": 1e-3, "weight_decay": 0.3},
        torch.optim.AdamW,
        {"lr": 0.01, "betas": (0.7, 0.9), "eps": 1e-3, "weight_decay": 0.3},
    ),
    ("rmsprop", {"lr": 0.002}, torch.optim.RMSprop, {"lr": 0.002}),
    ("rmsprop", {"lr": 0.001, "alpha": 0.9, "eps": 1e-3, "momentum": 0.7, "weight_decay": 0.05}, None, None),
    ("rprop", {"lr": 0.01}, torch.optim.Rprop, {"lr": 0.01}),
    (
        "rprop",
        {"lr": 0.1, "eta_minus": 0.4, "eta_plus": 1.3, "step_min": 1e-3, "step_max": 0.05},
        torch.optim.Rprop,
        {"lr": 0.1, "etas": (0.4, 1.3), "step_sizes": (1e-3, 0.05)},
    ),
]
SAME_NAMES = {"sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}


def problem(dtype):
    """Start, slope and noise of ``sum((p^2 - 1)^2 / 4) + p A p / 2``: wells, coupled at random, with a noisy gradient as in small batches.

    The noise keeps running averages away from zero, where a rounding error would grow whatever the optimizer.
    """
    generator = torch.Generator().manual_seed(3)
    first, noise, coupling = (torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype) for shape in ((SIZE,), (STEPS, SIZE), (SIZE, SIZE)))
    coupling = 0.05 * (coupling + coupling.T)
    return first, lambda params: params**3 - params + coupling @ params, noise


def ours(optimizer, dtype):
    params, slope, noise = problem(dtype)
    state = optimizer.init(params)
    for step in range(STEPS):
        params, state = optimizer.update(params, slope(params) + noise[step], state, optimizer.coefficients(optimizer.hyperparameters(), step))
        yield params


def theirs(algorithm, arguments, dtype):
    first, slope, noise = problem(dtype)
    params = torch.nn.Parameter(first)
    optimizer = algorithm([params], foreach=False, **arguments)
    for step in range(STEPS):
        params.grad = slope(params.detach()) + noise[step]
        optimizer.step()
        yield params.detach().clone()


def course(name, parameters, algorithm, arguments, dtype):
    optimizer = optimizers[name].target(**parameters)
    pairs = zip(ours(optimizer, dtype), theirs(algorithm or SAME_NAMES[name], arguments or parameters, dtype), strict=True)
    return [float((own - other).norm() / other.norm()) for own, other in pairs]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
@pytest.mark.parametrize(("name", "parameters", "algorithm", "arguments"), CASES)
def test_takes_the_course_of_torch(name, parameters, algorithm, arguments, dtype, tolerance):
    assert max(course(name, parameters, algorithm, arguments, dtype)) <= tolerance


def test_the_problem_tells_optimizers_apart():
    assert max(course("adam", {"lr": 0.003}, torch.optim.Adam, {"lr": 0.0030001}, torch.float64)) > 1e-7
    assert max(course("adam", {"lr": 0.003, "weight_decay": 0.3}, torch.optim.AdamW, {"lr": 0.003, "weight_decay": 0.3}, torch.float64)) > 1e-2


def test_the_problem_is_not_convex():
    _, slope, _ = problem(torch.float64)
    centre = torch.zeros(SIZE, dtype=torch.float64)
    assert torch.linalg.eigvalsh(torch.autograd.functional.jacobian(slope, centre)).min() < -1
