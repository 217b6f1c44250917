from __future__ import annotations

import time
from typing import Any

import pytest

from bench.errors import SuiteError, UsageError
from bench.overrides import Overrides
from bench.suite_file import PROFILES
from tests.planning import HEAD, dump, flat, resolved

LAYERS = ("defaults", "profile", "experiment", "experiment's profile", "case", "grid", "--set")


def layered(key: str, values: dict[str, int]) -> dict[str, Any]:
    """The settings of the one cell of a suite that sets a key in some layers, as the profile `quick` has them."""
    blocks: dict[str, dict[str, Any]] = {layer: {key: values[layer]} if layer in values else {} for layer in LAYERS}
    base = {"dataset": "digits", "model": "fnn", "optimizer": {"name": "sgd", "lr": 0.1}, "batch_size": 1, "epochs": 1}
    experiment = {
        **blocks["experiment"],
        "profiles": {"quick": blocks["experiment's profile"], "paper": {key: 88}},
        "cases": [blocks["case"]],
        "grid": {axis: [value] for axis, value in blocks["grid"].items()},
    }
    tree = {"title": "t", "version": 1, "defaults": base | blocks["defaults"], "profiles": {"quick": blocks["profile"], "paper": {key: 77}}}
    return flat(dump({**tree, "experiments": {"a": experiment}}), head="", sets=[f"{name}={value}" for name, value in blocks["--set"].items()])[0]


@pytest.mark.parametrize(("low", "high"), [(low, high) for index, low in enumerate(LAYERS) for high in LAYERS[index + 1 :] if (low, high) != ("grid", "--set")])
def test_the_higher_layer_wins(low, high):
    assert layered("batch_size", {low: 8, high: 16})["batch_size"] == 16
    assert layered("batch_size", {low: 16, high: 8})["batch_size"] == 8


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_is_read(layer):
    assert layered("batch_size", {layer: 64})["batch_size"] == 64
    assert layered("model.width", {layer: 64})["model.width"] == 64


def test_set_wins_over_the_grid_by_amending_its_parts():
    text = "experiments: {a: {grid: {optimizer: [{name: sgd, lr: 0.1}, {name: adam, lr: 0.2}]}}}"
    assert [(cell["optimizer"], cell["optimizer.lr"]) for cell in flat(text, sets=["optimizer.lr=0.5"])] == [("sgd", 0.5), ("adam", 0.5)]


def test_other_profiles_do_not_count():
    text = "profiles: {paper: {epochs: 9}}\nexperiments: {a: {profiles: {paper: {dropout: 0.9}}}}"
    assert [(cell["epochs"], cell["dropout"]) for cell in flat(text)] == [(1, 0.0)]
    assert [(cell["epochs"], cell["dropout"]) for cell in flat(text, profile="paper")] == [(9, 0.9)]


def test_a_part_replaces_a_part_whole_and_a_dotted_key_amends_it():
    text = "experiments:\n  a: {model: fnn}\n  b: {model.depth: 3}\n  c: {model: {name: fnn, depth: 2}, model.width: 8}\n"
    assert [(cell["model.width"], cell["model.depth"]) for cell in flat(text)] == [(1000, 1), (4, 3), (8, 2)]


@pytest.mark.parametrize(
    ("experiment", "lengths"),
    [
        ("{}", (1, None)),
        ("{steps: 10}", (None, 10)),
        ("{steps: 10, profiles: {quick: {epochs: 3}}}", (3, None)),
        ("{epochs: 2, grid: {steps: [7]}}", (None, 7)),
        ("{steps: 2, cases: [{epochs: 7}]}", (7, None)),
    ],
)
def test_epochs_and_steps_replace_each_other(experiment, lengths):
    cell = flat(f"experiments: {{a: {experiment}}}")[0]
    assert (cell["epochs"], cell["steps"]) == lengths


def test_set_gives_steps_instead_of_epochs():
    cell = flat("experiments: {a: {epochs: 3}}", sets=["steps=10"])[0]
    assert (cell["epochs"], cell["steps"]) == (None, 10)


