from __future__ import annotations

import pytest

from bench.errors import SuiteError
from bench.references import check, dangling
from tests.planning import HEAD, make_suite, resolved

SUITE = """
experiments:
  a:
    grid: {dropout: [0, 0.2, 0.5], batch_size: [16, 32], model.width: [4, 8, 16]}
    measures: [accuracy]
    claims:
      c: {text: x, profiles: [quick], CLAIM}
"""
EACH = "{metric: test_accuracy, value: {dropout: 0}, says: {value: '> 0'}}"
WHERE = "experiments.a.claims.c"


def problems(claim, suite=SUITE, profile="quick"):
    text = suite.replace("CLAIM", claim)
    return [str(problem).removeprefix("demo.yaml:10: ") for problem in dangling(make_suite(text, HEAD), profile, resolved(text, profile=profile, head=HEAD))]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (
            "metric: test_acuracy, value: {}, says: {value: '> 0'}",
            f"{WHERE}.metric: no measure of the experiment gives 'test_acuracy'. Did you mean 'test_accuracy'?",
        ),
        ("metric: test_accuracy, value: {dropout: 0.3}, says: {value: '> 0'}", f"{WHERE}.value: no cell at profile quick has dropout=0.3"),
        (
            "metric: test_accuracy, contrast: {dropout: 0.2}, against: {batch_size: 64}, says: {difference: '> 0'}",
            f"{WHERE}.against: no cell at profile quick has batch_size=64",
        ),
        (
            "metric: test_accuracy, value: {dropout: 0}, pool: [model.width, batch_sise], says: {value: '> 0'}",
            f"{WHERE}.pool[1]: 'batch_sise' is no axis at profile quick. Did you mean 'batch_size'?",
        ),
        (
            "metric: test_accuracy, trend: dropuot, says: {slope: '> 0'}",
            f"{WHERE}.trend: at profile quick no cell has the setting 'dropuot'. Did you mean 'dropout'?",
        ),
        (
            "metric: test_accuracy, trend: batch_size, says: {slope: '> 0'}",
            f"{WHERE}.trend: at profile quick it takes 3 values of batch_size, and there are 16, 32; two are a contrast",
        ),
        (
            "metric: test_accuracy, trend: {axis: dropout, per: doubling}, says: {slope: '> 0'}",
            f"{WHERE}.trend: at profile quick from 0 nothing doubles; write per: unit",
        ),
        (
            "metric: test_accuracy, trend: {axis: dropout, where: {batch_size: 64}}, says: {kendall: '> 0'}",
            f"{WHERE}.trend: no cell at profile quick has batch_size=64",
        ),
        (
            f"all: [{EACH}, {{metric: test_accuracy, value: {{dropout: 0.3}}, says: {{value: '> 0'}}}}]",
            f"{WHERE}.all[1].value: no cell at profile quick has dropout=0.3",
        ),
        (
            f"any: [{EACH.replace('test_accuracy', 'acc')}, {EACH}]",
            f"{WHERE}.any[0].metric: no measure of the experiment gives 'acc'. Known: test_accuracy, train_accuracy.",
        ),
    ],
)
def test_references_that_lead_nowhere(claim, expected):
    assert problems(claim) == [expected]
    assert problems(claim, profile="paper") == []


@pytest.mark.parametrize(
    ("side", "guess"),
    [("{dropot: 0}", ". Did you mean 'dropout'?"), ("{dropout: 0.3, model.widht: 4}", ". Did you mean 'model.width'?"), ("{dropout: 0.3}", "")],
)
def test_a_key_that_no_cell_has_is_guessed(side, guess):
    [problem] = problems(f"metric: test_accuracy, value: {side}, says: {{value: '> 0'}}")
    assert problem == f"{WHERE}.value: no cell at profile quick has {side[1:-1].replace(': ', '=')}{guess}"


DRAWN = """
experiments:
  a:
    grid: {dropout: [0, 0.2], model.width: [4, 8]}
    measures: [accuracy, effective_course]
tables:
  t: {experiment: a, TABLE}
figures:
  f: {experiment: a, FIGURE}
"""
TABLE, FIGURE = "rows: [dropout], values: [test_accuracy]", "kind: fits"


