"""Schedules: what all keep, and torch.optim.lr_scheduler as the oracle of each."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from bench.parts.schedules import schedules

REQUIRED = {"multi_step": {"milestones": [3, 7]}}
TOTAL = 12


def build(name, **parameters):
    checked, problems = schedules[name].check({**REQUIRED.get(name, {}), **parameters})
    assert not problems
    return schedules[name].target(**checked)


def torch_factors(make, steps):
    """The factors of one of torch's schedules at steps 0, 1, 2, …"""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    factors = []
    for _ in range(steps):
        factors.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return factors


@pytest.mark.parametrize("name", [name for name in schedules.names() if name != "noam"])
@given(epochs=st.lists(st.floats(0, TOTAL, exclude_max=True), min_size=2, max_size=2).map(sorted))
def test_starts_at_one_and_never_rises(name, epochs):
    schedule = build(name)
    assert schedule(0.0, TOTAL) == 1.0
    earlier, later = (schedule(epoch, TOTAL) for epoch in epochs)
    assert 1.0 >= earlier >= later >= 0.0
    assert type(later) is float


@given(epoch=st.floats(0, 1e6), d_model=st.integers(1, 512), warmup=st.integers(1, 10_000))
def test_noam_rises_to_its_largest_and_falls(epoch, d_model, warmup):
    schedule = build("noam", d_model=d_model, warmup=warmup)
    assert 0 < schedule(epoch, 1e6) <= schedule(warmup - 1, 1e6) * (1 + 1e-12)
    assert type(schedule(epoch, 1e6)) is float


def test_noam_by_hand():
    schedule = build("noam", d_model=64, warmup=4)
    assert [schedule(epoch, TOTAL) for epoch in (0, 1, 3, 15)] == [1 / 64, 2 / 64, 1 / 16, 1 / 32]
    assert build("noam")(3999, 10_000) == pytest.approx(1 / (50 * 4000) ** 0.5)


@pytest.mark.parametrize(
    ("name", "parameters", "make"),
    [
        ("constant", {}, lambda optimizer: lr_scheduler.ConstantLR(optimizer, factor=1.0)),
        ("multi_step", {"milestones": [3, 7], "gamma": 0.2}, lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [3, 7], gamma=0.2)),
        ("multi_step", {"milestones": [7, 3]}, lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [3, 7])),
        ("cosine", {}, lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, TOTAL)),
        ("cosine", {"floor": 0.3}, lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, TOTAL, eta_min=0.3)),
        ("exponential", {}, lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.95)),
        ("exponential", {"gamma": 0.5}, lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.5)),
    ],
)
def test_agrees_with_torch(name, parameters, make):
    schedule = build(name, **parameters)
    assert [schedule(float(epoch), TOTAL) for epoch in range(TOTAL)] == pytest.approx(torch_factors(make, TOTAL), rel=1e-12)


def test_the_cosine_falls_at_every_step():
    schedule = build("cosine", floor=0.1)
    factors = torch_factors(lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 5 * TOTAL, eta_min=0.1), 5 * TOTAL)
    assert [schedule(step / 5, TOTAL) for step in range(5 * TOTAL)] == pytest.approx(factors, rel=1e-12)
    assert schedule(TOTAL, TOTAL) == pytest.approx(0.1)


def test_steps_change_at_the_beginning_of_an_epoch():
    stairs, decay = build("multi_step", milestones=[3]), build("exponential", gamma=0.5)
    assert [stairs(epoch, TOTAL) for epoch in (2.999, 3.0, 3.5)] == [1.0, 0.1, 0.1]
    assert [decay(epoch, TOTAL) for epoch in (0.999, 1.0, 1.999, 2.0)] == [1.0, 0.5, 0.5, 0.25]


@pytest.mark.parametrize(
    ("name", "parameters", "key"),
    [
        ("multi_step", {}, ""),
        ("multi_step", {"milestones": []}, "milestones"),
        ("multi_step", {"milestones": [0]}, "milestones"),
        ("multi_step", {"milestones": [1.5]}, "milestones"),
        ("cosine", {"floor": 1.5}, "floor"),
        ("exponential", {"gamma": 0.0}, "gamma"),
        ("constant", {"gamma": 0.5}, "gamma"),
        ("noam", {"warmup": 0}, "warmup"),
    ],
)
def test_refuses(name, parameters, key):
    _, problems = schedules[name].check(parameters)
    assert len(problems) == 1
    assert key in str(problems[0])
