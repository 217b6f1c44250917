"""Runs whose loss is no longer finite: the first such step, what is kept, and what goes on."""

from __future__ import annotations

import math

import pytest
import torch

from bench.train.checkpoints import Checkpoints
from bench.train.lanes import resident
from bench.train.lanes.resident import CHECK_EVERY
from tests.oracles import plain_loop
from tests.train.runs import SINE, numbers, pack_of, prepared, run_of, sine_run, trainer


def explosive(lr, **given):
    return sine_run(optimizer={"name": "sgd", "lr": lr}, **{"steps": 400, **given})


def trained(run):
    return resident.train(prepared(run), lambda done, loss: None, Checkpoints())


def first_bad(run):
    """The first step of the plain loop whose loss is not finite."""
    losses = plain_loop.train(run).losses
    return next(step for step, loss in enumerate(losses) if not math.isfinite(loss))


@pytest.mark.fault("F26")
@pytest.mark.parametrize("lr", [3.0, 100.0, 1e30])
@pytest.mark.parametrize("batch_size", ["full", 3])
def test_the_first_bad_step_is_that_of_the_plain_loop(lr, batch_size):
    run = explosive(lr, batch_size=batch_size)
    ours = trained(run)
    assert ours.diverged_at is not None
    # an evaluation between two steps may see it before the loss of a batch does
    assert ours.diverged_at == first_bad(run) or (batch_size == 3 and first_bad(run) - 3 <= ours.diverged_at < first_bad(run))


def test_steps_stop_soon_after():
    run = run_of(steps=150, batch_size=1, optimizer={"name": "sgd", "lr": 1e20})
    ours = trained(run)
    assert ours.diverged_at == first_bad(run)
    assert ours.steps - ours.diverged_at <= CHECK_EVERY


def test_a_last_step_that_ruins_the_weights_counts():
    ours = trained(explosive(1e30, steps=1))
    assert math.isfinite(plain_loop.train(explosive(1e30, steps=1)).losses[0])
    assert ours.diverged_at == 1


@pytest.mark.fault("F26")
def test_the_history_before_is_that_of_a_shorter_run():
    run = explosive(3.0)
    ours = trained(run)
    short = trained(explosive(3.0, steps=ours.diverged_at - 1))
    assert short.diverged_at is None
    count = len(short.history.steps)
    assert ours.history.steps[:count] == short.history.steps
    for metric, values in short.history.values.items():
        assert ours.history.values[metric][:count] == values
        assert all(map(math.isfinite, values))


@pytest.mark.fault("F26")
def test_the_result_says_so_and_the_next_run_goes_on_untouched():
    bad, good = explosive(100.0), sine_run(steps=20)
    train = trainer()
    diverged, ok = train(pack_of(bad, good, measures=["loss", "loss_curve"]), lambda progress: None)
    assert diverged.status == "diverged"
    assert diverged.reason == f"the loss was not finite at step {first_bad(bad)}"
    assert diverged.metrics == {}
    assert diverged.tables.keys() == {"history"}
    assert ok.status == "ok"
    (alone,) = trainer()(pack_of(good, measures=["loss", "loss_curve"]), lambda progress: None)
    assert numbers(ok) == numbers(alone)


@pytest.mark.parametrize("optimizer", [{"name": "adam", "lr": 1e30}, {"name": "torch", "algorithm": "Adamax", "arguments": {"lr": 1e35}}], ids=str)
def test_every_kind_of_update_can_diverge(optimizer):
    run = run_of(steps=60, optimizer=optimizer, dataset={**SINE, "train": 8}, objective="squared", batch_size="full")
    assert trained(run).diverged_at == first_bad(run)


def test_a_stable_run_does_not_diverge():
    ours = trained(explosive(0.05))
    assert ours.diverged_at is None
    assert ours.steps == 400
    assert all(torch.isfinite(torch.tensor(values)).all() for values in ours.history.values.values())
