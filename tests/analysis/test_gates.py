from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis.compare import compare
from bench.analysis.gates import Gate
from bench.analysis.power import seeds_needed
from bench.errors import UsageError
from tests.analysis.demo_rows import METRICS, cell, frame, seeds

BASE = [0.90, 0.91, 0.92, 0.905, 0.915]
WORSE = [0.889, 0.901, 0.909, 0.895, 0.906]
NOISY = [0.80, 0.99, 0.88, 0.97, 0.92]


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("test_accuracy:0.5pp", Gate("test_accuracy", 0.5, "pp")),
        (" test_loss : 5 % ", Gate("test_loss", 5, "%")),
        ("sharpness:.1sd", Gate("sharpness", 0.1, "sd")),
        ("test_loss:1e-3", Gate("test_loss", 0.001, "")),
        ("test_loss:1%:dropout>0,experiment=a", Gate("test_loss", 1, "%", "dropout>0,experiment=a")),
        ("test_loss:1: model=fnn ", Gate("test_loss", 1, "", "model=fnn")),
    ],
)
def test_parse(text, gate):
    assert Gate.parse(text) == gate
    assert Gate.parse(str(gate)) == gate


@pytest.mark.parametrize("text", ["", "test_accuracy", "test_accuracy:", "test_accuracy:-1pp", "test_accuracy:1kg", "a:1pp,b:2pp", "a:nan", "a:1pp:"])
def test_what_is_no_gate_is_refused(text):
    with pytest.raises(UsageError, match="is no gate"):
        Gate.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("test_accuracy:0.5", "of which 0.5 are 50 percentage points"),
        ("test_acuracy:1pp", "Did you mean 'test_accuracy'"),
        ("clusters:1", "neither direction"),
        ("test_loss:1pp", "no percentage points"),
    ],
)
def test_gates_that_are_not_possible_are_refused(text, message):
    with pytest.raises(UsageError, match=message):
        compare(frame(seeds(BASE)), frame(seeds(BASE)), METRICS, [Gate.parse(text)])


@pytest.mark.parametrize(
    ("text", "scale", "better", "threshold"),
    [
        ("m:0.5pp", "points", "higher", 0.5),
        ("m:10%", "points", "higher", 8.0),
        ("m:2sd", "points", "higher", 4.0),
        ("m:10%", "raw", "lower", 0.08),
        ("m:10%", "log", "lower", math.log(1.1)),
        ("m:10%", "log", "higher", -math.log(0.9)),
        ("m:0.08", "log", "lower", math.log(1.1)),
        ("m:100%", "log", "higher", math.inf),
    ],
)
def test_amounts_on_the_scale_of_the_difference(text, scale, better, threshold):
    assert Gate.parse(text).threshold(0.8, 0.02, scale, better) == pytest.approx(threshold)


def test_cells_are_named_by_conditions():
    with pytest.raises(UsageError, match="'width' is no condition"):
        Gate.parse("test_accuracy:1pp:width")


def outcomes(base, head, *gates, metric="test_accuracy"):
    found = compare(frame(seeds(base, metric=metric)), frame(seeds(head, metric=metric)), METRICS, [Gate.parse(gate) for gate in gates])
    return found, [result.outcome for result in found.gates]


def test_crossed_when_shown_to_be_worse_and_by_the_amount():
    found, each = outcomes(BASE, WORSE, "test_accuracy:0.5pp", "test_accuracy:0.99pp", "test_accuracy:1.01pp", "test_accuracy:0.5sd", "test_accuracy:3sd")
    assert each == ["crossed", "crossed", "held", "crossed", "held"]
    assert found.crossed
    assert found.gates[0].finding == "-1 pp; 0.5pp worse is allowed"


def test_an_improvement_and_identical_numbers_hold():
    assert outcomes(WORSE, BASE, "test_accuracy:0.5pp")[1] == ["held"]
    found, each = outcomes(BASE, BASE, "test_accuracy:0.5pp")
    assert (each, found.crossed) == (["held"], False)


