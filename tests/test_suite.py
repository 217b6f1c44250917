from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import suite as suites
from bench import yaml
from bench.errors import BenchError, MissingError, SuiteError, UnknownNameError, UsageError
from bench.statement import Bound
from bench.suite_file import NAME, Experiment, Settings, SuiteFile, is_cell_key
from tests.planning import HEAD, dump, make_suite, refusal, resolved, write

FUZZ = settings(max_examples=120, deadline=None, database=None, derandomize=True)


def problems(text: str, head: str = HEAD) -> list[str]:
    try:
        return [str(problem) for problem in make_suite(text, head).problems]
    except SuiteError as error:
        return [str(problem) for problem in error.problems]


@pytest.mark.parametrize("path", sorted(Path("suites").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_suite_of_the_project_is_sound(path):
    assert suites.load(path).problems == ()


def test_a_suite_keeps_what_its_file_says():
    suite = make_suite("experiments:\n  a: {figure: '1.5', optimizer.lr: 0.5, grid: {dropout: [0, 0.5]}, seeds: [3, 5]}\n")
    experiment = suite.file.experiments["a"]
    assert experiment.figure == "1.5"
    assert experiment.settings() == {"optimizer.lr": 0.5}
    assert experiment.grid == {"dropout": [0, 0.5]}
    assert experiment.seeds == [3, 5]
    assert suite.file.defaults.settings()["batch_size"] == 32


def test_settings_that_are_not_given_are_not_set():
    assert Settings().settings() == {}
    assert Settings.model_validate({"dropout": 0}).settings() == {"dropout": 0.0}
    assert Settings.model_validate({"precision": None}).settings() == {"precision": None}


@pytest.mark.parametrize(
    ("key", "sets_a_cell"),
    [
        ("model", True),
        ("model.width", True),
        ("dropout.mask", True),
        ("epochs", True),
        ("epochs.x", False),
        ("model.", False),
        ("seeds", False),
        ("modle.width", False),
    ],
)
def test_keys_of_a_cell(key, sets_a_cell):
    assert is_cell_key(key) is sets_a_cell


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("> 0", (0, math.inf)),
        (">= 0.02", (0.02, math.inf)),
        ("<1", (-math.inf, 1)),
        (" <= -1e-3 ", (-math.inf, -0.001)),
        ("0.09 .. 0.11", (0.09, 0.11)),
        ("-1..+.5", (-1, 0.5)),
    ],
)
def test_bounds(text, bound):
    parsed = Bound.parse(text)
    assert (parsed.low, parsed.high, parsed.text) == (*bound, text)


@pytest.mark.parametrize("text", ["", "0", "= 0", "== 0", "> x", "> inf", "> nan", "1 .. 1", "2 .. 1", "1 ..", "> 1 > 2", "> 1e"])
def test_what_is_no_bound(text):
    with pytest.raises(ValueError, match="is no bound"):
        Bound.parse(text)


