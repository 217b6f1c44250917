"""Which way float32 products take, and the probe that decides."""

from __future__ import annotations

import pytest
import torch

from bench.train import products
from bench.train.products import LARGEST_ERROR, fast_products, probe

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def given():
    """What the process had before, and has again behind every test."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield "high"
    torch.set_float32_matmul_precision(before)


def rounded(product):
    """A product whose factors are rounded to bfloat16."""
    return lambda one, other: product(one.bfloat16().float(), other.bfloat16().float())


@pytest.mark.parametrize(("error", "chosen"), [(0.0, "medium"), (LARGEST_ERROR, "medium"), (LARGEST_ERROR * 1.01, "highest"), (3e-3, "highest")])
def test_the_faster_way_is_taken_where_it_is_exact(monkeypatch, error, chosen):
    probed = []
    monkeypatch.setattr(products, "probe", lambda: probed.append(torch.get_float32_matmul_precision()) or error)
    with fast_products(CPU) as way:
        assert way == chosen == torch.get_float32_matmul_precision()
    assert probed == ["medium"]


def test_a_gpu_never_takes_it(monkeypatch):
    monkeypatch.setattr(products, "probe", lambda: 0.0)
    with fast_products(GPU) as way:
        assert way == "highest" == torch.get_float32_matmul_precision()


@pytest.mark.parametrize("device", [CPU, GPU])
def test_what_was_set_before_is_set_again(monkeypatch, device, given):
    monkeypatch.setattr(products, "probe", lambda: 0.0)
    with fast_products(device):
        assert torch.get_float32_matmul_precision() != given
    assert torch.get_float32_matmul_precision() == given
    with pytest.raises(ZeroDivisionError), fast_products(device):
        raise ZeroDivisionError
    assert torch.get_float32_matmul_precision() == given


def test_true_float32_passes_the_probe():
    torch.set_float32_matmul_precision("highest")
    assert 0 < probe() < LARGEST_ERROR / 5


@pytest.mark.parametrize("place", ["torch.bmm", "torch.Tensor.__matmul__"])
def test_rounded_factors_are_found_out_in_either_product(monkeypatch, place):
    torch.set_float32_matmul_precision("highest")
    exact = torch.Tensor.__matmul__

    def only_float32(one, other):
        return exact(one, other) if one.dtype == torch.float64 else rounded(exact)(one, other)

    monkeypatch.setattr(place, rounded(torch.bmm) if place == "torch.bmm" else only_float32)
    assert probe() > 100 * LARGEST_ERROR


def test_the_probe_draws_from_no_generator_of_others():
    before = torch.get_rng_state()
    assert probe() == probe()
    assert torch.equal(torch.get_rng_state(), before)
