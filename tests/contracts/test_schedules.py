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


@pytest.mark.parametrize("name", schedules.names())
@given(epochs=st.lists(st.floats(0, TOTAL, exclude_max=True), min_size=2, max_size=2).map(sorted))
def test_starts_at_one_and_never_rises(name, epochs):
    schedule = build(name)
    assert schedule(0.0, TOTAL) == 1.0
    earlier, later = (schedule(epoch, TOTAL) for epoch in epochs)
    assert 1.0 >= earlier >= later >= 0.0
    assert type(later) is float


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
    ],
)
def test_refuses(name, parameters, key):
    _, problems = schedules[name].check(parameters)
    assert len(problems) == 1
    assert key in str(problems[0])
