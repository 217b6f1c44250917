from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from bench.cells import CATALOGS
from bench.errors import UsageError
from bench.plan import COLUMNS, Policy, measure_version
from bench.sources import Sources
from tests.planning import ORIGIN, planned, resolved, rows_of

SUITE = "experiments: {a: {grid: {dropout: [0.0, 0.1]}, seeds: 2}}"
ONE = "experiments: {a: {}}"


def states(plan) -> list[tuple[str, str]]:
    return [(run.state, run.why) for run in plan.runs]


def test_runs_come_by_experiment_cell_and_seed():
    plan = planned(resolved("experiments: {b: {grid: {dropout: [0.1, 0.0]}, seeds: [5, 3]}, a: {}}"))
    assert [(run.experiment, run.run.cell.dropout.rate, run.run.seed) for run in plan.runs] == [
        ("b", 0.1, 5),
        ("b", 0.1, 3),
        ("b", 0.0, 5),
        ("b", 0.0, 3),
        ("a", 0.0, 0),
    ]
    assert [run.axes for run in plan.runs][::2] == [{"dropout": "0.1"}, {"dropout": "0"}, {}]


def test_what_was_never_trained_is_new():
    plan = planned(resolved(SUITE))
    assert states(plan) == [("new", "never trained")] * 4
    assert plan.to_train() == list(plan.runs)
    assert {run.generation for run in plan.runs} == {0}


def test_what_is_there_is_done():
    plan = planned(resolved(SUITE))
    again = planned(resolved(SUITE), rows_of(plan))
    assert states(again) == [("done", "its row is there")] * 4
    assert again.to_train() == []
    assert again.counts() == {"done": 4}
    assert [run.row["run_id"] for run in again.runs] == [run.run.run_id for run in plan.runs]


def test_what_diverged_is_done():
    plan = planned(resolved(ONE))
    assert states(planned(resolved(ONE), rows_of(plan, status="diverged", reason="loss is nan"))) == [("done", "its row is there")]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"commit": "f" * 40}, "trained in demo/a at commit ffffffffffff"),
        ({"commit": None}, "trained in demo/a"),
        ({"diff_hash": "9" * 64}, "trained in demo/a at commit cccccccccccc"),
        ({"suite": "other"}, "trained in other/a at commit cccccccccccc"),
        ({"experiment": "z"}, "trained in demo/z at commit cccccccccccc"),
        ({"profile": "paper"}, "trained in demo/a at commit cccccccccccc"),
        ({"variant": "dropout=0.1"}, "trained in demo/a at commit cccccccccccc"),
        ({"suite_digest": "0" * 64}, "trained in demo/a at commit cccccccccccc"),
    ],
)
def test_what_was_trained_for_another_is_reused(change, why):
    rows = rows_of(planned(resolved(ONE)), change)
    run = planned(resolved(ONE), rows).runs[0]
    assert (run.state, run.why) == ("reuse", why)
    assert run.row["row"] == rows["row"][0]
    assert run.generation == (1 if "suite_digest" in change else 0)


def test_without_a_repository_rows_are_found_again():
    nowhere = replace(ORIGIN, commit=None, diff_hash=None)
    rows = rows_of(planned(resolved(ONE), origin=nowhere))
    assert states(planned(resolved(ONE), rows, origin=nowhere)) == [("done", "its row is there")]
    assert states(planned(resolved(ONE), rows)) == [("reuse", "trained in demo/a")]


class Edited(Sources):
    """Sources of which one has changed."""

    def hashes(self, parts):
        return {**super().hashes(parts), "parts/optimizers/sgd.py": "0" * 16}


def test_what_other_code_trained_is_stale_and_says_which():
    rows = rows_of(planned(resolved(ONE)))
    plan = planned(resolved(ONE), rows, sources=Edited())
    assert states(plan) == [("stale", "changed since: parts/optimizers/sgd.py")]
    assert plan.to_train() == list(plan.runs)
    assert plan.runs[0].row is None
    assert plan.runs[0].generation == 1


def test_rows_of_any_code_can_be_reused():
    rows = rows_of(planned(resolved(ONE)))
    assert states(planned(resolved(ONE), rows, Policy(reuse_any=True), sources=Edited())) == [("done", "its row is there")]


