"""`bench run` with pairs, and `bench measure`: rows become complete from kept weights, and nothing is trained again."""

from __future__ import annotations

import pytest

from bench import read_results
from bench.registry.store import Registry
from bench.train.trainer import Trainer
from tests.commands.conftest import Project
from tests.commands.conftest import project as project  # a fixture

SUITE = """\
title: Small
version: 1
defaults: {dataset: {name: digits, train: 64}, objective: cross_entropy, batch_size: 16, epochs: 2, seeds: 3}
experiments:
  pairs:
    model: {name: fnn, width: 16}
    optimizer: {name: sgd, lr: 0.5}
    measures: [accuracy, loss, {name: interpolation, points: 9, rise: 0.001}]
    keep: final
    grid: {dropout: [0.0, 0.5]}
    pairs: {both: [{dropout: 0}, {dropout: 0.5}]}
    claims:
      apart: {text: They are apart., metric: distance, value: {pair: both}, says: {value: "> 0"}, profiles: [quick]}
      learns: {text: It learns., metric: test_accuracy, value: {dropout: 0}, says: {value: ">= 0.01"}, profiles: [quick]}
figures:
  line: {experiment: pairs, kind: interpolation, y: [loss, accuracy]}
"""


@pytest.fixture
def paired(project: Project) -> Project:
    project.suite.write_text(SUITE)
    project.commit("with pairs")
    return project


def refuse(*arguments: object) -> None:
    raise AssertionError("nothing is to be trained")


def measure(project: Project, *words: str):
    return project.bench("measure", "small.yaml", "--executor", "inline", *words)


def rows():
    return read_results("results")


def test_pairs_are_measured_when_their_runs_are_trained(paired: Project):
    outcome = paired.run()
    assert outcome.code == 0, outcome.err
    assert "[9/9" in outcome.err
    runs, pairs = (part for _, part in rows().groupby(rows()["pair"].notna()))
    assert (len(runs), len(pairs)) == (6, 3)
    assert runs["weights"].notna().all()
    assert runs["barrier"].isna().all()
    assert pairs["barrier"].notna().all()
    assert set(pairs["status"]) == {"ok"}
    assert {len(list((paired.folder / "results" / "weights").iterdir()))} == {6}
    landscape = Registry(paired.folder / "results").curves("landscape", pairs)
    assert set(landscape.groupby("of").size()) == {9}
    assert (paired.folder / "report" / "small" / "quick" / "figures" / "line.png").is_file()
    assert paired.run().out.splitlines()[0] == "small.yaml at quick: 9 runs: 9 done".replace("small.yaml", "small")


def test_claims_about_pairs_and_about_runs_look_at_their_own_rows(paired: Project):
    paired.run()
    outcome = paired.bench("claims", "--format", "json")
    assert outcome.code == 0
    assert outcome.out.count('"reproduced"') == 2, outcome.out


def test_a_measure_that_was_added_is_taken_of_kept_weights(paired: Project, monkeypatch):
    paired.run()
    monkeypatch.setattr(Trainer, "__call__", refuse)
    before = rows().set_index("run_id")
    paired.edit("[accuracy, loss,", "[accuracy, loss, parameter_norm, {name: loss_curve, points: 3, directions: 1},")
    assert "6 of these only lack measures" in paired.bench("plan", "small.yaml").out
    outcome = measure(paired)
    assert outcome.code == 0, outcome.err
    after = rows().sort_values("written").drop_duplicates("run_id", keep="last").set_index("run_id")
    runs = after[after["pair"].isna()]
    assert runs["parameter_norm"].notna().all()
    assert runs["sharpness_filter"].notna().all()
    assert (runs["test_accuracy"] == before.loc[runs.index, "test_accuracy"]).all()
    assert (runs["train_seconds"] == before.loc[runs.index, "train_seconds"]).all()
    registry = Registry(paired.folder / "results")
    old, new = (registry.curves("history", frame.reset_index()).drop(columns=["of", "row"]) for frame in (before, runs))
    order = ["run_id", "step", "metric"]
    assert old.sort_values(order).reset_index(drop=True).equals(new.sort_values(order).reset_index(drop=True))
    assert len(registry.curves("landscape", runs.reset_index())) == 6 * 2 * 5
    assert paired.run().out.splitlines()[0] == "small at quick: 9 runs: 9 done"