def test_a_profiles_grid_replaces_the_axes_that_it_names():
    text = "experiments: {a: {grid: {batch_size: [1, 2], dropout: [0.1, 0.2]}, profiles: {quick: {grid: {dropout: [0.5]}}}}}"
    assert [(cell["batch_size"], cell["dropout"]) for cell in flat(text)] == [(1, 0.5), (2, 0.5)]
    assert len(flat(text, profile="paper")) == 4


def test_a_profiles_cases_replace_all_cases():
    text = "experiments: {a: {cases: [{batch_size: 1, dropout: 0.1}, {batch_size: 2}], profiles: {quick: {cases: [{batch_size: 8}]}}}}"
    assert [(cell["batch_size"], cell["dropout"]) for cell in flat(text)] == [(8, 0.0)]


def test_cells_come_in_the_order_of_the_file_the_last_axis_fastest():
    text = "experiments:\n  b: {cases: [{batch_size: 4}, {batch_size: 2}], grid: {epochs: [3, 1], dropout: [0.5, 0.1]}}\n  a: {}\n"
    found = resolved(text)
    assert [experiment.name for experiment in found] == ["b", "a"]
    axes = [tuple(cell.axes.values()) for cell in found[0].cells]
    assert axes == [(batch, epochs, dropout) for batch in "42" for epochs in "31" for dropout in ("0.5", "0.1")]
    assert list(found[0].cells[0].axes) == ["batch_size", "epochs", "dropout"]


def test_axes_are_labelled_with_what_the_suite_wrote():
    text = "experiments: {a: {grid: {model: [fnn, {name: fnn, width: 8}], augmentation: [[], [flip]], dropout: [0.10]}}}"
    assert [tuple(cell.axes.values()) for cell in resolved(text)[0].cells][1:3] == [("fnn", "flip", "0.1"), ("fnn(width=8)", "none", "0.1")]


def test_in_a_grid_parts_come_before_what_amends_them():
    text = "experiments: {a: {grid: {model.width: [2, 3], model: [{name: fnn, depth: 1}, {name: fnn, depth: 2}]}}}"
    assert [(cell["model.width"], cell["model.depth"]) for cell in flat(text)] == [(2, 1), (2, 2), (3, 1), (3, 2)]


def test_all_keys_of_an_exclusion_must_match():
    grid = "grid: {batch_size: [1, 2], dropout: [0.1, 0.2]}"
    excluded = flat(f"experiments: {{a: {{{grid}, exclude: [{{batch_size: 1, dropout: 0.1}}, {{dropout: 0.2, batch_size: 2}}]}}}}")
    assert [(cell["batch_size"], cell["dropout"]) for cell in excluded] == [(1, 0.2), (2, 0.1)]
    assert len(flat(f"experiments: {{a: {{{grid}, exclude: [{{batch_size: 1}}]}}}}")) == 2


def test_exclusions_of_a_profile_are_added():
    grid = "grid: {batch_size: [1, 2, 3]}, exclude: [{batch_size: 1}]"
    assert [cell["batch_size"] for cell in flat(f"experiments: {{a: {{{grid}, profiles: {{quick: {{exclude: [{{batch_size: 2}}]}}}}}}}}")] == [3]


def test_what_is_excluded_may_not_fit_together():
    text = "experiments: {a: {grid: {dataset.train: [64, 128], batch_size: [16, 100]}, exclude: [{dataset.train: 64, batch_size: 100}]}}"
    assert len(flat(text)) == 3


def test_set_applies_to_every_cell_and_makes_a_variant():
    text = "experiments: {a: {grid: {batch_size: [1, 2]}}, b: {}}"
    assert [cell["dropout"] for cell in flat(text, sets=["dropout=0.5"])] == [0.5, 0.5, 0.5]
    assert Overrides.parse(["b=0.10", "a = [1, x]", "c="]).variant == "a=1+x b=0.1 c=none"
    assert Overrides.parse([]).variant == ""


def test_a_case_that_is_overridden_is_labelled_with_its_new_value():
    found = resolved("experiments: {a: {cases: [{model.width: 2, dropout: 0.1}, {model.width: 3, dropout: 0.2}]}}", sets=["dropout=0.5"])[0]
    assert [(dict(cell.axes), cell.cell.dropout.rate) for cell in found.cells] == [
        ({"model.width": "2", "dropout": "0.5"}, 0.5),
        ({"model.width": "3", "dropout": "0.5"}, 0.5),
    ]


