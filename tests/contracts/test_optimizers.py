"""What every optimizer of the catalogue keeps, whoever wrote it."""

from __future__ import annotations

import pytest
import torch

from bench.parts.optimizers import Optimizer, optimizers

MEMBERS = [part for part in optimizers if hasattr(part.target, "update")]
NAMES = [part.name for part in MEMBERS]
ROWS, WIDTH, STEPS = 19, 7, 60


def build(part, lr=0.05):
    parameters, problems = part.check({"lr": lr})
    assert not problems
    return part.target(**parameters)


def varied(optimizer, row):
    """Hyperparameters that differ between rows, none of them at zero but in row 0."""
    return {name: value * (1 - 0.01 * row) if value else 0.01 * row for name, value in optimizer.hyperparameters().items()}


def stacked(rows, dtype):
    return {name: torch.tensor([[row[name]] for row in rows], dtype=dtype) for name in rows[0]}


def gradient(params):
    """The gradient of sum((p^2 - 1)^2 / 4): products and differences alone, which PyTorch rounds alike in rows of any length."""
    return params * params * params - params


def numbers_of(optimizer, params, hyperparameters, step):
    """The coefficients of a step, in the precision of the parameters."""
    found = optimizer.coefficients(hyperparameters, step)
    return {name: value.to(params.dtype) if isinstance(value, torch.Tensor) else value for name, value in found.items()}


def train(optimizer, params, hyperparameters, steps=STEPS, step=int):
    state = optimizer.init(params)
    for number in range(steps):
        params, state = optimizer.update(params, gradient(params), state, numbers_of(optimizer, params, hyperparameters, step(number)))
    return params, state


def start(dtype, rows=ROWS):
    return torch.randn(rows, WIDTH, generator=torch.Generator().manual_seed(1), dtype=dtype)


@pytest.fixture(params=MEMBERS, ids=NAMES)
def optimizer(request):
    return build(request.param)


def test_the_catalogue_has_the_names_that_suites_rely_on():
    assert {"sgd", "adam", "adamw", "rmsprop", "rprop", "torch"} <= set(optimizers.names())


@pytest.mark.parametrize("part", MEMBERS, ids=NAMES)
def test_follows_the_protocol_and_takes_its_numbers_from_the_suite(part):
    optimizer = build(part, lr=0.25)
    assert isinstance(optimizer, Optimizer)
    assert optimizer.hyperparameters()["lr"] == 0.25
    assert set(optimizer.hyperparameters()) <= set(part.schema.model_fields)
    assert all(type(value) is float for value in optimizer.hyperparameters().values())


@pytest.mark.parametrize("part", MEMBERS, ids=NAMES)
@pytest.mark.parametrize("lr", [0.0, -1.0, "fast", float("nan")])
def test_refuses_a_learning_rate_that_is_none(part, lr):
    assert [problem.place.key for problem in part.check({"lr": lr})[1]] == ["lr"]


def test_converges_on_a_quadratic(optimizer):
    curvature, centre = torch.tensor([0.5, 1.0, 2.0, 4.0]), torch.tensor([1.0, -2.0, 0.5, 3.0])
    params, state = torch.zeros(4), optimizer.init(torch.zeros(4))
    for step in range(600):
        grads = curvature * (params - centre)
        params, state = optimizer.update(params, grads, state, optimizer.coefficients(optimizer.hyperparameters(), step))
    assert ((params - centre).abs() < 0.05).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
@pytest.mark.parametrize("tensors", [False, True])
def test_keeps_dtype_and_shape(optimizer, dtype, shape, tensors):
    params = torch.ones(shape, dtype=dtype)
    numbers = optimizer.hyperparameters()
    numbers = {name: torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()} if tensors else numbers
    new, state = train(optimizer, params, numbers, steps=2)
    for tensor in (new, *optimizer.init(params).values(), *state.values()):
        assert (tensor.dtype, tensor.shape) == (dtype, params.shape)
    assert optimizer.init(params).keys() == state.keys()


