from __future__ import annotations

import pytest

from bench.references import dangling
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