def test_a_swept_axis_is_set_by_a_list():
    text = "experiments: {a: {grid: {batch_size: [1, 2]}}, b: {dropout: 0.1}}"
    with pytest.raises(SuiteError, match="sweeps 'batch_size'"):
        flat(text, sets=["batch_size=4"])
    assert [cell["batch_size"] for cell in flat(text, sets=["grid.batch_size=[4, 8, 16]"])] == [4, 8, 16, 32]
    assert [cell["batch_size"] for cell in flat(text, sets=["batch_size=4"], experiments=["b"])] == [4]


@pytest.mark.parametrize(("sets", "axis"), [("optimizer=adam", "optimizer.lr: [0.1, 0.2]"), ("epochs=3", "steps: [1, 2]"), ("steps=3", "epochs: [1, 2]")])
def test_what_is_varied_cannot_be_set_away(sets, axis):
    for block in (f"grid: {{{axis}}}", f"cases: [{{{axis.replace('[', '').replace(']', '').split(',')[0]}}}]"):
        with pytest.raises(SuiteError, match="would take away"):
            flat(f"experiments: {{a: {{{block}}}}}", sets=[sets])


@pytest.mark.parametrize(
    "block",
    [
        "grid: {dropout: [0.1, 0.10]}",
        "grid: {dropout: [0, 0.0]}",
        "grid: {model: [fnn, {name: fnn, width: 1000}]}",
        "cases: [{dropout: 0.1}, {dropout: 0.2}], grid: {dropout: [0.3]}",
    ],
)
def test_one_configuration_is_one_cell(block):
    with pytest.raises(SuiteError, match="one and the same configuration"):
        flat(f"experiments: {{a: {{{block}}}}}")


def test_seeds_and_measures_are_overridden_block_by_block():
    text = "experiments: {a: {seeds: 3, measures: [accuracy, loss]}, b: {profiles: {quick: {seeds: [4, 2]}}}, c: {}}"
    found = resolved(text)
    assert [experiment.seeds for experiment in found] == [(0, 1, 2), (4, 2), (0,)]
    assert [[spec.name for spec in experiment.measures] for experiment in found] == [["accuracy", "loss"], ["loss"], ["loss"]]
    found = resolved(text, sets=["seeds=[7]", "measures=[accuracy]"])
    assert {experiment.seeds for experiment in found} == {(7,)}
    assert {spec.name for experiment in found for spec in experiment.measures} == {"accuracy"}


IN_CASES = """\
experiments:
  a:
    measures: [loss]
    cases:
      - {model.width: 2}
      - {model.width: 3, measures: [{name: steps_to_loss, threshold: 0.5}, accuracy]}
    profiles: {quick: {measures: [generalization_gap]}}
"""


def test_a_case_may_have_measures_of_its_own():
    def taken(**options):
        (experiment,) = resolved(IN_CASES, **options)
        return [spec.name for spec in experiment.measures], [[spec.name for spec in found.measures] for found in experiment.cells]

    own = ["steps_to_loss", "accuracy"]
    assert taken() == (["generalization_gap", *own], [["generalization_gap"], own])
    assert taken(profile="paper") == (["loss", *own], [["loss"], own])
    assert taken(only="model.width=3") == (own, [own])
    assert taken(sets=["measures=[accuracy]"]) == (["accuracy"], [["accuracy"]] * 2)
    assert [found.cell.cell_id for found in resolved(IN_CASES)[0].cells] == [
        found.cell.cell_id for found in resolved(IN_CASES.replace(", measures: [{name: steps_to_loss, threshold: 0.5}, accuracy]", ""))[0].cells
    ]


@pytest.mark.parametrize(
    ("measures", "problem"),
    [
        ("[los]", r"cases\[1\]\.measures\[0\].*no measure 'los'"),
        ("[fit]", r"dataset.*measure 'fit' is not for classification"),
        ("loss", r"cases\[1\]\.measures.*list"),
    ],
)
def test_what_is_wrong_with_the_measures_of_a_case(measures, problem):
    text = IN_CASES.replace("[{name: steps_to_loss, threshold: 0.5}, accuracy]", measures)
    with pytest.raises(SuiteError, match=problem):
        resolved(text)


