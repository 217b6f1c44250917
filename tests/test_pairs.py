"""Pairs of a suite: which cells belong together, what both share, and what is refused with its place."""

from __future__ import annotations

import pytest

from bench.config import Pair, Run
from bench.errors import BenchError
from tests.planning import ORIGIN, planned, refusal, resolved, rows_of

HEAD = """\
title: Demo
version: 1
defaults: {dataset: digits, model: {name: fnn, width: 4}, optimizer: {name: sgd, lr: 0.1}, batch_size: 32, epochs: 1, measures: [loss, interpolation]}
"""
TWO = "experiments: {a: {keep: final, grid: {dropout: [0.0, 0.1], optimizer.lr: [0.1, 0.2]}, pairs: {p: [{dropout: 0}, {dropout: 0.1}]}, seeds: 2}}"


def resolve(text, **options):
    return resolved(text, head=HEAD, **options)


def refused(text, **options) -> str:
    error = refusal(lambda: resolve(text, **options))
    assert isinstance(error, BenchError)
    return str(error)


def settings(pair):
    return [(cell.dropout.rate, cell.optimizer.parameters["lr"]) for cell in (pair.first, pair.second)]


def test_a_pair_is_made_at_each_place_that_it_leaves_open():
    (experiment,) = resolve(TWO)
    assert [settings(pair) for pair in experiment.pairs] == [[(0.0, 0.1), (0.1, 0.1)], [(0.0, 0.2), (0.1, 0.2)]]
    assert [pair.axes for pair in experiment.pairs] == [{"pair": "p", "optimizer.lr": "0.1"}, {"pair": "p", "optimizer.lr": "0.2"}]
    flat = experiment.pairs[0].flat()
    assert (flat["pair"], flat["optimizer.lr"], flat["model.width"]) == ("p", 0.1, 4)
    assert "dropout" not in flat


def test_the_order_of_the_sides_is_that_of_the_suite():
    (experiment,) = resolve(TWO.replace("[{dropout: 0}, {dropout: 0.1}]", "[{dropout: 0.1}, {dropout: 0}]"))
    assert settings(experiment.pairs[0]) == [(0.1, 0.1), (0.0, 0.1)]


def test_cases_are_told_apart_by_parameters_of_their_parts():
    cases = "cases: [{objective: {name: cross_entropy, network: clean}}, {objective: {name: cross_entropy, network: dropped}}]"
    text = f"experiments: {{a: {{keep: final, {cases}, pairs: {{p: [{{objective.network: clean}}, {{objective.network: dropped}}]}}}}}}"
    (experiment,) = resolve(text)
    (pair,) = experiment.pairs
    assert [cell.objective.parameters["network"] for cell in (pair.first, pair.second)] == ["clean", "dropped"]
    assert pair.axes == {"pair": "p"}
    assert pair.flat()["objective"] == "cross_entropy"


def test_cells_of_a_part_that_differ_in_more_than_is_named_are_no_pair():
    cases = "cases: [{objective: {name: cross_entropy, network: clean}}, {objective: {name: cross_entropy, network: dropped, smoothing: 0.1}}]"
    text = f"experiments: {{a: {{keep: final, {cases}, pairs: {{p: [{{objective.network: clean}}, {{objective.network: dropped}}]}}}}}}"
    assert "no two cells agree in all that this pair does not name" in refused(text)


def test_of_what_is_not_selected_there_are_no_pairs():
    assert [settings(pair) for pair in resolve(TWO, only="optimizer.lr=0.2")[0].pairs] == [[(0.0, 0.2), (0.1, 0.2)]]
    assert resolve(TWO, only="dropout=0.1")[0].pairs == ()


