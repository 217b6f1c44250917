"""What every measure of two runs keeps: it says what it declares, repeats itself, reads both runs and changes neither."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
import torch

from bench.parts.measures import measures, views_of
from bench.registry.schema import TABLES
from tests.contracts.test_measures import RUNS, fills, fits, same, tensors, view_of

SMALLER = {"interpolation": {"points": 9}}
OF_TWO_RUNS = [part for part in measures if views_of(part.name) == 2]
CASES = [pytest.param(part, name, id=f"{part.name}-{name}") for part in OF_TWO_RUNS for name in RUNS if fits(part, name)]
cases = pytest.mark.parametrize(("part", "name"), CASES)


@pytest.fixture(scope="module")
def pairs():
    """Of each kind a run, and one of the same cell that has made some other steps from the same initial weights."""
    made = {}
    for name, run in RUNS.items():
        longer = replace(
            run.cell, steps=None if run.cell.steps is None else run.cell.steps + 2, epochs=None if run.cell.epochs is None else run.cell.epochs + 1
        )
        made[name] = view_of(run), view_of(replace(run, cell=longer))
    return made


def take(part, pair):
    parameters, problems = part.check(SMALLER.get(part.name, {}))
    assert not problems
    return part.target(*pair, **parameters)


@pytest.fixture(scope="module")
def found(pairs):
    """What a measure gives of a pair as it is: worked out once, as every test compares with it."""
    return functools.cache(lambda measure, name: take(measures[measure], pairs[name]))


def test_there_are_measures_of_two_runs():
    assert "interpolation" in {part.name for part in OF_TWO_RUNS}


@cases
def test_returns_declared_metrics_and_rows_of_its_table(part, name, found):
    measured = found(part.name, name)
    assert measured.values
    assert measured.values.keys() <= {metric.name for metric in part.traits["metrics"]}
    assert all(type(value) is float for value in measured.values.values())
    table = part.traits["table"]
    assert bool(measured.rows) == (table is not None)
    columns = {column.name: column for column in TABLES[table]}
    for row in measured.rows:
        assert row.keys() == columns.keys() - {"row", "run_id"}
        assert all(fills(value, columns[column]) for column, value in row.items())


@cases
def test_changes_neither_run(part, name, pairs):
    before = [tensors(view) for view in pairs[name]]
    generator = torch.get_rng_state()
    take(part, pairs[name])
    for old, view in zip(before, pairs[name], strict=True):
        assert all(torch.equal(one, other) for one, other in zip(old, tensors(view), strict=True))
        assert not any(module.training for module in view.model.modules())
    assert torch.equal(torch.get_rng_state(), generator)


@cases
def test_repeats_itself_whatever_the_global_seed(part, name, pairs, found):
    first = found(part.name, name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(123)
        assert same(take(part, pairs[name]), first)


@cases
def test_does_not_depend_on_the_size_of_a_pass(part, name, pairs):
    first, other = (take(part, [replace(view, batch=batch) for view in pairs[name]]) for batch in (7, 1000))
    assert first.values == pytest.approx(other.values, rel=1e-3, abs=1e-5)


@cases
def test_reads_both_runs(part, name, pairs, found):
    first, second = pairs[name]
    values = found(part.name, name).values
    assert take(part, (first, first)).values != values
    assert take(part, (second, second)).values != values
