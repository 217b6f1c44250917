"""Looks at kept weights: the numbers that the trainer took at the end of training, without training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.config import Pair
from bench.errors import StorageError, UsageError
from bench.packing import Pack, Task
from bench.parts.measures import History
from bench.train.looking import Kept, Look, Looker, Looks
from bench.train.trainer import Trainer
from bench.train.weights import WeightStore
from tests.train.runs import part, run_of, sine_run

MEASURES = ("accuracy", "loss", "parameter_norm", {"name": "loss_curve", "directions": 2, "points": 5})
NORMED = {"model": {"name": "resnet20", "width": 2}, "dataset": {"name": "digits", "train": 8, "test": 8}, "batch_size": 8}


def never():
    return False


@pytest.fixture
def store(tmp_path):
    return WeightStore(tmp_path)


def trained(store, *runs, measures=MEASURES, keep=True):
    wanted = tuple(part("measure", name) for name in measures)
    trainer = Trainer("cpu", Path(), "a processor", weights=store)
    return trainer(Pack("pack", tuple(Task(run, wanted, keep=keep) for run in runs)), lambda progress: None, never)


def kept(run, result):
    rows = result.tables["history"]
    steps = sorted({row["step"]: row["epoch"] for row in rows}.items())
    values = {metric: [row["value"] for row in rows if row["metric"] == metric] for metric in {row["metric"] for row in rows}}
    return Kept(run, result.weights, History([step for step, _ in steps], [epoch for _, epoch in steps], values))


def look(store, *looks):
    return Looker("cpu", Path(), "a processor", store)(Looks("looks", looks), lambda progress: None, never)


@pytest.mark.parametrize("run", [run_of(dropout=0.5), run_of(steps=3, **NORMED)], ids=["stacked", "batch norm"])
def test_measures_of_kept_weights_are_those_of_the_end_of_training(store, run):
    (result,) = trained(store, run)
    (again,) = look(store, Look(run, tuple(part("measure", name) for name in MEASURES), (kept(run, result),)))
    assert again.metrics == result.metrics
    assert again.tables == {name: rows for name, rows in result.tables.items() if name != "history"}
    assert (again.run_id, again.status, again.parameters, again.data_checksum) == (run.run_id, "ok", result.parameters, result.data_checksum)
    assert again.train_seconds is None


def test_weights_are_kept_only_where_they_are_asked_for(store):
    (result,) = trained(store, run_of(), keep=False)
    assert result.weights is None
    assert list(store.folder.iterdir()) == []


def test_weights_of_a_run_that_diverged_are_not_kept(store):
    (result,) = trained(store, sine_run(optimizer={"name": "sgd", "lr": 1e30}, steps=100), measures=("loss",))
    assert (result.status, result.weights) == ("diverged", None)


def test_a_pair_is_looked_at_in_its_order(store):
    first, second = run_of(dropout=0.0), run_of(dropout=0.5)
    results = trained(store, first, second, measures=("loss",))
    wanted = (part("measure", {"name": "interpolation", "points": 9}),)
    finals = [kept(run, result) for run, result in zip((first, second), results, strict=True)]
    there, back = look(store, Look(Pair(first, second), wanted, tuple(finals)), Look(Pair(second, first), wanted, tuple(reversed(finals))))
    losses = {row["alpha"]: row["loss"] for row in there.tables["landscape"]}
    assert losses[0.0] == pytest.approx(results[0].metrics["train_loss"], rel=1e-5)
    assert losses[1.0] == pytest.approx(results[1].metrics["train_loss"], rel=1e-5)
    assert there.metrics["width_first"] == pytest.approx(back.metrics["width_second"], rel=1e-3)
    assert there.run_id == Pair(first, second).run_id != back.run_id


def test_weights_of_another_model_are_refused(store):
    first, other = run_of(), run_of(model={"name": "fnn", "width": 9})
    (result,) = trained(store, other, measures=("loss",))
    with pytest.raises(UsageError, match="are not of this model"):
        look(store, Look(first, (), (kept(first, result),)))
    with pytest.raises(StorageError, match="missing"):
        look(store, Look(first, (), (replace(kept(first, result), weights="a" * 64),)))


def test_looks_are_halved():
    looks = Looks("name", tuple(Look(run_of(seed), (), ()) for seed in range(3)))
    assert [half.tasks for half in looks.halves()] == [looks.tasks[:1], looks.tasks[1:]]
    assert (looks.size, len({half.name for half in looks.halves()})) == (3, 2)
