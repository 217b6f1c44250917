"""The replaced functions against PyTorch's own in double precision, and where they are left alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from bench.parts.measures import kernels
from bench.parts.measures.kernels import CpuKernels

LINEAR = nn.functional.linear


@pytest.fixture
def replaced(monkeypatch):
    """The names of the functions that were replaced, call by call."""
    calls = []
    watched = {function: watch(replacement, calls) for function, replacement in kernels._REPLACED.items()}
    monkeypatch.setattr(kernels, "_REPLACED", watched)
    return calls


def watch(replacement, calls):
    def call(*arguments, **options):
        calls.append(replacement.__name__)
        return replacement(*arguments, **options)

    return call


@torch.no_grad()
def within(work):
    with CpuKernels():
        return work()


def random(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("sign", [-1, 1])
def test_tanh_is_as_exact_near_zero_as_elsewhere(sign):
    values = sign * torch.logspace(-30, 2, 200_001)
    expected = torch.tanh(values.double())
    found = within(lambda: torch.tanh(values))
    assert found.dtype == torch.float32
    assert float((found.double() / expected - 1).abs().max()) < 2e-7


def test_tanh_at_the_ends():
    found = within(lambda: torch.tanh(torch.tensor([-math.inf, -0.0, 0.0, math.inf, math.nan])))
    assert found.tolist()[:4] == [-1.0, 0.0, 0.0, 1.0]
    assert math.copysign(1, found[1]) == -1
    assert found[4].isnan()


@pytest.mark.parametrize("work", [torch.tanh, lambda values: values.tanh(), nn.Tanh()], ids=["function", "method", "module"])
@pytest.mark.parametrize("values", [random(3, 4), random(4, 3).T, random(5)[::2], random(()), random(0, 3), random(3, 4, dtype=torch.float64)])
def test_tanh_of_any_shape(values, work, replaced):
    before = values.clone()
    torch.testing.assert_close(within(lambda: work(values)), torch.tanh(values))
    assert replaced == ["_tanh"]
    assert torch.equal(values, before)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("outputs", [1, 10, 15, 16, 40])
@pytest.mark.parametrize("shape", [(7, 5), (1, 5), (0, 5), (5,), (2, 3, 5)])
def test_linear_layers(shape, outputs, bias, replaced):
    layer = nn.Linear(5, outputs, bias=bias).requires_grad_(False)
    inputs = random(*shape)
    torch.testing.assert_close(within(lambda: layer(inputs)), layer(inputs))
    assert replaced == ["_linear"]


def test_a_thin_linear_layer_multiplies_from_the_left():
    """The transposed product lies transposed in memory."""
    strides = {outputs: within(lambda outputs=outputs: LINEAR(random(7, 5), random(outputs, 5))).stride() for outputs in (15, 16)}
    assert strides == {15: (1, 7), 16: (16, 1)}


OPTIONS = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.1},
    "ignored": {"ignore_index": 1},
    "sum": {"reduction": "sum"},
    "each": {"reduction": "none"},
    "weighted": {"weight": True},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("lies", ["by samples", "by classes"])
@pytest.mark.parametrize("classes", [2, 10, 15, 16, 40])
def test_cross_entropy(classes, lies, options, replaced):
    options = {name: torch.arange(1.0, 1.0 + classes) if name == "weight" else value for name, value in options.items()}
    outputs = 30 * (random(7, classes) if lies == "by samples" else random(classes, 7).T)
    targets = torch.arange(7) % 2
    expected = nn.functional.cross_entropy(
        outputs.double(), targets, **{name: value.double() if name == "weight" else value for name, value in options.items()}
    )
    found = within(lambda: nn.functional.cross_entropy(outputs, targets, **options))
    torch.testing.assert_close(found, expected.float())
    assert replaced == ["_cross_entropy"]


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        (random(5), torch.tensor(2)),
        (random(3, 5, 2), torch.ones(3, 2, dtype=torch.int64)),
        (random(3, 5), random(3, 5).softmax(1)),
        (random(0, 5), torch.zeros(0, dtype=torch.int64)),
    ],
    ids=["one sample", "images", "probabilities", "no sample"],
)
def test_cross_entropy_of_other_shapes(outputs, targets):
    expected = nn.functional.cross_entropy(outputs, targets)
    torch.testing.assert_close(within(lambda: nn.functional.cross_entropy(outputs, targets)), expected, equal_nan=True)


def test_what_numpy_cannot_read_is_left_alone(replaced):
    half = random(3).bfloat16()
    assert torch.equal(within(lambda: torch.tanh(half)), torch.tanh(half))
    assert within(lambda: torch.tanh(torch.zeros(3, device="meta"))).device.type == "meta"
    assert replaced == []


def test_an_output_that_is_given_is_filled():
    out = torch.empty(3)
    assert within(lambda: torch.tanh(random(3), out=out)) is out
    assert torch.equal(out, torch.tanh(random(3)))


def test_gradients_are_left_alone(replaced):
    values = random(3).requires_grad_()
    with CpuKernels():
        torch.tanh(values).sum().backward()
    torch.testing.assert_close(values.grad, 1 - torch.tanh(values.detach()) ** 2)
    assert replaced == []


def test_other_functions_and_what_comes_after_the_block(replaced):
    assert torch.equal(within(lambda: torch.relu(random(3))), torch.relu(random(3)))
    torch.tanh(random(3))
    assert replaced == []