def test_what_rounding_leaves_of_differences_that_cancel_is_nothing():
    """-1.2, 1 and 0.2 points add up, but for the last bits, to nothing."""
    base, head = [0.04, 0.074, 0.016], [0.028, 0.084, 0.018]
    found, _ = outcomes(base, head, "test_accuracy:0.5pp")
    assert 0 < abs(found.changes[0].difference.mean) < 1e-12
    assert found.gates[0].finding.startswith("+0 pp; ")


def test_a_loss_crosses_in_percent():
    base, head = [1.0, 2.0, 3.0, 4.0], [1.1, 2.25, 3.3, 4.4]
    assert outcomes(base, head, "test_loss:10%", "test_loss:15%", metric="test_loss")[1] == ["crossed", "held"]
    assert outcomes(head, base, "test_loss:1%", metric="test_loss")[1] == ["held"]


def test_a_large_estimate_that_is_not_shown_does_not_cross_and_says_so():
    found, each = outcomes(BASE, NOISY, "test_accuracy:0.1pp")
    assert each == ["undetectable"]
    assert "n = 5 finds no less than +" in found.gates[0].finding
    needed = seeds_needed(0.1, found.changes[0].difference.sd)
    assert found.gates[0].finding.endswith("0.1pp takes more than 10000 seeds")
    assert needed is None
    near = seeds_needed(5, found.changes[0].difference.sd)
    assert outcomes(BASE, NOISY, "test_accuracy:5pp")[0].gates[0].finding.endswith(f"5pp takes {near} seeds")
    assert outcomes(BASE, NOISY, "test_accuracy:90pp")[1] == ["held"]


def test_few_seeds_detect_nothing():
    found, each = outcomes(BASE[:2], WORSE[:2], "test_accuracy:0.5pp")
    assert each == ["undetectable"]
    assert "n = 2" in found.gates[0].finding
    assert outcomes(BASE[:1], WORSE[:1], "test_accuracy:1sd")[1] == ["not judged"]


def test_what_is_not_measured_is_not_judged():
    found, each = outcomes(BASE, BASE, "test_loss:1%")
    assert each == ["not judged"]
    assert found.gates[0].finding == "no common cell has test_loss"
    assert outcomes(BASE, [None] * 5, "test_accuracy:1pp")[1] == ["not judged"]


def test_same_is_within_the_amount_of_the_gate():
    near = [value + step for value, step in zip(BASE, (0.001, -0.001, 0.0005, -0.0005, 0.0), strict=True)]
    found, each = outcomes(BASE, near, "test_accuracy:0.5pp")
    assert (found.changes[0].kind, each) == ("same", ["held"])
    assert outcomes(BASE, near)[0].changes[0].kind == "inconclusive"
    assert outcomes(BASE, near, "test_accuracy:0.01pp")[0].changes[0].kind == "inconclusive"
    assert found.gates[0].row()["cell"] == "demo / paper / main"


def test_same_rests_on_the_interval_of_ninety_percent():
    steps = np.array([0.02, -0.03, 0.01, -0.01, 0.01])
    half = stats.t.interval(0.90, 4, 0, stats.sem(100 * steps))[1]
    amounts = [f"test_accuracy:{0.99 * half}pp", f"test_accuracy:{1.01 * half}pp"]
    kinds = [outcomes(BASE, list(np.array(BASE) + steps), amount)[0].changes[0].kind for amount in amounts]
    assert kinds == ["inconclusive", "same"]


def grid(values):
    """A cell per width, and in another experiment one without dropout."""
    cells = [seeds(each, cell(width=width), {"model.width": str(width)}) for width, each in values.items()]
    return frame(*cells, seeds(BASE, cell(dropout=0.0), experiment="plain"))


def gated(base, head, *gates, strict=False):
    found = compare(base, head, METRICS, [Gate.parse(gate, strict) for gate in gates])
    return found, [(result.where, result.outcome) for result in found.gates]


