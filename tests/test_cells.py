from __future__ import annotations

import pytest

from bench.cells import CATALOGS, CellBuilder
from bench.config import Dropout, PartSpec, Stop
from bench.errors import Place, SuiteError
from bench.settings import Layer, Settings
from tests.planning import flat, resolved

WHERE = Place("s.yaml", 1, "a")
BASE = {
    "model": {"name": "fnn", "width": 4},
    "dataset": "digits",
    "objective": "cross_entropy",
    "optimizer": {"name": "sgd", "lr": 0.1},
    "schedule": "constant",
    "initializer": "default",
    "batch_size": 32,
    "epochs": 1,
}


def settings(**changes) -> Settings:
    laid = Settings()
    laid.lay(Layer({**BASE, **changes}, lambda path: Place("s.yaml", 2, ".".join(map(str, path)))))
    return laid


def built(**changes):
    cell, problems = CellBuilder().build(settings(**changes), WHERE)
    assert problems == []
    return cell


def problems_of(**changes) -> list[str]:
    cell, problems = CellBuilder().build(settings(**changes), WHERE)
    assert cell is None
    return [f"{problem.place}: {problem.message}" for problem in problems]


def test_every_default_is_filled_in():
    cell = built()
    assert cell.optimizer == PartSpec("sgd", {"lr": 0.1, "momentum": 0.0, "weight_decay": 0.0, "nesterov": False})
    assert cell.augmentation == ()
    assert cell.dropout == Dropout(0.0, "per_sample")
    assert (cell.batch_size, cell.epochs, cell.steps, cell.precision) == (32, 1, None, "float32")
    for kind, spec in cell.parts():
        assert set(spec.parameters) == set(CATALOGS[kind][spec.name].schema.model_fields)


@pytest.mark.parametrize(
    ("raw", "dropout"),
    [
        (0, Dropout(0.0)),
        (0.5, Dropout(0.5)),
        ([0.1, 0], Dropout((0.1, 0.0))),
        ({"rate": 0.2}, Dropout(0.2)),
        ({"mask": "shared"}, Dropout(0.0, "shared")),
        ({"rate": [0.1, 0.2], "mask": "shared"}, Dropout((0.1, 0.2), "shared")),
    ],
)
def test_forms_of_dropout(raw, dropout):
    assert built(dropout=raw).dropout == dropout


@pytest.mark.parametrize("rate", [1, 1.0, -0.1, True, "0.1", None, float("nan"), [0.1, 1.5], [True]])
def test_drop_rates_that_are_none(rate):
    assert len(problems_of(dropout=rate)) == 1, problems_of(dropout=rate)
    assert "a drop rate is a number from 0 to below 1" in problems_of(dropout=rate)[0]


@pytest.mark.parametrize("key", ["epochs", "batch_size", "precision", "dropout", "p", "name"])
def test_dropout_has_a_rate_and_a_mask_alone(key):
    assert f"s.yaml:2: dropout.{key}: dropout has no {key!r}; it has rate and mask" in problems_of(dropout={"rate": 0.1, key: 3})


@pytest.mark.parametrize(
    ("raw", "stop"),
    [
        (None, None),
        ({"below": 0.1}, Stop("train_loss", 0.1)),
        ({"metric": "train_loss", "below": 0.1}, Stop("train_loss", 0.1)),
        ({"metric": "test_loss", "below": 2}, Stop("test_loss", 2.0)),
    ],
)
def test_forms_of_a_stop_rule(raw, stop):
    assert built(stop=raw).stop == stop


def test_a_cell_without_a_stop_rule_is_the_one_that_it_was():
    assert built(stop=None).cell_id == built().cell_id
    assert "stop" not in built().json
    rules = [{"below": 0.1}, {"below": 0.2}, {"below": 0.1, "metric": "test_loss"}]
    assert len({built(stop=rule).cell_id for rule in [None, *rules]}) == 4
    assert built(stop={"below": 1}).cell_id == built(stop={"metric": "train_loss", "below": 1.0}).cell_id