def of_drawn(table=TABLE, figure=FIGURE):
    text = DRAWN.replace("TABLE", table).replace("FIGURE", figure)
    return [str(problem).partition(": ")[2] for problem in dangling(make_suite(text, HEAD), "quick", resolved(text, head=HEAD))]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("rows: [droput], values: [test_accuracy]", "tables.t.rows[0]: no cell has 'droput'. Did you mean 'dropout'?"),
        ("rows: [dropout, model.widht], values: [test_accuracy]", "tables.t.rows[1]: no cell has 'model.widht'. Did you mean 'model.width'?"),
        ("rows: [dropout], columns: {x: 'modell=fnn'}, values: [test_accuracy]", "tables.t.columns.x: no cell has 'modell'. Did you mean 'model'?"),
        (
            "rows: [dropout], values: [test_acuracy]",
            "tables.t.values[0]: no measure of experiment 'a' gives 'test_acuracy'. Did you mean 'test_accuracy'?",
        ),
        (
            "rows: [dropout], values: [test_accuracy], reference: [{dropot: 0, test_accuracy: 0.9}]",
            "tables.t.reference[0].dropot: the table has no 'dropot'. Did you mean 'dropout'?",
        ),
    ],
)
def test_tables_of_what_is_not_there(table, expected):
    assert of_drawn(table=table) == [expected]


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("kind: curves, y: [test_acc]", "figures.f.y[0]: 'test_acc' is no metric over training. Did you mean 'test_accuracy'?"),
        ("kind: heatmap, y: [test_acc]", "figures.f.y[0]: 'test_acc' is given by no measure of experiment 'a'. Did you mean 'test_accuracy'?"),
        ("kind: curves, by: [dropuot]", "figures.f.by[0]: no cell has 'dropuot'. Did you mean 'dropout'?"),
    ],
)
def test_figures_of_what_is_not_there(figure, expected):
    assert of_drawn(figure=figure) == [expected]


@pytest.mark.parametrize(
    ("table", "figure"),
    [
        (
            "rows: [dropout, seed], columns: {x: 'model.width<8,dataset=digits'}, values: [train_accuracy]",
            "kind: curves, y: [test_loss, effective_ratio_early]",
        ),
        ("rows: [dropout.mask], values: [test_accuracy]", "kind: curves, by: [dropout.mask]"),
        ("rows: [optimizer.momentum], values: [test_accuracy], reference: [{optimizer.momentum: 0, test_accuracy: 0.9}]", "kind: heatmap, y: [test_accuracy]"),
        (
            "rows: [batch_size], columns: {x: 'dropout>0'}, values: [test_accuracy], reference: [{batch_size: 8, dropout: 0.5}]",
            "kind: curves, by: [batch_size]",
        ),
    ],
)
def test_tables_and_figures_of_what_is_there(table, figure):
    """What cells of other parts have may be a key too: another profile may have such cells."""
    assert of_drawn(table, figure) == []


def refused(text, head=HEAD):
    with pytest.raises(SuiteError) as refusal:
        check(make_suite(text, head), 100)
    return str(refusal.value).splitlines()


def test_a_suite_is_checked_at_every_profile_at_once():
    """One problem everywhere is told once; one at a profile says at which; metrics are looked for in what is not sound."""
    text = """
profiles: {quick: {model: {name: fnn, width: 4}}}
experiments:
  a: {optimizer: {name: sgd, lr: fast}, claims: {c: {text: x, profiles: [quick], metric: test_acc, value: {dropout: 7}, says: {value: '> 0'}}}}
  b: {}
"""
    head = HEAD.replace("model: {name: fnn, width: 4}, ", "")
    assert head != HEAD
    assert refused(text, head) == [
        "demo.yaml:7: experiments.a.optimizer.lr: input should be a valid number, got 'fast'",
        "demo.yaml:7: experiments.a: at profile paper: no model is set",
        "  Set model in the experiment or in defaults.",
        "demo.yaml:7: experiments.a.claims.c.metric: no measure of the experiment gives 'test_acc'. Known: test_loss, train_loss.",
        "demo.yaml:8: experiments.b: at profile paper: no model is set",
        "  Set model in the experiment or in defaults.",
    ]


def test_a_sound_suite_is_resolved_at_every_profile():
    resolved = check(make_suite(SUITE.replace("CLAIM", "metric: test_accuracy, value: {dropout: 0}, says: {value: '> 0'}"), HEAD), 100)
    assert {profile: [len(experiment.cells) for experiment in found] for profile, found in resolved.items()} == {"quick": [18], "paper": [18]}


@pytest.mark.parametrize(
    "claim",
    [
        "metric: test_accuracy, trend: dropout, pool: [batch_size], says: {kendall: '> 0'}",
        "metric: test_accuracy, trend: {axis: model.width, per: doubling, where: {dropout: 0}}, says: {slope: '> 0'}",
        f"all: [{EACH}, {EACH}]",
    ],
)
def test_sound_references(claim):
    assert problems(claim) == []


def test_the_size_of_a_full_batch_is_not_known_beforehand():
    suite = SUITE.replace("[16, 32]", "[16, 32, full]")
    assert problems("metric: test_accuracy, trend: batch_size, says: {kendall: '> 0'}", suite) == []