def test_a_gate_can_name_its_cells_and_is_corrected_over_these_alone():
    noisy = [value + step for value, step in zip(BASE, (-0.012, -0.002, -0.014, -0.003, -0.013), strict=True)]
    base, head = grid(dict.fromkeys((8, 16, 32), BASE)), grid({8: noisy, 16: BASE[::-1], 32: BASE[::-1]})
    assert ("demo / paper / main / model.width=8", "crossed") not in gated(base, head, "test_accuracy:0.5pp")[1]
    found, each = gated(base, head, "test_accuracy:0.5pp:model.width=8")
    assert (each, found.crossed) == ([("demo / paper / main / model.width=8", "crossed")], True)
    for cells in ("model.width>8", "experiment=plain", "suite=demo,model.width=16"):
        found, each = gated(base, head, f"test_accuracy:0.5pp:{cells}")
        assert (found.crossed, bool(each)) == (False, True)
    assert [where for where, _ in gated(base, head, "test_accuracy:0.5pp:model.width>8")[1]][-1] == "demo / paper / all 2 cells"


def test_a_gate_that_selects_no_cell_is_refused():
    with pytest.raises(UsageError, match=r"gate test_accuracy:1pp:model.width=99: no common cell is model.width=99"):
        gated(grid({8: BASE}), grid({8: BASE}), "test_accuracy:1pp:model.width=99")


def test_a_strict_gate_takes_to_be_shown_that_nothing_is_worse_by_the_amount():
    assert [outcome for _, outcome in gated(frame(seeds(BASE)), frame(seeds(NOISY)), "test_accuracy:5pp", strict=True)[1]] == ["not shown"]
    assert gated(frame(seeds(BASE)), frame(seeds(NOISY)), "test_accuracy:5pp", strict=True)[0].crossed
    assert [outcome for _, outcome in gated(frame(seeds(BASE)), frame(seeds(WORSE)), "test_accuracy:2pp", "test_accuracy:0.5pp", strict=True)[1]] == [
        "held",
        "crossed",
    ]
    assert [outcome for _, outcome in gated(frame(seeds(BASE)), frame(seeds(BASE)), "test_accuracy:0.1pp", strict=True)[1]] == ["held"]
    assert [outcome for _, outcome in gated(frame(seeds(BASE[:2])), frame(seeds(WORSE[:2])), "test_accuracy:50pp", strict=True)[1]] == ["not shown"]


@pytest.mark.parametrize(("metric", "sign"), [("test_accuracy", -1), ("test_loss", 1)])
def test_a_strict_gate_holds_where_the_one_sided_interval_ends_before_the_amount(metric, sign):
    steps = sign * np.array([0.02, -0.03, 0.01, -0.01, 0.04])
    head = list(np.array(BASE) * np.exp(steps)) if metric == "test_loss" else list(np.array(BASE) + steps)
    scale = 1.0 if metric == "test_loss" else 100.0
    worst = scale * stats.t.interval(0.90, 4, np.mean(sign * steps), stats.sem(steps))[1]
    amounts = [f"{metric}:{100 * math.expm1(factor * worst)}%" if metric == "test_loss" else f"{metric}:{factor * worst}pp" for factor in (0.99, 1.01)]
    base, head = (frame(seeds(values, metric=metric)) for values in (BASE, head))
    assert [outcome for _, outcome in gated(base, head, *amounts, strict=True)[1]] == ["not shown", "held"]


def test_a_strict_gate_fails_where_a_cell_is_gone_or_cannot_be_compared():
    both, one = grid({8: BASE, 16: BASE}), grid({8: BASE})
    assert gated(both, one, "test_accuracy:1pp")[0].crossed is False
    found, each = gated(both, one, "test_accuracy:1pp", strict=True)
    assert ("demo / paper / main / model.width=16", "not shown") in each
    assert found.crossed
    assert gated(one, both, "test_accuracy:1pp", strict=True)[0].crossed is False
    other = frame(seeds(BASE, suite_version=2))
    assert gated(frame(seeds(BASE)), other, "test_accuracy:1pp", strict=True)[1] == [("demo / paper / main", "not shown")]
