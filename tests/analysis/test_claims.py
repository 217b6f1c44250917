"""One synthetic registry per verdict."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.analysis.claims import judge
from bench.analysis.statistics import paired
from tests.analysis.demo_rows import METRICS, cell, frame, seeds, suite

SMALL, LARGE = 16, 256
LOW = [0.90, 0.91, 0.92, 0.905, 0.915]
STEPS = np.array([-1, 0, 1, 0.5, -0.5])


def claims(**said):
    """A suite with one claim per keyword: its lines below ``text`` and ``metric``."""
    lines = ["title: Demo", "version: 1", "experiments:", "  main:", "    figure: '1.5'", "    dataset: digits", "    claims:"]
    for name, body in said.items():
        lines += [f"      {name}:", "        text: as the source says", *(f"        {line.strip()}" for line in body.strip().splitlines())]
    return suite("\n".join(lines))


CONTRAST = f"""
metric: test_accuracy
contrast: {{batch_size: {SMALL}}}
against: {{batch_size: {LARGE}}}
"""


def arms(by, noise=0.001, base=LOW, **axes):
    """Rows of the small batch size, which is better by `by`, and of the large one."""
    better = list(np.array(base) + by + noise * STEPS[: len(base)])
    return arm(SMALL, better, **axes) + arm(LARGE, base, **axes)


def arm(batch_size, values, metric="test_accuracy", config=None, **axes):
    return seeds(values, cell(batch_size=batch_size, **(config or {})), {"batch_size": str(batch_size), **axes}, metric=metric)


def verdict(body, *rows, profile="paper"):
    return judge(claims(c=body), profile, frame(*rows), METRICS)[0]


@pytest.mark.parametrize(
    ("by", "says", "expected"),
    [
        (0.02, "> 0", "reproduced"),
        (-0.02, "> 0", "contradicted"),
        (0.0001, "> 0", "inconclusive"),
        (-0.02, "< 0", "reproduced"),
        (0.02, "< -0.01", "contradicted"),
        (0.02, "> 0.015", "reproduced"),
        (0.02, "> 0.025", "contradicted"),
        (0.02, "> 0.02", "inconclusive"),
        (0.02, "0.015 .. 0.025", "reproduced"),
        (0.04, "0.015 .. 0.025", "contradicted"),
        (-0.04, "-0.025 .. 0.025", "contradicted"),
        (0.02, "0.0205 .. 0.025", "inconclusive"),
    ],
)
def test_a_difference(by, says, expected):
    found = verdict(f"{CONTRAST}says: {{difference: '{says}'}}", arms(by))
    assert (found.verdict, found.size, found.unit, found.n) == (expected, "—", "pp", 5)
    assert found.effect == pytest.approx(100 * by)
    oracle = paired(LOW, np.array(LOW) + by + 0.001 * STEPS, "points", 0.001)
    assert found.interval == pytest.approx((oracle.low, oracle.high))


@pytest.mark.parametrize(
    ("size", "expected"),
    [("difference: '>= 0.015'", "met"), ("difference: '>= 0.05'", "not met"), ("difference: '> 0.02'", "unclear"), ("ratio: '> 1.01'", "met")],
)
def test_the_size_stands_beside_the_verdict(size, expected):
    found = verdict(f"{CONTRAST}says: {{difference: '> 0'}}\nsize: {{{size}}}", arms(0.02))
    assert (found.verdict, found.size) == ("reproduced", expected)
    assert found.size_says.startswith(size.split(":")[0])


@pytest.mark.parametrize(("says", "expected"), [("> 1", "reproduced"), ("> 1.9", "reproduced"), ("< 1.5", "contradicted"), ("> 2", "inconclusive")])
def test_a_ratio_is_geometric(says, expected):
    against, contrast = [1.0, 2.0, 3.0, 4.0, 5.0], [2.02, 3.98, 6.0, 8.05, 9.95]
    body = f"metric: test_loss\ncontrast: {{batch_size: {SMALL}}}\nagainst: {{batch_size: {LARGE}}}\nsays: {{ratio: '{says}'}}"
    found = verdict(body, arm(SMALL, contrast, "test_loss"), arm(LARGE, against, "test_loss"))
    assert (found.verdict, found.unit) == (expected, "×")
    assert found.effect == pytest.approx(math.exp(np.log(np.divide(contrast, against)).mean()))
    assert found.interval[0] < found.effect < found.interval[1]


def test_a_ratio_of_values_that_are_not_positive_is_not_run():
    body = f"metric: test_loss\ncontrast: {{batch_size: {SMALL}}}\nagainst: {{batch_size: {LARGE}}}\nsays: {{ratio: '> 1'}}"
    found = verdict(body, arm(SMALL, [1.0, 2, 0], "test_loss"), arm(LARGE, [1.0, 2, 3], "test_loss"))
    assert (found.verdict, found.effect) == ("not run", None)
    assert "not all values are positive" in found.reason


@pytest.mark.parametrize(
    ("bound", "expected"), [("0.88 .. 0.94", "reproduced"), ("0.94 .. 0.99", "contradicted"), ("0.91 .. 0.99", "inconclusive"), ("> 0.8", "reproduced")]
)
def test_a_value(bound, expected):
    found = verdict(f"metric: test_accuracy\nvalue: {{batch_size: {LARGE}}}\nsays: {{value: '{bound}'}}\nsource: {{here: 0.9}}", arms(0.02))
    assert (found.verdict, found.unit, found.effect) == (expected, "%", pytest.approx(91))
    assert found.row()["source"] == "here = 0.9"


@pytest.mark.parametrize(
    ("rows", "profile", "why"),
    [
        (arms(0.02), "quick", "about the profile paper"),
        (seeds(LOW, experiment="other"), "paper", "there are no rows"),
        (seeds(LOW, suite_version=2), "paper", "another version of the suite than 1"),
        (arms(0.02)[:5], "paper", f"against: no cell has batch_size={LARGE}"),
        (arms(0.02, base=LOW[:2]), "paper", "n = 2 gives no verdict"),
        (arm(SMALL, LOW) + arm(LARGE, [None] * 5), "paper", "against: 5 diverged (seeds 0–4)"),
    ],
)
def test_not_run_says_why(rows, profile, why):
    found = verdict(f"{CONTRAST}says: {{difference: '> 0'}}\nsize: {{difference: '> 0.01'}}", rows, profile=profile)
    assert (found.verdict, found.size) == ("not run", "—")
    assert why in found.reason


def test_unknown_names_get_a_hint():
    body = "metric: {}\ncontrast: {{{}: 16}}\nagainst: {{batch_size: 256}}\nsays: {{difference: '> 0'}}"
    assert "Did you mean 'test_accuracy'?" in verdict(body.format("test_acuracy", "batch_size"), arms(0.02)).reason
    assert "Did you mean 'batch_size'?" in verdict(body.format("test_accuracy", "batchsize"), arms(0.02)).reason
    pooled = verdict(f"{CONTRAST}pool: [widht]\nsays: {{difference: '> 0'}}", arms(0.02, width="8"))
    assert "pool: 'widht' is no axis. Did you mean 'width'?" in pooled.reason


def test_failed_seeds_are_listed_and_do_not_count():
    rows = arm(SMALL, [0.95, 0.96, 0.971, 0.955, None]) + arm(LARGE, LOW)
    found = verdict(f"{CONTRAST}says: {{difference: '> 0'}}", rows)
    assert (found.verdict, found.n) == ("reproduced", 4)
    assert found.reason == "contrast: 1 diverged (seeds 4); against: without a partner: seeds 4"


def test_a_constant_difference_decides_nothing_before_six_seeds():
    body = "metric: clusters\ncontrast: {batch_size: 16}\nagainst: {batch_size: 256}\nsays: {difference: '< 0'}"
    for n, expected in ((5, "inconclusive"), (6, "reproduced")):
        found = verdict(body, arm(SMALL, [2.0] * n, "clusters"), arm(LARGE, [9.0] * n, "clusters"))
        assert (found.verdict, found.effect, found.unit) == (expected, -7, "clusters")


OPEN = f"{CONTRAST}says: {{difference: '> 0'}}"


def test_every_open_cell_must_reproduce():
    both = verdict(OPEN, arms(0.02, model="fnn"), arms(0.04, model="cnn"))
    assert (both.verdict, len(both.findings), both.effect) == ("reproduced", 2, pytest.approx(2))
    assert "model=fnn decides, of 2 cells" in both.reason
    one = verdict(OPEN, arms(0.0001, model="fnn"), arms(0.04, model="cnn"))
    assert (one.verdict, one.findings[0].cell) == ("inconclusive", "model=fnn")
    against = verdict(OPEN, arms(-0.02, model="fnn"), arms(0.04, model="cnn"), arms(0.04, model="vgg9"))
    assert (against.verdict, against.findings[0].cell) == ("contradicted", "model=fnn")


def test_contradiction_is_corrected_over_the_cells():
    weak = {"by": -0.0028, "noise": 0.0025}
    assert verdict(OPEN, arms(**weak, model="a")).verdict == "contradicted"
    found = verdict(OPEN, arms(**weak, model="a"), *(arms(0.04, model=name) for name in "bcdefghij"))
    assert (found.verdict, found.findings[0].judgement) == ("inconclusive", "contradicted")
    assert "not after correction over 10 cells" in found.reason


def test_a_cell_of_one_arm_only_is_missing():
    found = verdict(OPEN, arms(0.02, model="fnn"), arms(0.02, model="cnn")[:5])
    assert found.verdict == "not run"
    assert "no cell model=cnn in against" in found.reason


def test_pooling_averages_the_cells_of_each_seed():
    values = np.random.default_rng(0).uniform(0.5, 0.9, (2, 5, 3))
    rows = [arm(size, list(values[side, :, index]), model=name) for side, size in enumerate((SMALL, LARGE)) for index, name in enumerate("abc")]
    found = verdict(f"{OPEN}\npool: [model]", *rows)
    oracle = paired(values[1].mean(axis=1), values[0].mean(axis=1), "points")
    assert (found.n, len(found.findings), found.findings[0].cell) == (5, 1, "")
    assert (found.effect, *found.interval) == pytest.approx((oracle.mean, oracle.low, oracle.high))


def test_pooling_takes_complete_seeds_of_common_cells():
    rows = arms(0.02, model="a") + arm(SMALL, [None, *LOW[1:]], model="b") + arm(LARGE, LOW, model="b") + arm(SMALL, LOW, model="c")
    found = verdict(f"{OPEN}\npool: [model]", rows)
    assert found.n == 4
    assert "left out, in one arm only: model=c" in found.reason
    assert "contrast: 1 diverged (seeds 0)" in found.reason


def test_settings_of_a_part_are_contrasted_inside_its_axis():
    def side(lr, width, values):
        return seeds(values, cell(lr=lr, width=width), {"optimizer": f"sgd(lr={lr})", "model.width": str(width)})

    body = "metric: test_accuracy\ncontrast: {optimizer.lr: 0.1}\nagainst: {optimizer.lr: 1}\nsays: {difference: '> 0'}"
    better = list(np.array(LOW) + 0.02 + 0.001 * STEPS)
    found = verdict(body, *(side(lr, width, values) for width in (8, 16) for lr, values in ((0.1, better), (1.0, LOW))))
    assert found.verdict == "reproduced"
    assert [each.cell for each in found.findings] == ["model.width=16, optimizer=sgd", "model.width=8, optimizer=sgd"]


def test_lists_are_written_as_their_names():
    def side(names, values):
        return seeds(values, cell(augmentation=names), {"augmentation": "+".join(names) or "none"})

    better = list(np.array(LOW) + 0.02 + 0.001 * STEPS)
    for wanted in ("[crop, flip]", "crop+flip"):
        body = f"metric: test_accuracy\ncontrast: {{augmentation: {wanted}}}\nagainst: {{augmentation: none}}\nsays: {{difference: '> 0'}}"
        assert verdict(body, side(["crop", "flip"], better), side([], LOW)).verdict == "reproduced"


def test_a_selection_of_several_cells_is_refused():
    rows = arms(0.02) + seeds(LOW, cell(batch_size=SMALL, lr=0.5), {"batch_size": "16 again"})
    found = verdict(OPEN, rows)
    assert found.verdict == "not run"
    assert found.reason == "contrast: batch_size=16 selects several cells; name what tells them apart, or pool it"


def test_variants_and_other_suites_are_left_out():
    rows = arms(0.02) + [{**row, "variant": "epochs=1"} for row in arms(-0.02)] + [{**row, "suite": "other"} for row in arms(-0.02)]
    assert verdict(OPEN, rows).verdict == "reproduced"
    assert judge(claims(c=OPEN), "paper", frame(rows), METRICS, "epochs=1")[0].verdict == "contradicted"


def test_verdicts_come_in_the_order_of_the_suite_with_what_the_source_says():
    found = judge(claims(z=OPEN, a=f"{OPEN}\nsource: {{small: 0.95}}"), "paper", frame(arms(0.02)), METRICS)
    assert [each.claim for each in found] == ["z", "a"]
    row = found[1].row()
    assert (row["says"], row["figure"], row["experiment"], row["cells"], row["source"]) == ("difference > 0", "1.5", "main", 1, "small = 0.95")
    assert row["low"] < row["effect"] < row["high"]