@pytest.mark.parametrize("seeds", ["0", "-1", "10001", "true", "1.5", "[]", "[-1]", "[true]", "[1, 1]", "[9223372036854775808]", "x", "~"])
def test_seeds_that_are_none(seeds):
    for options in ({"sets": [f"seeds={seeds}"]}, {}):
        text = "experiments: {a: {}}" if options else f"experiments: {{a: {{seeds: {seeds}}}}}"
        if options or seeds != "~":
            with pytest.raises(SuiteError, match="seed"):
                resolved(text, **options)


def test_only_selects_cells_by_settings_and_by_labels():
    text = "experiments: {a: {grid: {optimizer: [{name: sgd, lr: 0.1}, {name: adam, lr: 0.2}], dropout: [0.1, 0.2]}}, b: {}}"
    assert [cell["dropout"] for cell in flat(text, only="optimizer=sgd,dropout>0.15")] == [0.2]
    assert [cell["dropout"] for cell in flat(text, only="optimizer=adam(lr=0.2)")] == [0.1, 0.2]
    assert len(flat(text, only="model.width=4")) == 5
    assert len(flat(text, only="seed<0")) == 5  # seeds are left to the plan
    assert flat(text, only="optimizer=rprop") == []


BIG = "experiments: {a: {dataset.train: 1280, grid: {batch_size: [128, 1280]}}}"


def test_only_drops_cells_before_what_does_not_fit_is_looked_for():
    assert [cell["batch_size"] for cell in flat(BIG, sets=["dataset.train=256"], only="batch_size<=128")] == [128]
    with pytest.raises(SuiteError, match="a batch of 1280 is larger than the training set of 256"):
        flat(BIG, sets=["dataset.train=256"])
    with pytest.raises(SuiteError, match="a batch of 1280 is larger"):
        flat(BIG, sets=["dataset.train=256"], only="batch_size>128")


def test_experiments_that_are_not_selected_are_checked_without_overrides():
    text = "experiments: {a: {}, b: {batch_size: 512}, c: {optimizer.lr: -1}}"
    with pytest.raises(SuiteError) as caught:
        flat(text, sets=["dataset.train=256"], experiments=["a"])
    assert [problem.place.key for problem in caught.value.problems] == ["experiments.c.optimizer.lr"]
    assert len(flat(text.replace("-1", "1"), sets=["dataset.train=256"], experiments=["a"])) == 1


def test_selected_experiments_come_in_the_order_of_the_file():
    text = "experiments: {a: {}, b: {}, c: {}}"
    assert [experiment.name for experiment in resolved(text, experiments=["c", "a"])] == ["a", "c"]
    with pytest.raises(UsageError, match="has no experiment 'd'"):
        resolved(text, experiments=["d"])


def test_conditions_name_settings_that_exist():
    with pytest.raises(UsageError, match=r"no cell has 'model\.widht'\. Did you mean 'model\.width'"):
        flat("experiments: {a: {}}", only="model.widht=4")


@pytest.mark.fault("F46")
@pytest.mark.parametrize("profile", PROFILES)
def test_a_grid_is_counted_before_it_is_expanded(profile):
    axes = ", ".join(f"{key}: [{', '.join(map(str, range(1, 101)))}]" for key in ("batch_size", "epochs", "model.width", "model.depth", "optimizer.lr"))
    start = time.perf_counter()
    with pytest.raises(SuiteError, match=f"the grid has {3 * 100**5:,} cells; at most 100,000"):
        resolved(f"experiments: {{a: {{cases: [{{dropout: 0}}, {{dropout: 0.1}}, {{dropout: 0.2}}], grid: {{{axes}}}}}}}", profile=profile)
    assert time.perf_counter() - start < 5


@pytest.mark.fault("F46")
def test_the_limit_of_cells_can_be_raised():
    text = "experiments: {a: {grid: {dropout: [0.1, 0.2, 0.3]}}}"
    assert len(flat(text, max_cells=3)) == 3
    with pytest.raises(SuiteError, match="3 cells; at most 2"):
        flat(text, max_cells=2)