CLAIM = "experiments:\n  a:\n    claims:\n      c: {{text: x, metric: y, {}}}\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("contrast: {dropout: 1}, says: {difference: '> 0'}", "contrast and against go together"),
        ("says: {difference: '> 0'}", "either contrast and against, or value"),
        ("value: {}, contrast: {}, against: {}, says: {value: '> 0'}", "either contrast and against, or value"),
        ("value: {}, says: {difference: '> 0'}", "of a value with value"),
        ("contrast: {}, against: {}, says: {value: '> 0'}", "of a value with value"),
        ("value: {}, says: {}", "exactly one of difference, ratio, value"),
        ("value: {}, says: {value: '> 0', ratio: '> 1'}", "exactly one of difference, ratio, value"),
        ("value: {}, says: {value: '> 0'}, profiles: [fast]", "'quick' or 'paper'"),
        ("value: {}, says: {value: '> 0'}, budget: 3", "budget: input should be a mapping, got 3"),
        ("value: {}, says: {value: '> 0'}, budget: {}", "exactly one of epochs, steps"),
        ("value: {}, says: {value: '> 0'}, budget: {quick: 3}", "exactly one of epochs, steps"),
        ("value: {}, says: {value: '> 0'}, budget: {steps: 3, quick: 3}", "quick is a shorter length than 3 steps, got 3"),
        ("value: {}, says: {value: '> 0'}, budgt: {epochs: 3}", "Did you mean 'budget'?"),
        ("value: {}", "the key 'says' is missing"),
        ("value: {}, trend: dropout, says: {slope: '> 0'}", "either contrast and against, or value, or trend"),
        ("trend: dropout, says: {value: '> 0'}", "of a slope or kendall with trend"),
        ("trend: {axis: dropout, wher: {}}, says: {slope: '> 0'}", "unknown key 'wher'. Did you mean 'where'?"),
        ("trend: dropout, says: {kendall: '> 1.5'}", "lies between -1 and 1"),
        ("value: {}, says: {equivalent: {within: 0.1}}", "of a value with value"),
        ("contrast: {}, against: {}, says: {equivalent: {within: 0}}", "greater than 0"),
        ("contrast: {}, against: {}, says: {equivalent: {within: 0.05, effect: ratio}}", "a factor above 1"),
        ("contrast: {}, against: {}, says: {equivalent: {within: 0.05}, difference: '> 0'}", "exactly one of difference"),
        ("value: {}, over: share_of_seeds, says: {value: '> 0'}", "share in says and size goes together"),
        ("value: {}, says: {value: '> 0', share: '> 0.5'}", "share in says and size goes together"),
        ("value: {}, over: share_of_seeds, says: {value: '> 0', share: '>= 80'}", "a share lies between 0 and 1"),
        ("value: {}, over: median, says: {value: '> 0'}", "'mean' or 'share_of_seeds'"),
        ("all: [{metric: y, value: {}, says: {value: '> 0'}}, {metric: y, value: {}, says: {value: '> 0'}}]", "stands alone"),
    ],
)
def test_claims_that_say_nothing(body, message):
    found = problems(CLAIM.format(body))
    assert len(found) == 1
    assert message in found[0]


ONE = "{metric: y, value: {}, says: {value: '> 0'}}"


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        (f"all: [{ONE}]", "all", "there is one; at least 2 are needed"),
        ("any: []", "any", "it is empty"),
        (f"all: [{ONE}, {ONE}], any: [{ONE}, {ONE}]", "", "stands alone"),
        (f"all: [{ONE}, {ONE}], pool: [model]", "", "stands alone"),
        (f"all: [{ONE}, {{metric: y, value: {{}}, says: {{value: x}}}}]", "all[1].says", "is no bound"),
        (f"any: [{ONE}, {{metric: y, contrast: {{}}, says: {{value: '> 0'}}}}]", "any[1]", "go together"),
        (f"any: [{ONE}, {{metric: y, value: {{}}, says: {{value: '> 0'}}, all: [{ONE}, {ONE}]}}]", "any[1].all", "unknown key 'all'"),
    ],
)
def test_claims_of_several_statements(body, place, message):
    found = problems(f"experiments:\n  a:\n    claims:\n      c: {{text: x, {body}}}\n")
    assert len(found) == 1
    assert found[0].startswith(f"demo.yaml:7: experiments.a.claims.c{f'.{place}' if place else ''}: ")
    assert message in found[0]


def test_a_wrong_block_hides_no_other_and_makes_no_other():
    text = "experiments:\n  a: {modle: x, epochs: 1.5, grid: {dropout: []}, claims: {C: 3}}\n  B: {}\ntables: {t: {experiment: z}}\nversion_: 2\n"
    found = [line.split(": ")[1] for line in problems(text)]
    assert sorted(found) == ["experiments.B", "experiments.a.claims.C", "experiments.a.epochs", "experiments.a.grid.dropout", "experiments.a.modle",
                             "tables.t.rows", "tables.t.values", "version_"]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["experiments: {a b: {}}\n", "experiments: {a: 3}\n", "experiments: {a: {claims: 3}}\n", "experiments: {a: {grid: {dropout: []}}}\n"]
)
def test_one_fault_is_one_problem(text):
    assert len(problems(text)) == 1


def test_finding_suites_by_name_and_path(tmp_path, monkeypatch):
    first, second = tmp_path / "one", tmp_path / "two"
    for folder in (first, second):
        folder.mkdir()
        write(folder, "", "a.yaml")
    write(second, "", "b.yaml")
    folders = [first, second]
    assert suites.find("a", folders) == first / "a.yaml"
    assert suites.find("b", folders) == second / "b.yaml"
    assert suites.find(str(second / "a.yaml"), folders) == second / "a.yaml"
    assert suites.available(folders) == {"a": first / "a.yaml", "b": second / "b.yaml"}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    assert suites.folders()[0] == Path("suites")


