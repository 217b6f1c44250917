"""A run's numbers depend on the run alone: not on what was trained before or beside it, on the order, or on the executor."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.executors import Advanced, Finished, executors
from bench.packing import Pack, Task
from bench.train import dropout
from bench.train.trainer import Trainer
from tests.train.runs import TRANSFORMER, numbers, pack_of, part, run_of, sine_run, trainer

MEASURES = ["loss", {"name": "loss_curve", "points": 3, "directions": 2}]
DEEP = {"model": {"name": "fnn", "width": 6, "depth": 2}}
RUNS = {
    "dropout": run_of(dropout=0.4, **DEEP),
    "shared masks": run_of(1, dropout=0.4, mask="shared", optimizer={"name": "adam", "lr": 0.01}),
    "augmented": run_of(augmentation=["flip", "crop"], batch_size=24),
    "label noise": run_of(2, dataset={"name": "digits", "train": 48, "test": 16, "label_noise": 0.3}),
    "regression": sine_run(steps=30, dropout=0.2),
    "other optimizer": sine_run(1, steps=30, optimizer={"name": "torch", "algorithm": "Adam", "arguments": {"lr": 0.01}}),
    "batch norm": run_of(steps=3, model={"name": "resnet20", "width": 2}, dropout=0.1, batch_size=8),
    "bf16": run_of(precision="bf16", dropout=0.1),
    "translation": run_of(steps=6, model=TRANSFORMER, dataset={"name": "number_words", "train": 20, "test": 5}, dropout=0.1, batch_size=8),
    "diverged": sine_run(steps=60, optimizer={"name": "sgd", "lr": 100.0}),
}


def train(*runs, with_trainer=None):
    """The numbers of runs that are trained one after the other."""
    return [numbers(result) for result in (with_trainer or trainer())(pack_of(*runs, measures=MEASURES), lambda progress: None)]


@pytest.fixture(scope="module")
def alone():
    """Each run's numbers when nothing else was trained with its trainer."""
    return {name: train(run)[0] for name, run in RUNS.items()}


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "in reverse"])
def test_not_on_what_was_trained_before(alone, order):
    names = list(RUNS)[::order]
    together = dict(zip(names, train(*(RUNS[name] for name in names)), strict=True))
    assert together == alone
    assert {result[1] for result in together.values()} == {"ok", "diverged"}


def test_not_on_an_earlier_training_of_the_same_run(alone):
    one = trainer()
    first, again = (train(RUNS["dropout"], with_trainer=one)[0] for _ in range(2))
    assert first == again == alone["dropout"]
    assert first is not again


@pytest.mark.parametrize("name", ["inline", "processes"])
def test_not_on_the_executor(alone, name):
    packs = [Pack(str(number), (Task(run, tuple(part("measure", measure) for measure in MEASURES)),)) for number, run in enumerate(RUNS.values())]
    make = partial(Trainer, folder=Path(), processor="a processor")
    events = list(executors[name].target(["cpu", "cpu"]).run(packs, make))
    ended = {event.pack.name: event for event in events if not isinstance(event, Advanced)}
    assert all(isinstance(event, Finished) for event in ended.values())
    assert {event.worker for event in ended.values()} == ({0, 1} if name == "processes" else {0})
    assert [numbers(ended[pack.name].results[0]) for pack in packs] == list(alone.values())


@pytest.mark.parametrize("name", ["dropout", "shared masks", "augmented", "label noise", "batch norm"])
def test_on_the_seed(alone, name):
    run = RUNS[name]
    assert train(type(run)(run.cell, run.seed + 1))[0][3:5] != alone[name][3:5]


@pytest.mark.parametrize("seed", [0, 1])
def test_on_no_global_generator(alone, seed):
    torch.manual_seed(seed)
    np.random.seed(seed)
    before, arrays = torch.get_rng_state(), pickle.dumps(np.random.get_state())
    assert train(RUNS["dropout"], RUNS["augmented"], RUNS["label noise"]) == [alone[name] for name in ("dropout", "augmented", "label noise")]
    assert torch.equal(torch.get_rng_state(), before)
    assert pickle.dumps(np.random.get_state()) == arrays


def test_a_mask_that_ignores_the_step_shows(alone, monkeypatch):
    keys = dropout.step_keys
    monkeypatch.setattr(dropout, "step_keys", lambda key, step: keys(key, 0 * step))
    assert train(RUNS["dropout"])[0][3:5] != alone["dropout"][3:5]


def test_a_mask_that_ignores_its_place_shows(alone, monkeypatch):
    placed = dropout.CounterDropout
    monkeypatch.setattr(dropout, "CounterDropout", lambda rate, seed, path, mask: placed(rate, seed, "", mask))
    assert train(RUNS["dropout"])[0][3:5] != alone["dropout"][3:5]


def test_two_optimizers_start_alike():
    """The evaluation before the first step is that of the shared initial weights."""
    first, second = (train(run_of(optimizer=optimizer))[0][4]["history"] for optimizer in ({"name": "sgd", "lr": 0.1}, {"name": "adam", "lr": 0.01}))
    assert [row for row in first if row["step"] == 0] == [row for row in second if row["step"] == 0]
    assert [row for row in first if row["step"] > 0] != [row for row in second if row["step"] > 0]