@pytest.mark.parametrize("below", [0, -1, float("nan"), float("inf"), "0.1", True, None])
def test_a_stop_rule_has_a_bound_above_zero(below):
    (problem,) = problems_of(stop={"below": below})
    assert problem.startswith("s.yaml:2: stop.below: ")


@pytest.mark.parametrize("raw", [0.1, "train_loss", [], {}, {"metric": "train_loss"}, {"below": 0.1, "than": 2}, {"below": 0.1, "metric": "loss"}], ids=str)
def test_stop_rules_that_are_none(raw):
    (problem,) = problems_of(stop=raw)
    assert problem.startswith("s.yaml:2: stop")


@pytest.mark.parametrize(
    ("raw", "names"),
    [([], []), (None, []), ("flip", ["flip"]), (["flip", {"name": "crop", "padding": 1}], ["flip", "crop"]), ({"name": "flip"}, ["flip"])],
)
def test_forms_of_augmentation(raw, names):
    assert [spec.name for spec in built(augmentation=raw).augmentation] == names


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": 5}, "s.yaml:2: model: a model is a name, or a mapping with name and parameters; got 5"),
        ({"model": {"width": 5}}, "s.yaml:2: model: a model is a name, or a mapping with name and parameters; got {'width': 5}"),
        ({"model": {"name": "fnn", "widht": 5}}, "s.yaml:2: model.widht: model 'fnn' has no parameter 'widht'. Did you mean 'width'?"),
        ({"model": "fn"}, "s.yaml:2: model: there is no model 'fn'. Did you mean 'fnn'?"),
        ({"model": None}, "s.yaml:1: a: no model is set"),
        ({"batch_size": None}, "s.yaml:1: a: no batch_size is set"),
        ({"batch_size": 0}, "s.yaml:2: batch_size: input should be greater than or equal to 1, got 0"),
        ({"batch_size": 1.5}, "s.yaml:2: batch_size: input should be a valid integer, got 1.5"),
        ({"epochs": 0}, "s.yaml:2: epochs: input should be greater than or equal to 1, got 0"),
        ({"epochs": None}, "s.yaml:1: a: exactly one of epochs and steps must be set"),
        ({"precision": "float16"}, "s.yaml:2: precision: input should be 'float32' or 'bf16', got 'float16'"),
        ({"dropout": {"mask": "none"}}, "s.yaml:2: dropout.mask: input should be 'per_sample' or 'shared', got 'none'"),
        ({"augmentation": ["flip", "crip"]}, "s.yaml:2: augmentation: there is no augmentation 'crip'. Did you mean 'crop'?"),
        ({"optimizer": {"name": "sgd", "lr": float("inf")}}, "s.yaml:2: optimizer.lr: input should be a finite number, got inf"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(changes, message):
    assert problems_of(**changes) == [message]


def test_all_that_is_wrong_is_told_at_once():
    assert len(problems_of(model="x", optimizer={"name": "sgd"}, batch_size=0, dropout=2, augmentation=["y", "z"])) == 6


def test_a_cell_may_be_built_again_and_again():
    builder = CellBuilder()
    first, second = (builder.build(settings(), WHERE)[0] for _ in range(2))
    assert first == second
    broken = {"optimizer": {"name": "sgd", "lr": -1}}
    assert [len(builder.build(settings(**broken), WHERE)[1]) for _ in range(2)] == [1, 1]


@pytest.mark.fault("F64")
def test_one_and_true_are_not_the_same_parameter():
    builder = CellBuilder()
    assert builder.build(settings(model={"name": "fnn", "depth": 1}), WHERE)[1] == []
    assert len(builder.build(settings(model={"name": "fnn", "depth": True}), WHERE)[1]) == 1
    assert len(builder.build(settings(model={"name": "fnn", "depth": 1.0}), WHERE)[1]) == 1


def test_measures_are_checked():
    specs, problems = CellBuilder().measures(["loss", "accuracy"], lambda path: Place("s.yaml", 3, str(path)))
    assert [spec.name for spec in specs] == ["loss", "accuracy"]
    assert problems == []
    _, problems = CellBuilder().measures(["loss", "los", {"name": "loss"}, {"name": "loss", "x": 1}, 3], lambda path: Place("s.yaml", 3, str(path)))
    assert [str(problem) for problem in problems] == [
        "s.yaml:3: (1,): there is no measure 'los'. Did you mean 'loss'?",
        "s.yaml:3: (3, 'x'): measure 'loss' has no parameter 'x'. There are none.",
        "s.yaml:3: (4,): a measure is a name, or a mapping with name and parameters; got 3",
        "s.yaml:3: (): measure 'loss' is listed twice",
    ]


def test_the_sizes_of_data_are_known_without_reading_them():
    builder = CellBuilder()
    spec = built(dataset={"name": "digits", "train": 100}).dataset
    assert (builder.data(spec).train, builder.data(spec).test) == (100, 517)
    assert builder.data(spec) is builder.data(spec)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("optimizer: {name: sgd, lr: 0.1, nesterov: true}", "Nesterov|nesterov"),
        ("dataset: {name: digits, train: 5000}", "digits has 1280 train samples"),
        ("dataset: {name: functions, target: sin, low: 1, high: 0}\n    objective: squared", "is empty"),
    ],
)
def test_what_a_part_refuses_is_told_before_anything_runs(block, message):
    with pytest.raises(SuiteError, match=message):
        resolved(f"experiments:\n  a:\n    {block}\n")