def test_a_profile_has_pairs_of_its_own():
    text = TWO.replace("seeds: 2", "profiles: {paper: {pairs: {q: [{optimizer.lr: 0.1}, {optimizer.lr: 0.2}]}}}")
    assert {pair.axes["pair"] for pair in resolve(text)[0].pairs} == {"p"}
    assert {pair.axes["pair"] for pair in resolve(text, profile="paper")[0].pairs} == {"q"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{dropout: 0}", "{dropout: 0.5}", "a.pairs.p[0]: no cell has dropout=0.5"),
        ("{dropout: 0}", "{optimizer.lr: 0.1}", "selects several cells at one place"),
        ("{dropout: 0}", "{dropout: 0.1}", "a pair takes two cells, and both sides are one"),
        ("keep: final, ", "", "set keep: final"),
        ("keep: final, ", "keep: final, measures: [loss], ", "there are pairs, and no measure of two runs; there is interpolation"),
        ("pairs: {p: [{dropout: 0}, {dropout: 0.1}]}, ", "", "measure 'interpolation' is of two runs, and the experiment has no pairs"),
        ("{dropout: 0}, {dropout: 0.1}", "{dropout: 0}", "pairs"),
        (
            "optimizer.lr: [0.1, 0.2]}, pairs: {p: [{dropout: 0}, {dropout: 0.1}]}",
            "model.width: [4, 5]}, pairs: {p: [{model.width: 4}, {model.width: 5}]}",
            "one model",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old, new, said):
    assert old in TWO
    assert said in refused(TWO.replace(old, new))


def test_pairs_are_planned_after_the_runs_of_their_experiment():
    plan = planned(resolve(TWO))
    assert [isinstance(run.run, Pair) for run in plan.runs] == [False] * 8 + [True] * 4
    first = plan.runs[8]
    assert isinstance(first.run, Pair)
    assert (first.run.first, first.run.second) == tuple(Run(cell, 0) for cell in first.run.cells)
    assert [spec.name for spec in plan.runs[0].measures] == ["loss"]
    assert [spec.name for spec in first.measures] == ["interpolation"]
    assert {run.keep for run in plan.runs[:8]} == {True}
    assert plan.to_train() == list(plan.runs[:8])
    assert plan.to_pair() == list(plan.runs[8:])


def test_a_pair_has_an_identity_of_its_own():
    pairs = [run.run for run in planned(resolve(TWO)).to_pair()]
    back = [run.run for run in planned(resolve(TWO.replace("[{dropout: 0}, {dropout: 0.1}]", "[{dropout: 0.1}, {dropout: 0}]"))).to_pair()]
    ids = {pair.run_id for pair in pairs + back} | {run.run_id for pair in pairs for run in (pair.first, pair.second)}
    assert len(ids) == 4 + 4 + 8
    assert pairs[0].cell_id == pairs[1].cell_id != pairs[2].cell_id


def test_what_is_there_is_done_pairs_too():
    plan = planned(resolve(TWO))
    again = planned(resolve(TWO), rows_of(plan, {"weights": "f" * 64}))
    assert again.counts() == {"done": 12}
    assert again.to_pair() == []


def test_runs_whose_weights_are_wanted_and_were_not_kept_are_stale():
    again = planned(resolve(TWO), rows_of(planned(resolve(TWO)), {"weights": None}))
    assert {(run.state, run.why) for run in again.runs[:8]} == {("stale", "its final weights were not kept")}
    assert {run.state for run in again.runs[8:]} == {"done"}


def test_a_pair_without_its_measure_is_measured_and_its_runs_are_not_trained_again():
    rows = rows_of(planned(resolve(TWO)), {"weights": "f" * 64})
    without = rows.copy()
    without.loc[without["pair"].notna(), "measures"] = "{}"
    again = planned(resolve(TWO), without)
    assert [run.state for run in again.runs] == ["done"] * 8 + ["stale"] * 4
    assert again.to_train() == []
    assert len(again.to_pair()) == 4
    assert again.to_repeat() == []


def test_rows_of_a_pair_say_what_both_runs_share():
    rows = rows_of(planned(resolve(TWO)))
    pairs = rows[rows["pair"].notna()]
    assert set(pairs["axis.pair"]) == set(pairs["hp.pair"]) == {"p"}
    assert pairs["axis.dropout"].isna().all()
    assert pairs["hp.dropout"].isna().all()
    assert set(pairs["hp.optimizer.lr"]) == {0.1, 0.2}
    assert rows[rows["pair"].isna()]["axis.pair"].isna().all()
    assert set(pairs["commit"]) == {ORIGIN.commit}
