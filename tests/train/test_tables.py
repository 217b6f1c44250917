"""The numbers of the steps ahead, against what the optimizer and dropout say of each step and member alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.parts.optimizers import Optimizer, optimizers
from bench.train import dropout
from bench.train.dropout import step_keys, threshold
from bench.train.tables import AHEAD, Tables
from tests.train.runs import DIGITS, prepared, run_of

PURE = [name for name in optimizers.names() if issubclass(optimizers[name].target, Optimizer)]
STEPS = [0, 1, AHEAD - 1, AHEAD, AHEAD + 1, 3 * AHEAD - 1, 0, 2 * AHEAD + 7]
NUMBERS = {"sgd": "momentum", "adam": "beta1", "adamw": "weight_decay", "rmsprop": "alpha", "rprop": "eta_minus"}
NOAM = {"name": "noam", "warmup": 10}
SCHEDULES = ["constant", {"name": "cosine", "floor": 0.1}, {"name": "exponential", "gamma": 0.9}, {"name": "multi_step", "milestones": [3, 20]}, NOAM]
DEEP = {"name": "fnn", "width": 8, "depth": 2}


def members_of(optimizer="sgd", schedule="cosine", rates=((0.1, 0.2), (0.1, 0.5), (0.3, 0.2))):
    """Three members whose seeds, drop rates, learning rates and another number of the optimizer differ."""
    return [
        prepared(
            run_of(
                seed,
                model=DEEP,
                dataset=DIGITS,
                dropout=list(rate),
                optimizer={"name": optimizer, "lr": 0.03 * 3**seed, NUMBERS[optimizer]: 0.1 + 0.3 * seed},
                schedule=schedule,
                steps=160,
            )
        )
        for seed, rate in enumerate(rates)
    ]


def tables_of(members):
    return Tables(members, members[0].optimizer)


def test_no_pure_optimizer_is_missing_here():
    assert set(PURE) == set(NUMBERS)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("optimizer", PURE)
def test_the_coefficients_are_those_of_each_member_and_step(optimizer, schedule):
    members = members_of(optimizer, schedule)
    tables = tables_of(members)
    for step in STEPS:
        found, _ = tables.at(step)
        for number, member in enumerate(members):
            own = member.optimizer.hyperparameters()
            factor = member.schedule(step, 160.0) if schedule == NOAM else member.schedule(step / 4, 40.0)
            exact = member.optimizer.coefficients({**own, "lr": own["lr"] * factor}, step)
            assert found[:, number].tolist() == torch.tensor(list(exact.values()), dtype=torch.float64).float().tolist()
        assert found.dtype == torch.float32
        assert len({tuple(column) for column in found.T.tolist()}) == 3


def test_masks_are_drawn_from_the_subkeys_of_each_place_and_member():
    """Against the integers that the resident lane draws from, read as signed words."""
    members = members_of()
    tables = tables_of(members)
    seen = set()
    for step in STEPS:
        _, draw = tables.at(step)
        assert draw.keys.shape == (2, 2, 3)
        for number, member in enumerate(members):
            for place, module in enumerate(member.dropouts):
                words = step_keys(module.key(0), step)
                assert draw.keys[place, :, number].tolist() == [word - 2**32 if word >= 2**31 else word for word in words]
                seen.add((step, *words))
    assert len(seen) == (len(STEPS) - 1) * 2 * 3
    assert {word >= 2**31 for _, *words in seen for word in words} == {False, True}


def test_thresholds_and_scales_are_those_of_each_rate():
    rates = ((0.1, 0.2), (0.1, 0.5), (0.3, 0.2))
    _, draw = tables_of(members_of(rates=rates)).at(0)
    assert draw.thresholds.dtype == draw.keys.dtype == torch.int32
    for number, own in enumerate(rates):
        assert draw.thresholds[:, number].tolist() == [threshold(rate) for rate in own]
        assert draw.scales[:, number].tolist() == torch.tensor([1 / (1 - rate) for rate in own]).tolist()


def test_a_member_has_the_numbers_that_it_has_alone():
    members = members_of("adam")
    together, alone = tables_of(members), tables_of(members[1:2])
    for step in STEPS:
        (numbers, draw), (own, own_draw) = together.at(step), alone.at(step)
        assert torch.equal(numbers[:, 1:2], own)
        assert torch.equal(draw.keys[..., 1:2], own_draw.keys)


def test_numbers_are_worked_out_once_for_many_steps(monkeypatch):
    tables = tables_of(members_of())
    asked = []
    original = dropout.step_keys
    monkeypatch.setattr(dropout, "step_keys", lambda keys, steps: asked.append(steps.flatten().tolist()) or original(keys, steps))
    for step in range(2 * AHEAD):
        tables.at(step)
    assert asked == [list(range(AHEAD)), list(range(AHEAD, 2 * AHEAD))]


def test_without_dropout_there_is_nothing_to_draw():
    members = [replace(member, dropouts=[]) for member in members_of()]
    assert tables_of(members).at(0)[1].keys.shape == (0, 2, 3)
