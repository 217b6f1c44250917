from __future__ import annotations

import json

import pandas as pd

from bench import yaml
from bench.report.content import gather
from bench.report.missing import MOST_NAMED, not_ok
from bench.report.table import NONE
from bench.suite import from_document
from tests.report.synthetic import METRICS, architectures, batch_sizes

HEAD = "title: t\nversion: 1\nexperiments:\n  batch-size: "


def suite(experiment):
    return from_document("demo", yaml.parse(f"{HEAD}{json.dumps(experiment)}\n"))


def missing(rows, experiment):
    return [row[1:] for row in not_ok(gather(rows, suite(experiment) if experiment else None, METRICS)).rows]


def test_failed_runs_and_missing_seeds_are_listed_by_cell():
    runs = pd.concat([architectures(), batch_sizes()], ignore_index=True)
    runs = runs[(runs["axis.batch_size"] != "64") | (runs["seed"] == 1)]
    assert not_ok(gather(runs, None, METRICS)).rows == (
        ("architectures", "model = vgg9, dataset = cifar10, dropout = 0.2", "2", "diverged", "loss is not finite"),
        ("batch-size", "batch size = 64", "0, 2", "missing", NONE),
    )


def test_cells_of_the_suites_grid_that_have_no_row_were_never_run():
    assert missing(batch_sizes([16]), {"grid": {"batch_size": [16, 64, 256]}}) == [
        ("batch size = 64", "all", "never run", NONE),
        ("batch size = 256", "all", "never run", NONE),
    ]
    assert missing(batch_sizes(), {"grid": {"batch_size": [16, 64, 256]}}) == []


def test_the_grid_is_that_of_the_profile():
    experiment = {"grid": {"batch_size": [1, 2]}, "profiles": {"quick": {"grid": {"batch_size": [16, 32]}}, "paper": {"grid": {"batch_size": [512]}}}}
    assert missing(batch_sizes([16]), experiment) == [("batch size = 32", "all", "never run", NONE)]


def test_what_is_not_known_to_be_a_cell_is_not_missed():
    grid = {"batch_size": [16, 64]}
    for experiment in (
        None,
        {"grid": grid, "exclude": [{"batch_size": 64}]},
        {"grid": grid, "cases": [{"epochs": 1}]},
        {"grid": {**grid, "epochs": [1, 2]}},
    ):
        assert missing(batch_sizes([16]), experiment) == []
    assert missing(batch_sizes([16], variant="grid.batch_size=[16]"), {"grid": grid}) == []


def test_of_many_cells_the_others_are_counted():
    rows = missing(batch_sizes([1]), {"grid": {"batch_size": list(range(1, MOST_NAMED + 5))}})
    assert len(rows) == MOST_NAMED + 1
    assert rows[-1][0] == "3 more cells"