def test_changes_none_of_its_arguments(optimizer):
    params, state = train(optimizer, start(torch.float32), optimizer.hyperparameters(), steps=3)
    hyperparameters = stacked([varied(optimizer, row) for row in range(ROWS)], torch.float64)
    step, grads = torch.tensor(3), gradient(params)
    coefficients = numbers_of(optimizer, params, hyperparameters, step)
    given = [params, grads, *state.values(), *hyperparameters.values(), *coefficients.values(), step]
    copies = [tensor.clone() for tensor in given]
    new, new_state = optimizer.update(params, grads, state, coefficients)
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(given, copies, strict=True))
    for tensor in (new, *new_state.values()):
        tensor.fill_(7.0)
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(given, copies, strict=True)), "what it returns shares memory with what it was given"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_row_of_a_stack_gets_the_bits_that_it_gets_alone(optimizer, dtype):
    rows = [varied(optimizer, row) for row in range(ROWS)]
    together, state = train(optimizer, start(dtype), stacked(rows, torch.float64))
    for row, numbers in enumerate(rows):
        for params, given in ((start(dtype)[row], numbers), (start(dtype)[row : row + 1], stacked([numbers], torch.float64))):
            alone, own = train(optimizer, params, given)
            assert torch.equal(alone.reshape(-1), together[row])
            assert all(torch.equal(own[name].reshape(-1), state[name][row]) for name in state)


def test_rows_really_differ(optimizer):
    together, _ = train(optimizer, start(torch.float64)[:1].expand(ROWS, -1).clone(), stacked([varied(optimizer, row) for row in range(ROWS)], torch.float64))
    assert len({tuple(row) for row in together.tolist()}) == ROWS


@pytest.mark.parametrize("shape", [(), (ROWS, 1)])
def test_the_step_may_be_a_tensor(optimizer, shape):
    numbers = optimizer.hyperparameters()
    expected, _ = train(optimizer, start(torch.float32), numbers)
    given, _ = train(optimizer, start(torch.float32), numbers, step=lambda number: torch.full(shape, number))
    assert torch.equal(given, expected)


def test_coefficients_of_many_steps_at_once_are_those_of_each(optimizer):
    hyperparameters = stacked([varied(optimizer, row) for row in range(ROWS)], torch.float64)
    together = optimizer.coefficients(hyperparameters, torch.arange(STEPS).view(-1, 1, 1))
    for step in range(STEPS):
        for name, value in optimizer.coefficients(hyperparameters, step).items():
            table = together[name]
            assert value.dtype == table.dtype == torch.float64
            assert torch.equal(table.expand(STEPS, ROWS, 1)[step], value)


def test_a_diverged_neighbour_changes_nothing(optimizer):
    numbers = stacked([varied(optimizer, row) for row in range(ROWS)], torch.float64)
    sick = start(torch.float32)
    sick[3], sick[5, 0] = float("nan"), float("inf")
    expected, _ = train(optimizer, start(torch.float32), numbers)
    given, _ = train(optimizer, sick, numbers)
    healthy = [row for row in range(ROWS) if row not in (3, 5)]
    assert torch.equal(given[healthy], expected[healthy])


def test_the_same_twice(optimizer):
    first, again = (train(optimizer, start(torch.float32), optimizer.hyperparameters())[0] for _ in range(2))
    assert torch.equal(first, again)


def test_no_gradient_and_no_weight_decay_is_no_step(optimizer):
    params = start(torch.float32)
    numbers = {name: 0.0 if name == "weight_decay" else value for name, value in optimizer.hyperparameters().items()}
    new, _ = optimizer.update(params, torch.zeros_like(params), optimizer.init(params), optimizer.coefficients(numbers, 0))
    assert torch.equal(new, params)


@pytest.mark.parametrize("part", [part for part in MEMBERS if "weight_decay" in part.schema.model_fields], ids=lambda part: part.name)
def test_weight_decay_alone_shrinks(part):
    optimizer = build(part)
    params, numbers = start(torch.float32), optimizer.hyperparameters() | {"weight_decay": 0.1, "lr": 0.001}
    new, _ = optimizer.update(params, torch.zeros_like(params), optimizer.init(params), optimizer.coefficients(numbers, 0))
    assert (new.abs() < params.abs()).all()