def test_what_is_forced_is_trained_again_in_the_next_generation():
    rows = rows_of(planned(resolved(SUITE)), {"generation": 4})
    plan = planned(resolved(SUITE), rows, Policy(force=True))
    assert states(plan) == [("new", "forced")] * 4
    assert {run.generation for run in plan.runs} == {5}


def test_force_begins_anew_at_another_commit():
    rows = rows_of(planned(resolved(ONE)), {"generation": 4, "commit": "f" * 40})
    assert [run.generation for run in planned(resolved(ONE), rows, Policy(force=True)).runs] == [0]


@pytest.mark.parametrize("status", ["crashed", "timeout", "out_of_memory"])
def test_what_failed_is_tried_again_when_asked(status):
    rows = rows_of(planned(resolved(ONE)), status=status, reason="no luck")
    plan = planned(resolved(ONE), rows)
    assert states(plan) == [("failed", f"{status}: no luck")]
    assert plan.to_train() == []
    plan = planned(resolved(ONE), rows, Policy(retry_failed=True))
    assert states(plan) == [("new", f"tried again after {status}: no luck")]
    assert plan.runs[0].generation == 1


def test_what_was_interrupted_goes_on():
    rows = rows_of(planned(resolved(ONE)), status="interrupted")
    assert states(planned(resolved(ONE), rows)) == [("new", "tried again after interrupted")]


def test_what_failed_under_other_code_is_stale():
    rows = rows_of(planned(resolved(ONE)), status="crashed", reason="no luck")
    assert states(planned(resolved(ONE), rows, sources=Edited())) == [("stale", "changed since: parts/optimizers/sgd.py")]


def test_a_row_that_is_complete_stands_before_a_failure():
    plan = planned(resolved(ONE))
    rows = pd.concat([rows_of(plan), rows_of(plan, {"commit": "f" * 40}, status="crashed", reason="no luck")], ignore_index=True)
    assert states(planned(resolved(ONE), rows)) == [("done", "its row is there")]
    assert states(planned(resolved(ONE), rows.iloc[::-1])) == [("done", "its row is there")]


def test_a_measure_more_makes_a_run_stale():
    rows = rows_of(planned(resolved(ONE)))
    text = "experiments: {a: {measures: [loss, accuracy]}}"
    assert states(planned(resolved(text), rows)) == [("stale", "measure accuracy was not taken")]
    assert states(planned(resolved(ONE), rows_of(planned(resolved(text))))) == [("done", "its row is there")]


def with_measure(rows: pd.DataFrame, **changes) -> pd.DataFrame:
    """The rows, as if their measure `loss` had been taken in another way."""
    taken = json.loads(rows["measures"][0])
    return rows.assign(measures=json.dumps({"loss": {**taken["loss"], **changes}}))


def test_a_measure_with_other_parameters_makes_a_run_stale():
    rows = with_measure(rows_of(planned(resolved(ONE))), parameters={"n": 3})
    assert states(planned(resolved(ONE), rows)) == [("stale", "measure loss was taken with other parameters")]


def test_a_new_version_of_a_measure_makes_a_run_stale():
    rows = with_measure(rows_of(planned(resolved(ONE))), version=0)
    assert states(planned(resolved(ONE), rows)) == [("stale", "measure loss has a new version")]


def test_the_version_of_a_measure_is_that_of_its_metrics():
    for part in CATALOGS["measure"]:
        assert measure_version(part.name) == sum(metric.version for metric in part.traits["metrics"])


def test_experiments_that_share_a_run_train_it_once_with_the_measures_of_both():
    plan = planned(resolved("experiments: {a: {measures: [loss]}, b: {measures: [accuracy]}, c: {dropout: 0.5}}"))
    assert len(plan.runs) == 3
    trained = plan.to_train()
    assert [run.experiment for run in trained] == ["a", "c"]
    assert [spec.name for spec in trained[0].task.measures] == ["loss", "accuracy"]
    assert [spec.name for spec in plan.runs[0].measures] == ["loss"]


def test_some_may_be_done_and_others_new():
    first = planned(resolved("experiments: {a: {}}"))
    plan = planned(resolved("experiments: {a: {}, b: {}, c: {seeds: 2}}"), rows_of(first))
    assert [run.state for run in plan.runs] == ["done", "reuse", "reuse", "new"]
    assert [run.run.seed for run in plan.to_train()] == [1]


