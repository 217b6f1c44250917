"""What every measure of the catalogue keeps: it says what it declares, repeats itself, and changes nothing that it looks at."""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import replace
from typing import get_args

import pytest
import torch

from bench.metric import Metric
from bench.parts.datasets import Data, Task
from bench.parts.measures import History, View, measures, views_of
from bench.parts.models import models
from bench.registry.schema import TABLES
from bench.train.checkpoints import Checkpoints
from bench.train.lanes import resident
from bench.train.snapshots import snapshot_steps
from tests.train.runs import SMALL, TRANSFORMER, prepared, run_of, sine_run
from tests.train.runs import part as part_of

RUNS = {
    "classification": run_of(epochs=2, dropout=0.2),
    "batch norm": run_of(steps=2, dropout=0.2, model={"name": "resnet20", "width": 2}, dataset={"name": "digits", "train": 8, "test": 8}, batch_size=8),
    "translation": run_of(
        steps=4,
        dropout=0.2,
        model=TRANSFORMER,
        dataset={"name": "number_words", "train": 10, "test": 5},
        objective={"name": "cross_entropy", "smoothing": 0.1},
        batch_size=5,
    ),
    "regression": sine_run(epochs=5, dropout=0.2, model={**SMALL, "depth": 2}),
}
SMALLER = {
    "loss_curve": {"points": 3, "directions": 2},
    "hessian": {"draws": 2, "samples": 4, "lanczos": 3, "repeats": 1},
    "average_sharpness": {"pairs": 3},
    "pac_bayes": {"draws": 2, "worse": 0.001},
}


def fits(part, name) -> bool:
    """Whether a measure is for a run's task and model."""
    task = name if name in {"regression", "translation"} else "classification"
    return task in part.traits["tasks"] and (not part.traits.get("stacked") or bool(models[RUNS[name].cell.model.name].traits.get("stacked")))


SOMETIMES = {"neuron_outputs": {"output_share", "output_alignment", "weight_alignment"}}
"""Metrics that runs have in which all neurons are active; here are none, and the measure's own tests have some."""

OF_ONE_RUN = [part for part in measures if views_of(part.name) == 1]
CASES = [pytest.param(part, name, id=f"{part.name}-{name}") for part in OF_ONE_RUN for name in RUNS if fits(part, name)]
each = pytest.mark.parametrize("part", list(measures), ids=lambda part: part.name)
cases = pytest.mark.parametrize(("part", "name"), CASES)


def view_of(run) -> View:
    """A run, trained and made ready as the trainer does it."""
    ready = prepared(run)
    ready = replace(
        ready, snapshots=snapshot_steps([part_of("measure", name) for name in measures.names()], ready.length.total_steps, ready.length.steps_per_epoch)
    )
    trained = resident.train(ready, lambda done, loss: None, Checkpoints())
    return View(ready.model.eval().requires_grad_(False), ready.objective, ready.data, ready.spec, trained.history, run.seed, 7, trained.snapshots)


@pytest.fixture(scope="module")
def views():
    return {name: view_of(run) for name, run in RUNS.items()}


@pytest.fixture(scope="module")
def twins():
    """The same runs, trained again."""
    return {name: view_of(run) for name, run in RUNS.items()}


@pytest.fixture(scope="module")
def others():
    """Runs with another seed and, for classification, another length."""
    return {name: view_of(run_of(9, epochs=3) if name == "classification" else type(run)(run.cell, 9)) for name, run in RUNS.items()}


@pytest.fixture(scope="module")
def found(views):
    """What a measure gives of a run as it is: worked out once, as every test compares with it."""
    return functools.cache(lambda measure, name: take(measures[measure], views[name]))


def take(part, view):
    parameters, problems = part.check(SMALLER.get(part.name, {}))
    assert not problems
    return part.target(view, **parameters)


def same(first, second):
    """Equal to the last bit, absent values included."""
    return first.values == second.values and list(first.rows) == list(second.rows)


def tensors(view):
    """Everything that a measure could change, copied."""
    parts = [*view.model.state_dict().values(), *(getattr(view.data, name) for name in Data.__dataclass_fields__)]
    return [tensor.clone() for tensor in parts]


def test_the_catalogue_has_the_names_that_suites_rely_on():
    assert {"accuracy", "loss", "generalization_gap", "loss_curve", "fit", "steps_to_loss"} <= set(measures.names())


