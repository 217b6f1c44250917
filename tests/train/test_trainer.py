"""The trainer: what it says of a run."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from bench.config import Run, Stop
from bench.parts.models import models
from bench.parts.optimizers import optimizers
from bench.registry.schema import TABLES
from bench.results import Interrupted
from bench.sources import Sources
from bench.train.checkpoints import Checkpoints
from bench.train.trainer import Trainer
from tests.train.runs import DIGITS, numbers, pack_of, prepared, run_of, sine_run, trainer

MEASURES = ["accuracy", "loss", "generalization_gap", {"name": "loss_curve", "points": 3, "directions": 2}]


def train(run, measures=MEASURES, emit=lambda progress: None):
    (result,) = trainer()(pack_of(run, measures=measures), emit)
    return result


@pytest.fixture(scope="module")
def result():
    return train(run_of(epochs=3))


def test_who_what_and_where(result):
    run = run_of(epochs=3)
    assert (result.run_id, result.status, result.reason) == (run.run_id, "ok", None)
    assert result.steps_done == 12
    assert result.parameters == 64 * 8 + 8 + 8 * 10 + 10
    assert result.machine.device == "cpu"
    assert result.machine.hardware == "a processor"
    assert result.machine.threads == 1 == torch.get_num_threads()
    assert result.machine.torch == torch.__version__
    assert len(result.data_checksum) == 64
    assert min(result.train_seconds, result.measure_seconds, result.samples_per_second, result.peak_memory) > 0


def test_metrics_are_the_last_of_the_history(result):
    last = {row["metric"]: row["value"] for row in result.tables["history"] if row["step"] == 12}
    assert last.keys() == {"train_loss", "test_loss", "train_accuracy", "test_accuracy"}
    assert {name: result.metrics[name] for name in last} == last
    assert result.metrics["generalization_gap"] == last["train_accuracy"] - last["test_accuracy"]


def test_rows_have_the_columns_of_their_table(result):
    assert result.tables.keys() == {"history", "landscape"}
    for table, rows in result.tables.items():
        wanted = {column.name for column in TABLES[table]} - {"row", "run_id"}
        assert rows
        assert all(row.keys() == wanted for row in rows)


def test_the_history_counts_steps_and_epochs(result):
    losses = [(row["step"], row["epoch"]) for row in result.tables["history"] if row["metric"] == "test_loss"]
    assert losses == [(0, 0.0), (4, 1.0), (8, 2.0), (12, 3.0)]


def test_a_length_in_steps_ends_within_an_epoch():
    steps = [(row["step"], row["epoch"]) for row in train(run_of(steps=6)).tables["history"] if row["metric"] == "test_loss"]
    assert steps == [(0, 0.0), (4, 1.0), (6, 1.5)]


def test_training_learns():
    assert train(run_of(epochs=40)).metrics["train_accuracy"] > 0.9


def test_progress_rises_to_the_end():
    seen = []
    run = run_of(epochs=3)
    result = train(run, emit=seen.append)
    assert [progress.done for progress in seen] == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]
    assert {progress.run_id for progress in seen} == {run.run_id}
    assert seen[-1].loss == result.metrics["train_loss"]


def test_measures_see_the_network_without_dropout():
    """At distance 0 the curve has the clean network's loss on all 64 samples, which the history has too."""
    result = train(run_of(dropout=0.5))
    at_zero = {row["loss"] for row in result.tables["landscape"] if row["alpha"] == 0.0}
    assert len(at_zero) == 1
    assert at_zero.pop() == pytest.approx(result.metrics["train_loss"], rel=1e-6)


def test_measures_are_those_asked_for():
    assert train(run_of(steps=2), measures=["loss"]).metrics.keys() == {"train_loss", "test_loss"}
    assert train(run_of(steps=2), measures=[]).metrics == {}


def test_regression_has_no_accuracy():
    result = train(sine_run(steps=5), measures=["loss", "fit"])
    assert {row["metric"] for row in result.tables["history"]} == {"train_loss", "test_loss"}
    assert result.tables.keys() == {"history", "functions"}


def on_sine(run, *measures):
    """The result of a run, and the rows of its curves by step."""
    result = train(run, measures=measures)
    rows = {}
    for row in result.tables["functions"]:
        rows.setdefault(row["step"], []).append(row)
    return result, rows


@pytest.mark.parametrize(("snapshots", "steps"), [(None, [9]), ([0, 4, 9, 30], [0, 4, 9]), ({"log": 3}, [1, 3, 9])])
def test_measures_look_at_training_as_it_goes(snapshots, steps):
    """The curve at a snapshot is that of a run which ends there."""
    result, rows = on_sine(sine_run(steps=9), {"name": "fit", "snapshots": snapshots})
    assert list(rows) == steps
    final, _ = on_sine(sine_run(steps=9), "fit")
    assert result.metrics == final.metrics
    assert {row["step"] for row in result.tables["history"]} == set(range(10))
    for step in filter(None, steps):
        assert rows[step] == on_sine(sine_run(steps=step), "fit")[1][step]
    assert len({row["output"] for step in steps for row in rows[step] if row["split"] == "train"}) == 8 * len(steps)


def test_what_a_measure_saw_along_the_way_joins_the_history():
    history = train(sine_run(steps=9), measures=[{"name": "effective_course", "snapshots": [4]}]).tables["history"]
    plain = train(sine_run(steps=9), measures=["loss"]).tables["history"]
    assert history[: len(plain)] == plain
    assert {(row["step"], row["metric"]) for row in history[len(plain) :]} == {
        (step, f"effective_ratio_{name}") for step in (4, 9) for name in ("early", "late")
    }