def test_cells_of_every_data_set_without_files():
    text = "experiments: {a: {}, b: {dataset: {name: functions, target: parabola}, objective: squared, batch_size: full}}"
    assert [(cell["dataset"], cell["batch_size"]) for cell in flat(text)] == [("digits", 32), ("functions", "full")]


def test_penalties_and_phases():
    clean = {"name": "squared", "network": "clean"}
    phases = [
        {"until": 5, "objective": clean},
        {"until": 9, "objective": "squared", "penalties": ["r1", {"name": "r2", "coefficient": -1.0}], "optimizer_state": "fresh"},
    ]
    cell = built(penalties="r1", phases=phases, objective="squared", dropout=0.1)
    assert cell.penalties == (PartSpec("r1", {"coefficient": 1.0}),)
    assert [phase.until for phase in cell.phases] == [5, 9]
    assert str(cell.phases[0]) == "squared(network=clean) until 5 (keep state)"
    assert str(cell.phases[1]) == "squared(network=dropped) + r1 + r2(coefficient=-1) until 9 (fresh state)"
    assert (cell.flat()["penalties"], cell.flat()["phases"]) == (["r1"], "; then ".join(map(str, cell.phases)))
    assert [kind for kind, _ in cell.parts()].count("penalty") == 3
    assert (built().flat()["penalties"], built().flat()["phases"]) == ([], None)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"penalties": ["r1", "r1"]}, "penalties: penalty 'r1' is listed twice"),
        ({"penalties": ["r3"]}, "penalties: there is no penalty 'r3'. Known: r1, r2."),
        ({"penalties": [{"name": "r1", "rate": 0.1}]}, "penalties.rate: penalty 'r1' has no parameter 'rate'. Known: coefficient."),
        ({"phases": [{"objective": "squared"}]}, "phases.0: a phase needs the key 'until'"),
        ({"phases": [{"until": 5}]}, "phases.0: a phase needs the key 'objective'"),
        ({"phases": [{"until": 0, "objective": "squared"}]}, "phases.0.until: input should be greater than or equal to 1, got 0"),
        (
            {"phases": [{"until": 5, "objective": "squared", "\ud800": 1}]},
            "phases.0.\ud800: a phase has no key '\\ud800'. Known: objective, optimizer_state, penalties, until.",
        ),
        ({"phases": [{"until": 5, "objective": "squared", "penalty": []}]}, "phases.0.penalty: a phase has no key 'penalty'. Did you mean 'penalties'?"),
        ({"phases": [{"until": 5, "objective": "squared"}] * 2}, "phases: phases end one after the other, and these end at [5, 5]"),
    ],
)
def test_penalties_and_phases_that_are_none(changes, found):
    assert f"s.yaml:2: {found}" in problems_of(**changes)


def test_an_augmentation_may_come_twice():
    assert [spec.name for spec in built(augmentation=["flip", "flip"]).augmentation] == ["flip", "flip"]