def test_a_problem_of_many_cells_is_told_once():
    with pytest.raises(SuiteError) as caught:
        flat("experiments: {a: {optimizer.lr: -1, grid: {dropout: [0.1, 0.2], epochs: [1, 2]}}, b: {measures: [x]}}")
    assert len(caught.value.problems) == 2


def test_problems_come_in_the_order_of_the_file():
    with pytest.raises(SuiteError) as caught:
        flat("experiments:\n  a:\n    optimizer.lr: -1\n    epochs: -1\n  b:\n    measures: [x]\n    zzz: 1\n")
    assert [problem.place.line for problem in caught.value.problems] == [6, 7, 9, 10]


def test_what_is_wrong_says_which_layer_said_it():
    text = "experiments:\n  a:\n    cases:\n      - {model.width: 1}\n      - {model.width: 0}\n    profiles:\n      quick: {optimizer.lr: -1}\n"
    with pytest.raises(SuiteError) as caught:
        flat(f"profiles:\n  quick: {{batch_size: -1}}\n{text}", head=HEAD)
    assert [str(problem.place) for problem in caught.value.problems] == [
        "demo.yaml:5: profiles.quick.batch_size",
        "demo.yaml:10: experiments.a.cases[1].model.width",
        "demo.yaml:12: experiments.a.profiles.quick.optimizer.lr",
    ]


ON_SINE = """\
title: Demo
version: 1
defaults: {dataset: {name: functions, target: sin}, model: fnn, objective: squared, optimizer: {name: sgd, lr: 0.1}, batch_size: full, steps: 9}
"""


def looked_at(text: str, **options: Any) -> Any:
    """The snapshots of the measure `fit`, and the ids of the cells."""
    (experiment,) = resolved(text, head=options.pop("head", ON_SINE), **options)
    (wanted,) = [spec.parameters["snapshots"] for spec in experiment.measures if spec.name == "fit"]
    return wanted, [found.cell.cell_id for found in experiment.cells]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("experiments: {a: {measures: [fit]}}", None),
        ("experiments: {a: {measures: [loss, fit], snapshots: [0, 5]}}", [0, 5]),
        ("experiments: {a: {measures: [fit], snapshots: {log: 4}}}", {"log": 4}),
        ("experiments: {a: {measures: [{name: fit, snapshots: [7]}], snapshots: [0, 5]}}", [7]),
        ("profiles: {quick: {snapshots: [1]}, paper: {snapshots: [2]}}\nexperiments: {a: {measures: [fit]}}", [1]),
        ("profiles: {quick: {snapshots: [1]}}\nexperiments: {a: {measures: [fit], snapshots: [3]}}", [3]),
        ("experiments: {a: {measures: [fit], snapshots: [3], profiles: {quick: {snapshots: {log: 2}}, paper: {snapshots: [4]}}}}", {"log": 2}),
    ],
)
def test_snapshots_reach_the_measures_that_look_at_training(text, wanted):
    snapshots, cells = looked_at(text)
    assert snapshots == wanted
    assert cells == looked_at("experiments: {a: {measures: [fit]}}")[1]


def test_snapshots_of_the_defaults():
    assert looked_at("experiments: {a: {measures: [fit]}}", head=ON_SINE.replace("steps: 9}", "steps: 9, snapshots: [6]}"))[0] == [6]


def test_measures_that_do_not_look_at_training_are_left_as_they_are():
    (experiment,) = resolved("experiments: {a: {measures: [loss], snapshots: [0, 5]}}", head=ON_SINE)
    assert [spec.parameters for spec in experiment.measures] == [{}]


def test_a_stop_rule_is_a_setting_of_a_cell():
    text = "experiments: {a: {stop: {below: 0.5}}, b: {}, c: {grid: {stop: [{below: 0.1}, {metric: test_loss, below: 0.1}]}}}"
    rules = [("train_loss", 0.5), (None, None), ("train_loss", 0.1), ("test_loss", 0.1)]
    assert [(cell["stop.metric"], cell["stop.below"]) for cell in flat(text)] == rules
    assert flat("experiments: {a: {stop: {below: 0.5}}}", sets=["stop.below=0.25"])[0]["stop.below"] == 0.25