@pytest.mark.fault("F45")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("c", UnknownNameError),
        ("c.yaml", MissingError),
        ("c.yml", MissingError),
        ("../a", UsageError),
        ("a\n", UsageError),
        ("A", UsageError),
        ("", UsageError),
        ("-a", UsageError),
        ("a" * 65, UsageError),
        ("a\0.yaml", MissingError),
        ("a" * 5000 + ".yaml", MissingError),
        (".yaml", MissingError),
    ],
)
def test_what_is_no_suite(tmp_path, name, kind):
    with pytest.raises(BenchError) as caught:
        suites.find(name, [tmp_path])
    assert type(caught.value) is kind


@pytest.mark.fault("F45")
@pytest.mark.parametrize("name", ["../../x", "a\n", "A", "a b", "a.b", "é", "", "x" * 65])
def test_a_suite_is_named_by_a_slug(name):
    with pytest.raises(UsageError, match="is no name for a suite"):
        suites.from_document(name, yaml.parse(HEAD))


def test_a_file_is_shown_from_where_one_stands(tmp_path, monkeypatch):
    path = write(tmp_path, "- x\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SuiteError, match=r"^demo.yaml: "):
        suites.load(path)
    monkeypatch.chdir("/")
    with pytest.raises(SuiteError, match=str(path).lstrip("/")):
        suites.load(path)


def test_the_schema_of_suites_can_be_published():
    schema = SuiteFile.model_json_schema()
    assert set(schema["properties"]) == set(SuiteFile.model_fields)
    assert set(schema["$defs"]["Experiment"]["properties"]) == set(Experiment.model_fields)


RATES = st.lists(st.floats(0, 0.99).map(lambda rate: round(rate, 3)), min_size=1, max_size=4, unique=True)
GRIDS = st.fixed_dictionaries(
    {},
    optional={
        "dropout": RATES,
        "batch_size": st.lists(st.integers(1, 1280), min_size=1, max_size=4, unique=True),
        "optimizer.lr": st.lists(st.sampled_from([1e-3, 0.01, 0.1, 1.0]), min_size=1, max_size=3, unique=True),
        "model.activation": st.lists(st.sampled_from(["relu", "tanh", "silu"]), min_size=1, max_size=3, unique=True),
        "augmentation": st.just([[], ["flip"]]),
    },
)
CASES = st.lists(st.integers(1, 9), max_size=3, unique=True).map(lambda widths: [{"model": {"name": "fnn", "width": width}} for width in widths])
EXPERIMENTS = st.dictionaries(st.from_regex(NAME, fullmatch=True).map(str.strip), st.tuples(GRIDS, CASES, st.integers(1, 9)), min_size=1, max_size=3)


@FUZZ
@given(EXPERIMENTS)
def test_a_grid_multiplies_out(experiments):
    blocks = {name: {"grid": grid, "seeds": seeds} | ({"cases": cases} if cases else {}) for name, (grid, cases, seeds) in experiments.items()}
    found = resolved(f"experiments: {dump(blocks)}")
    assert [experiment.name for experiment in found] == list(experiments)
    for experiment, (grid, cases, seeds) in zip(found, experiments.values(), strict=True):
        assert len(experiment.cells) == math.prod(map(len, grid.values())) * max(1, len(cases))
        assert experiment.seeds == tuple(range(seeds))
        assert len({cell.cell.cell_id for cell in experiment.cells}) == len(experiment.cells)


WORDS = st.sampled_from(
    [*SuiteFile.model_fields, *Experiment.model_fields, "a", "quick", "paper", "optimizer.lr", "name", "lr", "A b", "rate", "says", "value"]
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 10**20), st.floats(), st.sampled_from(["fnn", "digits", "sgd", "> 0", "", "full"]), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)


@pytest.mark.fault("F43")
@settings(FUZZ, max_examples=250)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(SuiteFile.model_fields, ANYTHING)))
def test_any_tree_is_a_suite_or_an_error_of_usage(tree):
    check_tree(tree)


@pytest.mark.fault("F43")
@settings(FUZZ, max_examples=250)
@given(st.dictionaries(st.sampled_from(list(Experiment.model_fields)), ANYTHING, max_size=4))
def test_any_experiment_is_sound_or_an_error_of_usage(experiment):
    check_tree({"title": "t", "version": 1, "defaults": {"dataset": "digits", "model": "fnn", "batch_size": 4, "epochs": 1}, "experiments": {"a": experiment}})


def check_tree(tree: Any) -> None:
    error = refusal(lambda: resolved(dump(tree), head="", max_cells=50))
    assert error is None or isinstance(error, UsageError)
