"""Evaluation: when it happens, and in how large batches."""

from __future__ import annotations

import itertools
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.parts.datasets import DataSpec
from bench.train.evaluate import BATCH_ELEMENTS, MAX_POINTS, OUTPUT_RATIO, evaluation_batch, evaluation_epochs


@given(st.integers(1, 1_000_000))
def test_epochs_rise_to_the_last_and_are_few(epochs):
    chosen = evaluation_epochs(epochs)
    assert chosen[0] == 1
    assert chosen[-1] == epochs
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= MAX_POINTS


@given(st.integers(1, MAX_POINTS))
def test_every_epoch_of_a_short_run(epochs):
    assert evaluation_epochs(epochs) == list(range(1, epochs + 1))


@given(st.integers(MAX_POINTS + 1, 1_000_000))
def test_a_long_run_at_equal_ratios(epochs):
    chosen = evaluation_epochs(epochs)
    step = math.log(epochs) / (MAX_POINTS - 1)
    assert all(later <= max(earlier + 1, math.ceil(earlier * math.exp(step))) for earlier, later in itertools.pairwise(chosen))


def test_batches_fit_and_hold_a_sample_at_least():
    for name, elements in BATCH_ELEMENTS.items():
        device = torch.device(name)
        assert evaluation_batch(spec((1,)), device) == 1024
        assert evaluation_batch(spec((3, 32, 32)), device) == min(1024, elements // 3072)
        assert evaluation_batch(spec((3, 4096, 4096)), device) == 1
        sentences = DataSpec("translation", (2, 40), 3000, 100, 100)
        assert evaluation_batch(sentences, device) == OUTPUT_RATIO * elements // 120_000 < 1024


def spec(inputs):
    return DataSpec("classification", inputs, 10, 100, 100)
