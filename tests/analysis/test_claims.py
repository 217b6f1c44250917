"""One synthetic registry per verdict."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

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


EQUIVALENT = f"{CONTRAST}says: {{equivalent: {{within: 0.01}}}}"


@pytest.mark.parametrize(
    ("by", "noise", "expected"), [(0.002, 0.001, "reproduced"), (-0.002, 0.001, "reproduced"), (0.03, 0.001, "contradicted"), (0.002, 0.05, "inconclusive")]
)
def test_an_equivalence(by, noise, expected):
    found = verdict(EQUIVALENT, arms(by, noise))
    assert (found.verdict, found.says, found.unit) == (expected, "difference within ±0.01", "pp")
    assert found.effect == pytest.approx(100 * by)


def test_an_equivalence_is_shown_by_the_interval_of_90_percent():
    base = np.array(LOW)
    oracle = paired(base, base + 0.004 + 0.01 * STEPS, "points", 0.001)
    inside, outside = oracle.ends(0.9)[1] / 100 + 1e-6, oracle.ends(0.95)[1] / 100 - 1e-6
    assert inside < outside
    assert verdict(EQUIVALENT.replace("0.01", f"{inside:.7f}"), arms(0.004, 0.01)).verdict == "reproduced"
    assert verdict(EQUIVALENT.replace("0.01", f"{inside - 1e-5:.7f}"), arms(0.004, 0.01)).verdict == "inconclusive"


@pytest.mark.parametrize(("factor", "expected"), [(1.05, "reproduced"), (0.99, "reproduced"), (1.3, "contradicted"), (0.7, "contradicted")])
def test_an_equivalence_within_a_factor(factor, expected):
    against = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    contrast = factor * against * (1 + 0.01 * STEPS)
    body = f"metric: test_loss\ncontrast: {{batch_size: {SMALL}}}\nagainst: {{batch_size: {LARGE}}}\nsays: {{equivalent: {{within: 1.1, effect: ratio}}}}"
    found = verdict(body, arm(SMALL, contrast, "test_loss"), arm(LARGE, against, "test_loss"))
    assert (found.verdict, found.unit, found.says) == (expected, "×", "ratio within a factor of 1.1")


SIZES = (16, 32, 64, 128)


def line(steepness, noise=0.001, metric="test_accuracy", n=5, **axes):
    """Rows that rise by `steepness` per doubling of the batch size."""
    random = np.random.default_rng(0)
    base = 0.5 + 0.02 * np.arange(n)
    return [row for place, size in enumerate(SIZES) for row in arm(size, list(base + steepness * place + noise * random.normal(size=n)), metric, **axes)]


@pytest.mark.parametrize(("steepness", "noise", "expected"), [(0.02, 0.001, "reproduced"), (-0.02, 0.001, "contradicted"), (0.0, 0.02, "inconclusive")])
@pytest.mark.parametrize(("said", "unit"), [("slope", "pp/doubling"), ("kendall", "τ")])
def test_a_trend(steepness, noise, expected, said, unit):
    body = f"metric: test_accuracy\ntrend: {{axis: batch_size, per: doubling}}\nsays: {{{said}: '> 0'}}"
    found = verdict(body, line(steepness, noise, n=6))
    assert (found.verdict, found.unit, found.n) == (expected, unit, 6)
    if said == "slope":
        table = np.array([[row["test_accuracy"] for row in line(steepness, noise, n=6)[seed::6]] for seed in range(6)])
        assert found.effect == pytest.approx(100 * np.polyfit(range(4), table.T, 1)[0].mean())


def test_a_trend_per_unit_of_its_axis():
    rows = [row for size in SIZES for row in arm(size, list(np.array(LOW) - 0.001 * size))]
    found = verdict("metric: test_accuracy\ntrend: batch_size\nsays: {slope: '< 0'}\nsize: {slope: '< -0.01'}", rows)
    assert (found.verdict, found.size, found.effect, found.unit) == ("reproduced", "not met", pytest.approx(-0.1), "pp/unit")


def test_the_cells_of_a_trend():
    rows = (line(0.02, model="fnn"), line(-0.02, model="cnn"))
    body = "metric: test_accuracy\ntrend: batch_size\nsays: {kendall: '< 0'}"
    assert {finding.cell for finding in verdict(body, *rows).findings} == {"model=fnn", "model=cnn"}
    pooled = verdict(f"{body.replace('kendall', 'slope')}\npool: [model]", *rows)
    assert (len(pooled.findings), pooled.verdict) == (1, "inconclusive")


def test_the_floor_of_a_pooled_slope_is_that_of_an_average():
    rows = [row for model in "abcd" for place, size in enumerate(SIZES) for row in arm(size, [0.5 + 0.01 * place] * 6, model=model)]
    found = verdict("metric: test_accuracy\ntrend: {axis: batch_size, per: doubling}\npool: [model]\nsays: {slope: '> 0'}", rows)
    # Rounding to 0.1 pp: a variance of 0.1²/12 per value, over four cells, times the squared weights 1/20 · (9 + 1 + 1 + 9)/20.
    sd = 0.1 / math.sqrt(12 * 4 * 5)
    assert found.interval[1] - found.effect == pytest.approx(stats.t.ppf(0.975, 5) * sd / math.sqrt(6))


@pytest.mark.parametrize(
    ("trend", "why"),
    [
        ("batchsize", "no cell has the setting 'batchsize'. Did you mean 'batch_size'?"),
        ("dropout", "trend: it takes 3 values of dropout, and there are 0; two are a contrast"),
        ("{axis: dropout, per: doubling}", "trend: from 0 nothing doubles; write per: unit"),
        ("model", "trend: it takes numbers, and model is fnn"),
        ("{axis: batch_size, where: {dropout: 0.5}}", "it takes 3 values of batch_size, and there are none"),
    ],
)
def test_what_is_no_trend_is_not_run(trend, why):
    found = verdict(f"metric: test_accuracy\ntrend: {trend}\nsays: {{slope: '> 0'}}", line(0.02))
    assert found.verdict == "not run"
    assert why in found.reason


def shares(values, says="{value: '<= 6', share: '>= 0.8'}", rest=""):
    body = f"metric: clusters\nvalue: {{batch_size: 16}}\nover: share_of_seeds\nsays: {says}\n{rest}"
    return verdict(body, arm(16, [float(value) for value in values], "clusters"))


@pytest.mark.parametrize(
    ("true", "n", "expected"),
    [(14, 14, "reproduced"), (13, 13, "inconclusive"), (10, 10, "inconclusive"), (21, 22, "reproduced"), (20, 21, "inconclusive"), (5, 10, "contradicted"),
     (6, 10, "inconclusive"), (2, 2, "not run")],
)  # fmt: skip
def test_a_share_of_seeds(true, n, expected):
    found = shares([6] * true + [7] * (n - true))
    assert (found.verdict, found.n, found.unit) == (expected, n, "% of seeds")
    assert found.effect == pytest.approx(100 * true / n)
    assert found.says == "value <= 6 in a share >= 0.8 of seeds"
    assert f"true of {true} of {n} seeds" in found.reason


def test_an_end_belongs_to_a_bound_unless_it_is_open():
    assert shares([6] * 14, "{value: '< 6', share: '>= 0.8'}").verdict == "contradicted"
    assert shares([6] * 14, "{value: '5 .. 6', share: '>= 0.8'}").verdict == "reproduced"


def test_a_share_of_differences_and_of_accuracies():
    body = f"{CONTRAST}over: share_of_seeds\nsays: {{difference: '>= 0.01', share: '> 0.5'}}\nsize: {{difference: '>= 0.01', share: '> 0.8'}}\nsource: {{share: 0.9}}"
    base = list(np.linspace(0.8, 0.9, 10))
    found = verdict(body, arm(SMALL, [value + 0.01 for value in base]), arm(LARGE, base))
    assert (found.verdict, found.size, found.effect, found.source_effect) == ("reproduced", "unclear", 100, 90)
    assert verdict(body, arm(SMALL, [value + 0.005 for value in base]), arm(LARGE, base)).effect == 0


def part(model, rest="", says="{difference: '> 0'}"):
    return f"{{metric: test_accuracy, contrast: {{batch_size: 16, model: {model}}}, against: {{batch_size: 256, model: {model}}}, says: {says}{rest}}}"


def joint(how, *differences, rest=""):
    """A claim about models a, b, …, one statement each, in which small batches are better by these differences."""
    names = "abcdefghij"[: len(differences)]
    pairs = zip(names, differences, strict=True)
    rows = [{**row, "hp.model": name} for name, by in pairs for row in arms(by, 0.0025 if abs(by) < 0.01 else 0.001, model=name)]
    return verdict(f"{how}: [{', '.join(part(name, rest) for name in names)}]", rows)


WEAK = 0.0028
"""A difference that is told from none by itself, and not among ten."""


@pytest.mark.parametrize(
    ("differences", "expected"),
    [((0.02, 0.04), "reproduced"), ((0.02, WEAK), "reproduced"), ((0.02, -0.02), "contradicted"), ((0.02, 0.0001), "inconclusive"),
     ((-WEAK, *[0.02] * 9), "inconclusive")],
)  # fmt: skip
def test_all_of_several(differences, expected):
    found = joint("all", *differences)
    assert (found.verdict, len(found.findings)) == (expected, len(differences))
    assert found.metric == "test_accuracy"
    assert found.says == f"test_accuracy difference > 0 in each of {len(differences)}"
    if -WEAK in differences:
        assert found.findings[0].judgement == "contradicted"
        assert "against it there, but not after correction over 10" in found.reason


@pytest.mark.parametrize(
    ("differences", "expected"),
    [((0.02, -0.02), "reproduced"), ((0.02, 0.0001), "reproduced"), ((-0.02, -0.04), "contradicted"), ((-0.02, -WEAK), "contradicted"),
     ((-0.02, 0.0001), "inconclusive"), ((WEAK, *[-0.02] * 9), "inconclusive")],
)  # fmt: skip
def test_any_of_several(differences, expected):
    found = joint("any", *differences)
    assert found.verdict == expected
    assert found.says == f"test_accuracy difference > 0 in any of {len(differences)}"
    if WEAK in differences:
        assert found.effect == pytest.approx(100 * WEAK)
        assert "for it there, but not after correction over 10" in found.reason


def test_of_any_of_several_the_one_that_shows_most_decides():
    found = joint("any", 0.0001, 0.02)
    assert found.effect == pytest.approx(2)
    assert found.reason == "statement 2 decides, of 2"


def test_several_that_were_not_all_run():
    rows = [{**row, "hp.model": "a"} for row in arms(0.02)]
    body = f": [{part('a')}, {part('b')}]"
    assert verdict(f"any{body}", rows).verdict == "reproduced"
    found = verdict(f"all{body}", rows)
    assert (found.verdict, found.effect) == ("not run", None)
    assert "statement 2: contrast: no cell has batch_size=16, model=b" in found.reason
    unknown = verdict("all: [" + part("a") + ", {metric: acc, value: {}, says: {value: '> 0'}}]", rows)
    assert unknown.reason.startswith("no row has the metric 'acc'")


@pytest.mark.parametrize(("how", "expected"), [("all", "not met"), ("any", "met")])
def test_the_sizes_of_several(how, expected):
    found = joint(how, 0.02, 0.04, rest=", size: {difference: '> 0.03'}")
    assert (found.verdict, found.size) == ("reproduced", expected)


def test_several_statements_are_joined_by_what_joins_them():
    rows = [{**row, "hp.model": "a"} for row in arms(0.02)]
    assert verdict(f"all: [{part('a')}, {part('a').replace('> 0', '> 0.01')}]", rows).says == "test_accuracy difference > 0 and test_accuracy difference > 0.01"
    assert verdict(f"any: [{part('a')}, {part('a').replace('> 0', '> 0.01')}]", rows).says == "test_accuracy difference > 0 or test_accuracy difference > 0.01"


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (EQUIVALENT, arms(0.002)),
        ("metric: test_accuracy\ntrend: batch_size\nsays: {slope: '> 0'}", line(0.02)),
        ("metric: test_accuracy\nvalue: {batch_size: 16}\nover: share_of_seeds\nsays: {value: '> 0.5', share: '> 0.4'}", arms(0.02)),
        (f"all: [{part('fnn')}, {part('fnn')}]", arms(0.02)),
        (f"any: [{part('fnn')}, {part('fnn')}]", arms(0.02)),
    ],
    ids=["equivalent", "trend", "share", "all", "any"],
)
def test_forms_that_are_not_run(body, rows):
    assert verdict(body, rows).verdict == "reproduced"
    assert verdict(body, rows, profile="quick").verdict == "not run"
    few = verdict(body, [row for row in rows if row["seed"] < 2])
    assert few.verdict == "not run"
    assert "n = 2 gives no verdict" in few.reason


@pytest.mark.parametrize(
    ("body", "rows", "expected"),
    [
        (f"{CONTRAST}says: {{equivalent: {{within: 0.01}}}}\nsize: {{equivalent: {{within: 0.0001}}}}", arms(0.002), ("reproduced", "not met")),
        (f"{CONTRAST}says: {{difference: '> 0.03'}}\nsize: {{equivalent: {{within: 0.05}}}}", arms(0.02), ("contradicted", "met")),
        ("metric: test_accuracy\ntrend: batch_size\nsays: {kendall: '> 0.5'}\nsize: {slope: '>= 1'}", line(0.02, n=6), ("reproduced", "not met")),
        ("metric: test_accuracy\nvalue: {batch_size: 256}\nsays: {value: '> 0.95'}\nsize: {value: '> 0.5'}", arms(0.02), ("contradicted", "met")),
    ],
    ids=["equivalent", "difference", "trend", "value"],
)
def test_says_and_size_may_disagree(body, rows, expected):
    found = verdict(body, rows)
    assert (found.verdict, found.size) == expected


@pytest.mark.parametrize(("budget", "expected"), [("{epochs: 10}", "contradicted"), ("{epochs: 11}", "not run"), ("{steps: 40}", "contradicted")])
def test_runs_that_are_shorter_than_the_budget_contradict_nothing(budget, expected):
    # 1,000 samples in batches of 256: four steps an epoch.
    found = verdict(f"{OPEN}\nbudget: {budget}", arms(-0.02))
    assert found.verdict == expected
    if expected == "not run":
        assert found.reason == "budget: the claim is about 11 epochs, and there are runs of 10 epochs"


@pytest.mark.parametrize(
    ("budget", "profile", "expected"),
    [
        ("{epochs: 10}", "quick", ("contradicted", "not met")),
        ("{epochs: 20, quick: 10}", "quick", ("contradicted", "—")),
        ("{steps: 80, quick: 40}", "quick", ("contradicted", "—")),
        ("{epochs: 10, quick: 4}", "quick", ("contradicted", "—")),
        ("{epochs: 10, quick: 4}", "paper", ("contradicted", "not met")),
        ("{epochs: 20, quick: 11}", "quick", ("not run", "—")),
        ("{epochs: 20, quick: 10}", "paper", ("not run", "—")),
    ],
)
def test_a_quick_length_is_enough_for_what_is_said_and_not_for_its_size(budget, profile, expected):
    rows = [{**row, "profile": profile} for row in arms(-0.02)]
    found = verdict(f"{OPEN}\nsize: {{difference: '>= 0.02'}}\nprofiles: [quick, paper]\nbudget: {budget}", rows, profile=profile)
    assert (found.verdict, found.size) == expected


def test_a_claim_fails_its_suite_after_correction_over_all_its_claims():
    rows = frame(arms(-WEAK, 0.0025))
    alone = judge(claims(c=OPEN), "paper", rows, METRICS)[0]
    assert (alone.verdict, alone.fails, alone.adjusted) == ("contradicted", True, alone.evidence.refutes)
    sound = f"metric: test_accuracy\nvalue: {{batch_size: {LARGE}}}\nsays: {{value: '> 0.5'}}"
    elsewhere = f"{sound}\nprofiles: [quick]"
    found = judge(claims(c=OPEN, **{f"s{index}": sound for index in range(9)}, q=elsewhere), "paper", rows, METRICS)
    assert (found[0].verdict, found[0].fails) == ("contradicted", False)
    assert found[0].adjusted == pytest.approx(10 * alone.evidence.refutes)
    assert found[0].reason.startswith("not contradicted after correction over the suite's claims (p = 0.")
    assert found[-1].adjusted is None


def test_what_reproduces_has_a_q_over_the_claims_of_its_experiment():
    value = f"metric: test_accuracy\nvalue: {{batch_size: {LARGE}}}\nsays: {{value: '> LEAST'}}"
    bodies = {name: value.replace("LEAST", least) for name, least in (("a", "0.9"), ("b", "0.905"), ("c", "0.95"))}
    found = judge(claims(**bodies, d=f"{bodies['a']}\nprofiles: [quick]"), "paper", frame(arms(0.02)), METRICS)
    p = [each.evidence.supports for each in found[:3]]
    assert p[0] < p[1] < p[2] == 1
    assert [each.q for each in found] == pytest.approx([min(3 * p[0], 1.5 * p[1]), 1.5 * p[1], 1.0, None])
    assert [each.row()["q"] for each in found] == [found[0].q, found[1].q if found[1].verdict == "reproduced" else None, None, None]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"{OPEN}\nsource: {{difference: 0.03}}", 3.0),
        (f"{OPEN}\nsource: {{ratio: 1.1}}", None),
        ("metric: test_accuracy\nvalue: {batch_size: 16}\nsays: {value: '> 0'}\nsource: {test_accuracy: 0.9}", 90.0),
        ("metric: test_loss\ncontrast: {batch_size: 16}\nagainst: {batch_size: 256}\nsays: {ratio: '> 1'}\nsource: {ratio: 1.5}", 1.5),
    ],
)
def test_the_figure_of_the_source_in_the_unit_of_ours(body, expected):
    rows = [{**row, "test_loss": 1.0 + row["test_accuracy"]} for row in arms(0.02)]
    assert verdict(body, rows).source_effect == (None if expected is None else pytest.approx(expected))
    assert verdict(body, rows, profile="quick").source_effect is None