def test_a_measure_with_other_parameters_replaces_its_rows(paired: Project):
    paired.edit("[accuracy, loss,", "[accuracy, loss, {name: loss_curve, points: 3, directions: 1},")
    paired.run()
    paired.edit("directions: 1", "directions: 2")
    assert measure(paired).code == 0
    last = rows().sort_values("written").drop_duplicates("run_id", keep="last")
    curves = Registry(paired.folder / "results").curves("landscape", last[last["pair"].isna()])
    assert set(curves.groupby("of").size()) == {2 * 2 * 5}


def test_what_is_complete_is_left_alone(paired: Project):
    paired.run()
    before = rows()
    outcome = measure(paired)
    assert (outcome.code, "Measures that are missing" in outcome.out) == (0, False)
    assert rows().equals(before)


def test_a_dry_run_only_says_what_is_missing(paired: Project):
    paired.run()
    paired.edit("[accuracy, loss,", "[accuracy, loss, parameter_norm,")
    before = len(rows())
    outcome = measure(paired, "--dry-run", "--format", "csv")
    assert outcome.code == 0
    assert "pairs,parameter_norm,of its weights,6" in outcome.out
    assert len(rows()) == before


def test_without_kept_weights_it_says_so_and_exits_1(paired: Project):
    paired.suite.write_text(
        SUITE.replace("keep: final\n", "seeds: 3\n")
        .replace("    pairs: {both: [{dropout: 0}, {dropout: 0.5}]}\n", "")
        .replace(", {name: interpolation, points: 9, rise: 0.001}", "")
        .partition("    claims:")[0]
    )
    paired.run()
    paired.edit("[accuracy, loss]", "[accuracy, loss, parameter_norm]")
    outcome = measure(paired)
    assert outcome.code == 1
    assert "its weights were not kept" in outcome.out
    assert "could not be measured: 6 rows; not trained: 0 runs" in outcome.err


def test_measures_that_look_at_training_as_it_goes_need_training(paired: Project):
    paired.run()
    paired.edit("[accuracy, loss,", "[accuracy, loss, {name: neurons, snapshots: [1]},")
    outcome = measure(paired)
    assert outcome.code == 1
    assert "measure 'neurons' looks at training as it goes" in outcome.out


def test_lost_weights_fail_and_leave_the_rows_as_they_were(paired: Project):
    paired.run()
    for path in (paired.folder / "results" / "weights").iterdir():
        path.unlink()
    paired.edit("[accuracy, loss,", "[accuracy, loss, parameter_norm,")
    outcome = measure(paired)
    assert outcome.code == 3
    assert "the kept weights are missing" in outcome.err
    assert set(rows()["status"]) == {"ok"}


def test_what_was_never_trained_cannot_be_measured(paired: Project):
    outcome = measure(paired)
    assert outcome.code == 5
    assert "no run of suite 'small' is trained by this code" in outcome.err


def test_runs_that_failed_are_not_trained(paired: Project, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Trainer, "__call__", refuse)
        assert paired.run().code == 1
    outcome = measure(paired)
    assert outcome.code == 1
    assert "not trained: 6 runs" in outcome.err


def test_a_pair_of_a_run_that_diverged_has_a_row_that_says_so(paired: Project):
    paired.edit("{dropout: [0.0, 0.5]}", "{dropout: [0.0, 0.5], optimizer.lr: [1e30]}")
    paired.run()
    pairs = rows()[rows()["pair"].notna()]
    assert set(pairs["status"]) == {"diverged"}
    assert pairs["reason"].str.contains("a run of the pair is diverged").all()
