"""A run made ready: the same initial weights and order of data for a seed, whatever else differs; nothing global is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.errors import UsageError
from bench.parts.models import models
from bench.train import course
from bench.train.setup import DataStore, build_model
from tests.train.runs import CPU, DIGITS, part, prepared, run_of, sine_run

ADAM = {"name": "adam", "lr": 0.01}


def weights(run):
    return torch.cat([parameter.detach().flatten() for parameter in prepared(run).model.parameters()])


def order(run, steps=9):
    batches = course.order(prepared(run))
    return [next(batches) for _ in range(steps)]


@pytest.mark.parametrize("initializer", ["default", "xavier_normal"])
def test_initial_weights_are_those_of_the_seed(initializer):
    first = weights(run_of(3, initializer=initializer))
    for other in (run_of(3, initializer=initializer), run_of(3, initializer=initializer, optimizer=ADAM, dropout=0.5, batch_size=8, schedule="cosine")):
        assert torch.equal(weights(other), first)
    assert not torch.equal(weights(run_of(4, initializer=initializer)), first)


def test_the_order_of_data_is_that_of_the_seed():
    first = order(run_of(3))
    for other in (run_of(3), run_of(3, optimizer=ADAM, dropout=0.5, model={"name": "fnn", "width": 3})):
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(first, order(other), strict=True))
    assert any(not torch.equal(mine, theirs) for mine, theirs in zip(first, order(run_of(4)), strict=True))


def test_an_epoch_sees_each_sample_once_in_a_new_order():
    run = run_of(dataset={**DIGITS, "train": 60})
    batches = order(run, 8)
    assert [len(batch) for batch in batches] == [16, 16, 16, 12] * 2
    epochs = torch.cat(batches[:4]), torch.cat(batches[4:])
    assert all(sorted(epoch.tolist()) == list(range(60)) for epoch in epochs)
    assert not torch.equal(*epochs)


@pytest.mark.parametrize("size", ["full", 64])
def test_a_full_batch_stands_in_its_order(size):
    assert order(run_of(batch_size=size), 2) == [slice(None), slice(None)]


@pytest.mark.parametrize(
    ("given", "per_epoch", "total"),
    [({"steps": 7}, 4, 7), ({"epochs": 3}, 4, 12), ({"epochs": 3, "batch_size": 20}, 4, 12), ({"epochs": 3, "batch_size": "full"}, 1, 3)],
)
def test_lengths(given, per_epoch, total):
    ready = prepared(run_of(**given))
    assert (ready.length.steps_per_epoch, ready.length.total_steps) == (per_epoch, total)


def test_neither_uses_nor_changes_the_global_generator():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = weights(run_of(dropout=0.5))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(weights(run_of(dropout=0.5)), first)


def test_a_model_on_its_own_is_that_of_a_run():
    run = run_of(5)
    ready = prepared(run)
    alone = build_model(run.cell, ready.spec, 5)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(alone.parameters(), ready.model.parameters(), strict=True))


def test_data_are_read_once_and_do_not_depend_on_what_was_read_before():
    store = DataStore(Path(), CPU)
    noisy = part("dataset", {**DIGITS, "label_noise": 0.5})
    _, first, checksum = store.get(noisy, 0)
    assert store.get(noisy, 0)[1] is first
    _, other, same = store.get(noisy, 1)
    assert not torch.equal(first.train_targets, other.train_targets)
    assert torch.equal(first.train_inputs, other.train_inputs)
    assert same == checksum
    store.get(sine_run().cell.dataset, 0)
    assert torch.equal(store.get(noisy, 0)[1].train_targets, first.train_targets)


def test_refuses_a_model_with_functional_dropout(monkeypatch):
    class Sly(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(64, 10)

        def forward(self, inputs):
            return self.layer(functional.dropout(inputs.flatten(1), 0.5, self.training))

    run = run_of()
    monkeypatch.setitem(models._parts, "fnn", type(models["fnn"])(**{**models["fnn"].__dict__, "target": lambda *shape, **parameters: Sly()}))
    with pytest.raises(UsageError, match="random numbers of its own"):
        prepared(run)


def test_seeds_share_inputs_and_have_labels_of_their_own(monkeypatch):
    """What differs in its seed alone is read once if the seed changes nothing, and never has its inputs twice in memory."""
    from bench.parts.datasets.digits import digits

    reads = []
    original = digits.read
    monkeypatch.setattr(digits, "read", lambda self, folder, seed: reads.append(seed) or original(self, folder, seed))
    store = DataStore(Path(), CPU)
    clean = [store.get(part("dataset", DIGITS), seed)[1] for seed in range(3)]
    assert clean[0] is clean[2]
    assert reads == [0, 0]  # once for the checksum
    noisy = [store.get(part("dataset", {**DIGITS, "label_noise": 0.5}), seed)[1] for seed in range(3)]
    assert reads[2:] == [0, 0, 1, 2]
    assert noisy[0].train_inputs is noisy[2].train_inputs
    assert not torch.equal(noisy[0].train_targets, noisy[2].train_targets)
    assert torch.equal(noisy[2].train_targets, original(digits(**part("dataset", {**DIGITS, "label_noise": 0.5}).parameters), Path(), 2).train_targets)


def test_schedules_count_epochs_or_steps():
    """Batches of 16 of 64 samples: four steps are an epoch."""
    stairs = prepared(run_of(schedule={"name": "multi_step", "milestones": [1]}))
    assert [stairs.factor(step) for step in (3, 4)] == [1.0, 0.1]
    rising = prepared(run_of(schedule={"name": "noam", "d_model": 4, "warmup": 8}))
    assert [rising.factor(step) for step in (0, 3, 7, 31)] == pytest.approx([8**-1.5 / 2, 4 * 8**-1.5 / 2, 8**-0.5 / 2, 32**-0.5 / 2])
    assert [prepared(run_of(schedule="cosine", epochs=2)).factor(step) for step in (0, 4)] == pytest.approx([1.0, 0.5])
