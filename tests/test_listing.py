from __future__ import annotations

import pandas as pd
import pytest

from bench import listing
from bench.cells import CATALOGS
from bench.errors import UsageError
from bench.plan import Policy
from tests.planning import planned, resolved, rows_of, write

SUITE = "experiments: {a: {grid: {dropout: [0.0, 0.1]}, seeds: 2}, b: {}}"


def shown(plan, rows):
    return listing.plan_tables(plan, len(plan.to_train()), rows)


def texts(table) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in table.rows]


def test_suites_are_listed_even_if_one_is_broken(tmp_path, monkeypatch):
    (tmp_path / "suites").mkdir()
    write(tmp_path / "suites", "title: Good\nversion: 1\nexperiments: {b: {}, a: {}}\n", "good.yaml")
    write(tmp_path / "suites", "- no suite\n", "bad.yaml")
    monkeypatch.chdir(tmp_path)
    rows = {row[0]: row[1:] for row in texts(listing.suites_table())}
    assert rows["good"] == ("Good", "b, a")
    assert rows["bad"][0].startswith("cannot be read: ")
    assert "generalization" in rows


def test_every_part_is_listed_with_its_parameters():
    tables = list(listing.parts_table(None, ()))
    kinds = ["models", "datasets", "objectives", "optimizers", "schedules", "initializers", "augmentations", "penalties", "measures"]
    assert [table.title for table in tables] == [*kinds, "metrics"]
    for table, catalog in zip(tables[:-1], CATALOGS.values(), strict=True):
        assert [row[0] for row in texts(table)] == catalog.names()
        assert all(row[2] for row in texts(table))
    assert ("sgd", "lr, momentum=0.0, weight_decay=0.0, nesterov=False") in [row[:2] for row in texts(tables[list(CATALOGS).index("optimizer")])]


@pytest.mark.parametrize(("kind", "title"), [("model", "models"), ("models", "models"), ("penalties", "penalties"), ("metrics", "metrics")])
def test_one_kind_is_listed(kind, title):
    assert [table.title for table in listing.parts_table(kind, ())] == [title]


def test_metrics_are_listed_with_the_measure_that_gives_them():
    [table] = listing.parts_table("metrics", ())
    rows = {row[0]: row for row in table.rows}
    assert rows["test_accuracy"][1:3] == ("accuracy", "higher")
    assert rows["test_accuracy"][3].startswith("share of test samples classified correctly")
    assert rows["hessian_top"][1:3] == ("hessian", "lower")
    assert list(rows) == sorted(metric.name for part in CATALOGS["measure"] for metric in part.traits["metrics"])


def test_an_unknown_kind():
    with pytest.raises(UsageError, match=r"there is no kind 'modles'\. Did you mean 'models'\?"):
        list(listing.parts_table("modles", ()))


def test_a_plan_is_counted_by_experiment():
    first = planned(resolved("experiments: {a: {grid: {dropout: [0.0, 0.1]}}}"))
    table, why = shown(planned(resolved(SUITE), rows_of(first)), pd.DataFrame())
    assert table.title == "demo at quick"
    assert [column.title for column in table.columns] == ["experiment", "cells", "runs", "done", "reuse", "new", "stale", "failed"]
    assert texts(table) == [("a", "2", "4", "2", "0", "2", "0", "0"), ("b", "1", "1", "0", "1", "0", "0", "0")]
    assert table.notes[0] == "5 runs; to train: 2 runs in 2 packs."
    assert texts(why) == [
        ("a", "done", "its row is there", "2"),
        ("a", "new", "never trained", "2"),
        ("b", "reuse", "trained in demo/a at commit cccccccccccc", "1"),
    ]


def test_shared_runs_are_trained_once():
    table, _ = shown(planned(resolved("experiments: {a: {}, b: {}}")), pd.DataFrame())
    assert table.notes == ("2 runs; to train: 1 run in 1 pack.",)


def test_time_and_memory_are_estimated_from_past_rows():
    rows = rows_of(planned(resolved("experiments: {a: {}}")))
    table, _ = shown(planned(resolved(SUITE), rows, Policy(force=True)), rows)
    assert table.notes[1:] == ("About 8 s of one worker, by past rows; at most 1 MiB per worker so far.",)
    rows = rows.assign(experiment="b")
    table, _ = shown(planned(resolved("experiments: {a: {dropout: 0.5}, b: {}}"), rows, Policy(force=True)), rows)
    assert table.notes[1].startswith("About 2 s of one worker, by past rows; not counted: 1 run of experiments that were never run")


@pytest.mark.parametrize("change", [{"status": "crashed"}, {"reused_from": "another"}, {"experiment": "z"}])
def test_rows_that_tell_no_time_are_passed_over(change):
    rows = rows_of(planned(resolved("experiments: {a: {}}"))).assign(**change)
    table, _ = shown(planned(resolved(SUITE), rows, Policy(force=True)), rows)
    assert len(table.notes) == 1


def test_data_sets_that_need_files():
    names = listing.data_names()
    assert "mnist" in names
    assert not {"digits", "functions"} & set(names)
    assert listing.data_files("mnist").sha256
    assert not listing.data_files("functions").sha256
