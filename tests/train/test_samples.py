"""The samples of a stack: sizes of padded batches, the order of each member, and rows that weigh nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.train.course import order
from bench.train.samples import FINE, Samples, padded
from tests.train.runs import DIGITS, prepared, run_of, sine_run

COUNTS = st.integers(1, 10**7)


def on_sine(count, **changes):
    """A member with a full batch of so many points."""
    return prepared(sine_run(dataset={"name": "functions", "target": "sin", "train": count}, **changes))


def on_digits(seed, batch_size, **changes):
    """A member on 60 digits in small batches."""
    return prepared(run_of(seed, dataset={**DIGITS, "train": 60, **changes}, batch_size=batch_size))


@given(COUNTS)
def test_less_than_a_quarter_is_added(count):
    assert count <= padded(count)
    assert padded(count) < 1.25 * count or count <= FINE
    assert padded(padded(count)) == padded(count) <= padded(count + 1)


def test_the_sizes():
    sizes = sorted({padded(count) for count in range(1, 129)})
    assert sizes == [1, 2, 4, 8, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128]
    assert [padded(count) for count in (3, 5, 9, 17, 21, 33)] == [4, 8, 16, 20, 24, 40]


def test_full_batches_of_different_numbers_of_samples():
    counts = (5, 8, 6)
    members = [on_sine(count) for count in counts]
    samples = Samples(members, 8)
    batch = samples.next()
    assert batch.inputs.shape == batch.targets.shape == (3, 8, 1)
    for number, (count, member) in enumerate(zip(counts, members, strict=True)):
        assert torch.equal(batch.inputs[number, :count], member.data.train_inputs)
        assert torch.equal(batch.targets[number, :count], member.data.train_targets)
        assert batch.weights[number].tolist() == [float(torch.tensor(1.0) / count)] * count + [0.0] * (8 - count)
        assert not batch.inputs[number, count:].any()
        assert not batch.targets[number, count:].any()
    assert all(again is first for again, first in zip(samples.next(), batch, strict=True))


def test_a_full_batch_has_the_rows_that_it_is_given():
    batch = Samples([on_sine(5)], 16).next()
    assert batch.inputs.shape == (1, 16, 1)
    assert batch.weights.tolist() == [[float(torch.tensor(1.0) / 5)] * 5 + [0.0] * 11]


def test_inputs_that_are_equal_stand_once():
    one, other = on_sine(8), on_sine(8, seed=1)
    copy = replace(one, data=replace(one.data, train_inputs=one.data.train_inputs.clone(), train_targets=one.data.train_targets + 1))
    assert Samples([one, other], 8).next().inputs.shape == (1, 8, 1)
    batch = Samples([one, copy], 8).next()
    assert batch.inputs.shape == (1, 8, 1)
    assert torch.equal(batch.targets[1], batch.targets[0] + 1)
    moved = replace(one, data=replace(one.data, train_inputs=one.data.train_inputs + 1))
    assert Samples([one, moved], 8).next().inputs.shape == (2, 8, 1)


@pytest.mark.parametrize("other", [{}, {"label_noise": 0.5}, "inputs"], ids=str)
def test_batches_are_those_of_each_members_own_order(other):
    """60 samples in batches of 16: the fourth batch of an epoch has 12."""
    members = [on_digits(0, 16), on_digits(1, 16, **(other if isinstance(other, dict) else {}))]
    if other == "inputs":
        members[1] = replace(members[1], data=replace(members[1].data, train_inputs=-members[1].data.train_inputs))
    samples, orders = Samples(members, 16), [order(member) for member in members]
    for step in range(9):
        batch = samples.next()
        taken = 12 if step % 4 == 3 else 16
        assert batch.inputs.shape == (2, 16, 64)
        for number, member in enumerate(members):
            picks = next(orders[number])
            assert torch.equal(batch.inputs[number, :taken], member.data.train_inputs[picks].flatten(1))
            assert torch.equal(batch.targets[number, :taken], member.data.train_targets[picks])
            assert batch.weights[number].tolist() == [float(torch.tensor(1.0) / taken)] * taken + [0.0] * (16 - taken)


def test_an_epoch_sees_each_sample_once_and_members_differ():
    samples = Samples([on_digits(seed, 16) for seed in (0, 1)], 16)
    batches = [samples.next() for _ in range(4)]
    seen = [torch.cat([batch.inputs[number][batch.weights[number] > 0] for batch in batches]) for number in range(2)]
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(*(rows.unique(dim=0, return_counts=True)[0] for rows in seen))
    assert len(seen[0]) == 60


@pytest.mark.parametrize("step", [1, 3, 4, 10])
def test_starting_at_a_step_is_skipping_those_before(step):
    members = [on_digits(seed, 16) for seed in (0, 1)]
    samples, later = Samples(members, 16), Samples(members, 16, step)
    for _ in range(step):
        samples.next()
    for _ in range(6):
        for whole, part in zip(samples.next(), later.next(), strict=True):
            assert torch.equal(whole, part)


@pytest.mark.parametrize("step", [0, 2, 4, 7])
def test_the_order_from_a_step(step):
    member = on_digits(0, 16)
    skipped = itertools.islice(order(member), step, step + 6)
    assert all(torch.equal(one, other) for one, other in zip(skipped, order(member, step), strict=False))
    assert next(order(on_sine(5), step)) == slice(None)