@each
def test_declares_what_it_gives(part):
    traits = part.traits
    assert traits.keys() - {"stacked", "views"} == {"metrics", "table", "tasks", "reference"}
    assert traits["metrics"]
    assert all(isinstance(metric, Metric) and metric.meaning and metric.version >= 1 for metric in traits["metrics"])
    assert traits["table"] is None or traits["table"] in TABLES
    assert set(traits["tasks"]) <= set(get_args(Task))
    assert part.summary.endswith(".")


def test_no_two_measures_give_the_same_metric():
    names = [metric.name for part in measures for metric in part.traits["metrics"]]
    assert len(names) == len(set(names))


@cases
def test_returns_declared_metrics_and_rows_of_its_table(part, name, found):
    measured = found(part.name, name)
    assert measured.values.keys() <= {metric.name for metric in part.traits["metrics"]}
    assert all(type(value) is float and math.isfinite(value) for value in measured.values.values())
    table = part.traits["table"]
    assert bool(measured.rows) == (table is not None)
    for row in measured.rows:
        assert row.keys() == {column.name for column in TABLES[table]} - {"row", "run_id"}
        columns = {column.name: column for column in TABLES[table]}
        assert all(fills(value, columns[name]) for name, value in row.items())


def fills(value, column):
    """Whether a column may hold a value."""
    return column.nullable if value is None else type(value) is {"string": str, "int64": int, "float64": float}[column.type]


@cases
def test_gives_every_metric_after_good_training(part, name, views):
    view = views[name]
    low = {metric: [*values[:-1], 1e-9] for metric, values in view.history.values.items()}
    measured = take(part, replace(view, history=replace(view.history, values=low)))
    assert measured.values.keys() | SOMETIMES.get(part.name, set()) == {metric.name for metric in part.traits["metrics"]}


@cases
def test_changes_nothing(part, name, views):
    view = views[name]
    before, generator = tensors(view), torch.get_rng_state()
    steps, values = list(view.history.steps), {metric: list(course) for metric, course in view.history.values.items()}
    take(part, view)
    assert all(torch.equal(old, new) for old, new in zip(before, tensors(view), strict=True))
    assert torch.equal(torch.get_rng_state(), generator)
    assert not any(module.training for module in view.model.modules())
    assert not any(parameter.requires_grad for parameter in view.model.parameters())
    assert (view.history.steps, view.history.values) == (steps, values)


@cases
def test_leaves_gradients_alone(part, name, views):
    view = views[name]
    before = [parameter.grad.clone() for parameter in view.model.parameters()]
    take(part, view)
    assert all(torch.equal(old, parameter.grad) for old, parameter in zip(before, view.model.parameters(), strict=True))


@cases
def test_repeats_itself_whatever_the_global_seed(part, name, views, found):
    first = found(part.name, name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(123)
        assert same(take(part, views[name]), first)


@cases
def test_does_not_depend_on_the_size_of_a_pass(part, name, views, found):
    first, other = found(part.name, name), take(part, replace(views[name], batch=1000))
    assert first.values == pytest.approx(other.values, rel=1e-4, abs=1e-6)
    for column in ("loss", "output"):
        columns = [[row.get(column, 0.0) for row in measured.rows] for measured in (first, other)]
        assert columns[0] == pytest.approx(columns[1], rel=1e-4, abs=1e-6)


@cases
def test_runs_of_a_trained_twin_agree(part, name, twins, found):
    assert same(take(part, twins[name]), found(part.name, name))


def condensed(model):
    """A copy whose neurons are all alike."""
    copied = copy.deepcopy(model)
    for parameter in copied.parameters():
        parameter.copy_(torch.ones_like(parameter))
    return copied


@cases
def test_reads_the_present_model_or_history(part, name, views, others, found):
    """A measure that looked at neither could not fail any of the tests above."""
    view, other = views[name], others[name]
    late = History([step + 1 for step in other.history.steps], other.history.epochs, {key: [1e-9] * len(run) for key, run in other.history.values.items()})
    changed = replace(other, history=late)
    if part.name == "generalization_gap":
        changed = replace(view, history=replace(late, values={**late.values, "train_accuracy": [0.75]}))
    if part.name in {"effective_ratio", "effective_course", "neuron_outputs"}:
        changed = replace(changed, model=condensed(changed.model))
    assert take(part, changed).values != found(part.name, name).values