def test_a_measure_has_the_snapshots_that_it_asks_for_and_not_those_of_others():
    result, rows = on_sine(sine_run(steps=9), {"name": "fit", "snapshots": [4]}, {"name": "neurons", "snapshots": [2]}, "relative_change")
    assert list(rows) == [4, 9]
    assert {row["step"] for row in result.tables["neurons"]} == {2, 9}
    assert result.metrics["relative_change"] > 0


def test_the_first_snapshot_is_of_the_initial_weights():
    run = sine_run(steps=9)
    _, rows = on_sine(run, {"name": "fit", "snapshots": [0]})
    ready = prepared(run)
    with torch.no_grad():
        outputs = ready.model.eval()(ready.data.train_inputs).flatten()
    assert [row["output"] for row in rows[0] if row["split"] == "train"] == outputs.tolist()


def test_snapshots_behind_a_stop_rule_are_not_reached():
    plain = sine_run(steps=9)
    losses = [row["value"] for row in train(plain, measures=[]).tables["history"] if row["metric"] == "train_loss"]
    assert losses[3] < losses[2] < losses[1] < losses[0]
    run = Run(replace(plain.cell, stop=Stop("train_loss", losses[2])), 0)
    result, rows = on_sine(run, {"name": "fit", "snapshots": [1, 2, 3, 4]})
    assert (result.status, result.steps_done) == ("ok", 3)
    assert list(rows) == [1, 2, 3]


def test_throughput_counts_the_samples_that_were_seen(monkeypatch):
    """60 samples in batches of 16: an epoch has four steps and 60 samples, not 64."""
    from bench.train.lanes import stacked

    original = stacked.train
    spent = []

    def watched(*arguments):
        spent.extend(original(*arguments))
        return spent[-1:]

    monkeypatch.setattr(stacked, "train", watched)
    for given, samples in (({"epochs": 2}, 120), ({"steps": 6}, 92)):
        result = train(run_of(dataset={**DIGITS, "train": 60}, **given))
        assert result.samples_per_second == pytest.approx(samples / spent[-1].step_seconds)


def test_frozen_parameters_are_not_counted_and_not_changed(monkeypatch):
    plain = models["fnn"]

    def frozen(*shape, **parameters):
        model = plain.target(*shape, **parameters)
        model[1].weight.requires_grad_(False)
        return model

    run = run_of(steps=5)
    before = prepared(run).model[1].weight.clone()
    monkeypatch.setitem(models._parts, "fnn", type(plain)(**{**plain.__dict__, "target": frozen}))
    assert train(run).parameters == 8 + 8 * 10 + 10
    ready = prepared(run)
    from bench.train.lanes import resident

    resident.train(ready, lambda done, loss: None, Checkpoints())
    assert torch.equal(ready.model[1].weight, before)
    assert not torch.equal(ready.model[4].weight, prepared(run).model[4].weight)


@pytest.mark.parametrize("name", optimizers.names())
def test_every_optimizer_trains(name):
    optimizer = {"name": name, "algorithm": "SGD", "arguments": {"lr": 0.01}} if name == "torch" else {"name": name, "lr": 0.01}
    result = train(run_of(epochs=3, optimizer=optimizer))
    losses = [row["value"] for row in result.tables["history"] if row["metric"] == "train_loss"]
    assert losses[-1] < losses[0]
    assert all(map(math.isfinite, losses))


@pytest.mark.gpu
def test_a_gpu_repeats_itself():
    run = run_of(epochs=3, dropout=0.5)
    first, again = (trainer("cuda:0")(pack_of(run, measures=MEASURES), lambda progress: None)[0] for _ in range(2))
    assert first.machine.device == "cuda"
    assert numbers(first) == numbers(again)
    assert first.metrics["train_loss"] == pytest.approx(train(run).metrics["train_loss"], rel=1e-3)


@pytest.mark.fault("F54")
def test_no_trainer_is_made_of_other_code_than_the_plan_knows(tmp_path):
    part = tmp_path / "part.py"
    part.write_text("width = 1\n")
    sources = Sources()
    sources.hashes([part])
    Trainer("cpu", tmp_path, "a processor", sources=sources.stamps)
    part.write_text("width = 2\n")
    with pytest.raises(Interrupted, match=r"changed since the plan was made: part\.py"):
        Trainer("cpu", tmp_path, "a processor", sources=sources.stamps)


@pytest.mark.fault("F6")
@pytest.mark.parametrize("run", [run_of(epochs=6), run_of(epochs=6, model={"name": "resnet20", "width": 2}, batch_size=32)], ids=["stacked", "resident"])
def test_asked_to_stop_it_keeps_where_it_is_and_goes_on_with_the_same_numbers(tmp_path, run):
    expected = numbers(trainer()(pack_of(run), lambda progress: None)[0])
    seen = []
    one = Trainer("cpu", tmp_path, "a processor", checkpoints=Checkpoints(tmp_path))
    with pytest.raises(Interrupted):
        one(pack_of(run), seen.append, lambda: len(seen) == 3)
    (kept,) = tmp_path.iterdir()
    assert int(kept.suffix[1:]) > 0
    before = len(seen)
    assert numbers(one(pack_of(run), seen.append)[0]) == expected
    assert 0 < len(seen) - before < 6