def test_other_seeds_are_other_runs():
    rows = rows_of(planned(resolved(ONE)))
    assert states(planned(resolved(ONE, sets=["seeds=[1]"]), rows)) == [("new", "never trained")]


def test_conditions_on_seeds():
    experiments = resolved("experiments: {a: {seeds: 5, grid: {dropout: [0.0, 0.1]}}}")
    assert [run.run.seed for run in planned(experiments, only="seed>=3,dropout=0.1").runs] == [3, 4, 3, 4]


def test_rows_that_hold_nulls_are_read():
    rows = rows_of(planned(resolved(ONE)), {"commit": None, "diff_hash": None, "dirty": None, "commit_time": None, "reused_from": None})
    assert rows["commit"][0] is None
    assert [run.state for run in planned(resolved(ONE), rows).runs] == ["reuse"]


def test_a_failed_run_is_repeated_for_a_new_commit_and_not_tried_again():
    plan = planned(resolved(ONE))
    here = planned(resolved(ONE), rows_of(plan, status="crashed", reason="broken"))
    assert states(here) == [("failed", "crashed: broken")]
    assert here.to_repeat() == []
    elsewhere = planned(resolved(ONE), rows_of(plan, status="crashed", reason="broken").assign(commit="f" * 40))
    assert elsewhere.to_train() == []
    assert [run.row["status"] for run in elsewhere.to_repeat()] == ["crashed"]


def test_two_experiments_that_share_a_run_may_not_measure_it_in_two_ways():
    text = "experiments: {a: {measures: [{name: steps_to_loss, threshold: 0.1}]}, b: {measures: [{name: steps_to_loss, threshold: 0.2}]}}"
    with pytest.raises(UsageError, match="'a' and 'b' share a run and take the measure 'steps_to_loss' with different parameters"):
        planned(resolved(text)).to_train()
    both = planned(resolved(text.replace("0.2", "0.1").replace("b: {measures: [", "b: {measures: [loss, "))).to_train()
    assert [[spec.name for spec in run.measures] for run in both] == [["steps_to_loss", "loss"]]


def test_each_case_is_measured_as_it_says():
    text = "experiments: {a: {measures: [loss], cases: [{dropout: 0.1}, {dropout: 0.2, measures: [loss, accuracy]}]}}"
    plan = planned(resolved(text))
    assert [[spec.name for spec in run.measures] for run in plan.runs] == [["loss"], ["loss", "accuracy"]]
    rows = rows_of(planned(resolved(text.replace(", measures: [loss, accuracy]", ""))))
    assert states(planned(resolved(text), rows)) == [("done", "its row is there"), ("stale", "measure accuracy was not taken")]


class Counting(Sources):
    """Sources that count how often they are asked."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def hashes(self, parts):
        self.asked += 1
        return super().hashes(parts)


MANY = "experiments: {a: {grid: {dropout: [0.0, 0.1], optimizer.lr: [0.1, 0.2, 0.3], schedule: [constant, cosine]}, seeds: 5}}"


def test_the_sources_are_asked_for_once_per_set_of_parts():
    counting = Counting()
    plan = planned(resolved(MANY), sources=counting)
    assert len(plan.runs) == 60
    assert counting.asked == 2


def test_what_many_rows_say_alike_is_read_once(monkeypatch):
    rows = rows_of(planned(resolved(MANY)))
    read: list[str] = []
    loads = json.loads
    monkeypatch.setattr("bench.plan.json.loads", lambda text: read.append(text) or loads(text))
    assert planned(resolved(MANY), rows).counts() == {"done": 60}
    assert read.count(rows["measures"][0]) == 1
    assert len(read) == 2  # the other is the parameters of the measure that is wanted
    read.clear()
    assert planned(resolved(MANY), rows, sources=Edited()).counts() == {"stale": 60}
    assert sorted(read) == sorted(set(rows["code_files"]))


def test_a_plan_looks_at_its_columns_alone():
    rows = rows_of(planned(resolved(SUITE)))
    plan = planned(resolved(SUITE), rows[list(COLUMNS)])
    assert plan == planned(resolved(SUITE), rows)
    assert set(plan.runs[0].row) == set(COLUMNS)
