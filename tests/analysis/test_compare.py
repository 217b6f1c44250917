"""One synthetic pair of states per class of a comparison."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.analysis.compare import compare
from bench.analysis.gates import Gate
from bench.analysis.revisions import DETAILS
from bench.errors import NothingError, UsageError
from bench.registry.reading import Without
from bench.registry.schema import TABLES
from tests.analysis.demo_rows import METRICS, cell, frame, seeds

BASE = [0.90, 0.91, 0.92, 0.905, 0.915]


def moved(by, noise=0.001):
    return [value + by + noise * step for value, step in zip(BASE, (-1, 0, 1, 0.5, -0.5), strict=True)]


def accuracy_in(base, head, *gates, **columns):
    found = compare(frame(seeds(base)), frame(seeds(head, **columns)), METRICS, [Gate.parse(gate) for gate in gates])
    return found, next(change for change in found.changes if change.metric is None or change.metric.name == "test_accuracy")


@pytest.mark.parametrize(
    ("head", "kind"),
    [(BASE, "identical"), (moved(0.02), "better"), (moved(-0.02), "worse"), (moved(0.0002, 0.01), "inconclusive"), ([v + 0.001 for v in BASE], "inconclusive")],
)
def test_accuracy(head, kind):
    _, change = accuracy_in(BASE, head)
    assert change.kind == kind
    assert change.difference.n == 5
    assert change.difference.mean == pytest.approx(100 * np.mean(np.subtract(head, BASE)))


def test_a_lower_loss_is_better_and_shown_in_percent():
    base, head = (frame(seeds(values, metric="test_loss")) for values in ([1.0, 2.0, 3.0, 4.0], [0.52, 1.0, 1.5, 1.9]))
    found = compare(base, head, METRICS).changes[0]
    assert found.kind == "better"
    row = found.row()
    assert row["effect"] == pytest.approx(100 * (math.exp(np.log([0.52, 0.5, 0.5, 0.475]).mean()) - 1))
    assert (row["unit"], row["metric"], row["n"]) == ("%", "test_loss", 4)
    assert compare(head, base, METRICS).changes[0].kind == "worse"


def test_a_metric_without_a_direction_is_changed():
    base, head = (frame(seeds(values, metric="clusters")) for values in ([1, 2, 3, 2], [8, 8, 9, 9]))
    change = compare(base, head, METRICS).changes[0]
    assert change.kind == "changed"
    assert change.row()["unit"] == "clusters"


def test_identical_is_a_fact_at_one_seed_already():
    _, change = accuracy_in([0.9], [0.9])
    assert change.kind == "identical"
    row = accuracy_in(BASE, BASE)[1].row()
    assert (row["effect"], row["low"], row["high"]) == (0, 0, 0)


@pytest.mark.parametrize(("n", "why"), [(1, "n = 1"), (2, "n = 2")])
def test_few_seeds_give_no_verdict(n, why):
    _, change = accuracy_in(BASE[:n], moved(-0.5)[:n])
    assert change.kind == "inconclusive"
    assert why in change.reason
    assert change.adjusted is None


def test_the_p_value_is_corrected_over_the_cells_of_the_metric():
    def side(values, **columns):
        return frame(*[seeds(values if index == 0 else BASE, cell(width=index + 1), {"width": str(index)}, **columns) for index in range(20)])

    changed = moved(-0.003, 0.0015)
    alone = accuracy_in(BASE, changed)[1]
    first = compare(side(BASE), side(changed, code_id="f" * 64), METRICS).changes[0]
    assert alone.difference.p < 0.05 < first.adjusted
    assert first.adjusted == pytest.approx(20 * alone.difference.p)
    assert (alone.kind, first.kind) == ("worse", "inconclusive")


@pytest.mark.fault("F55")
@pytest.mark.parametrize(
    ("columns", "why"),
    [({"suite_version": 2}, "other version of the suite: 1 -> 2"), ({"data_checksum": "e" * 64}, f"other data: {'d' * 12} -> {'e' * 12}")],
)
def test_other_suites_and_data_are_incomparable(columns, why):
    found, change = accuracy_in(BASE, moved(-0.5), "test_accuracy:1pp", **columns)
    assert (change.kind, change.metric, change.reason) == ("incomparable", None, why)
    assert not found.comparable
    assert [(result.outcome, result.finding) for result in found.gates] == [("not judged", why)]


def test_disjoint_seeds_are_refused():
    found = compare(frame(seeds(BASE)), frame(seeds(BASE, first=5)), METRICS)
    assert [(change.kind, change.reason) for change in found.changes] == [("incomparable", "disjoint seeds: 0–4 -> 5–9")]


def test_common_seeds_are_compared_and_the_others_named():
    found = compare(frame(seeds(BASE)), frame(seeds(moved(0.02), first=1)), METRICS).changes[0]
    assert found.difference.n == 4
    assert found.base == pytest.approx(np.mean(BASE[1:]))
    assert found.reason == "seeds 0 only in base; seeds 5 only in head"


def test_failed_runs_are_counted_and_never_averaged_in():
    change = accuracy_in(BASE, [*moved(-0.02)[:3], None, None])[1]
    assert (change.difference.n, change.base_failed, change.head_failed) == (3, "", "2 diverged")
    assert change.base == pytest.approx(np.mean(BASE[:3]))
    _, gone = accuracy_in(BASE, [None] * 5)
    assert (gone.kind, gone.reason) == ("incomparable", "not measured in head: 5 diverged")
    _, nothing = accuracy_in([None], [None])
    assert (nothing.kind, nothing.reason, nothing.base_failed) == ("incomparable", "no run has a known metric", "1 diverged")


def test_cells_on_one_side_are_listed():
    base = frame(seeds(BASE, axes={"width": "8"}), seeds(BASE, axes={"width": "16"}))
    head = frame(seeds(BASE, axes={"width": "8"}), seeds([None], axes={"width": "32"}))
    found = compare(base, head, METRICS)
    assert [(change.kind, change.point.cell, change.head_failed) for change in found.changes[1:]] == [
        ("only in base", "width=16", ""),
        ("only in head", "width=32", "1 diverged"),
    ]
    assert found.counts() == {"identical": 1, "only in base": 1, "only in head": 1}


def test_nothing_in_common_is_said():
    with pytest.raises(NothingError, match=r"base has demo / paper / main; head has demo / quick / main") as raised:
        compare(frame(seeds(BASE)), frame(seeds(BASE, profile="quick")), METRICS)
    assert raised.value.exit_code == 5
    with pytest.raises(NothingError, match="head has no rows"):
        compare(frame(seeds(BASE)), frame(seeds(BASE)).iloc[:0], METRICS)


def test_profiles_and_variants_never_mix():
    base = frame(seeds(BASE), seeds(moved(0.3), variant="epochs=1"))
    head = frame(seeds(BASE, variant="epochs=1"), seeds(BASE))
    kinds = {change.point.variant: change.kind for change in compare(base, head, METRICS).changes}
    assert kinds == {"": "identical", "epochs=1": "worse"}


def test_settings_that_changed_are_named_per_experiment():
    def side(lr, **columns):
        return [seeds(BASE, cell(lr=lr, width=width), {"width": str(width)}, **columns) for width in (8, 16)]

    base = frame(*side(0.05), seeds(BASE, cell(), experiment="other"))
    head = frame(*side(0.1), seeds(BASE, cell(augmentation=["crop", "flip"]), experiment="other"))
    found = compare(base, head, METRICS).settings
    assert [(setting.experiment, str(setting), setting.cells) for setting in found] == [
        ("main", "optimizer.lr: 0.05 -> 0.1", 2),
        ("other", "augmentation: none -> crop+flip", 1),
    ]


@pytest.mark.fault("F55")
def test_other_circumstances_are_noted():
    base = frame(seeds(BASE, measures='{"accuracy": {"version": 1}}'))
    head = frame(seeds(BASE, threads=2, hardware="two", dirty=True, measures='{"accuracy": {"version": 2}}'))
    text = "\n".join(compare(base, head, METRICS).notes)
    assert "threads: 1 -> 2 in 5 pairs of runs" in text
    assert "hardware: one -> two" in text
    assert 'measure accuracy: {"version": 1} -> {"version": 2}' in text
    assert "head: 5 of 5 rows come from a tree with uncommitted changes" in text
    assert compare(base, base, METRICS).notes == ()
    assert compare(base.drop(columns=["threads", "measures", "dirty"]), head.assign(hardware="one", dirty=False), METRICS).notes == ()


@pytest.mark.fault("F55")
@pytest.mark.fault("F33")
@pytest.mark.parametrize(
    ("columns", "why"),
    [({"hardware": "two"}, "other hardware: one -> two"), ({"threads": 2}, "other threads"), ({"shared": True}, "other processes used the GPU meanwhile")],
)
def test_timings_compare_only_where_they_were_taken_alike(columns, why):
    base, head = frame(seeds([10.0, 11, 12], metric="samples_per_second")), frame(seeds([5.0, 6, 6.5], metric="samples_per_second"))
    assert compare(base, head, {}).changes[0].kind == "worse"
    barred = compare(base, head.assign(**columns), {}).changes[0]
    assert barred.kind == "incomparable"
    assert why in barred.reason


def test_rows_that_repeat_a_run_have_no_timings_to_compare():
    base = frame(seeds([10.0, 11, 12], metric="samples_per_second"))
    head = base.assign(reused_from="r", samples_per_second=5.0)
    assert [change.kind for change in compare(base, head, {}).changes] == ["incomparable"]
    gated = compare(base, head, {}, [Gate.parse("samples_per_second:5%")])
    assert [(change.kind, change.reason) for change in gated.changes] == [("incomparable", "rows that repeat an earlier run were not timed anew")]
    assert [result.outcome for result in gated.gates] == ["not judged"]


def test_cells_in_which_nothing_changed_are_no_tests():
    harm, still = [0.90, 0.91, 0.92], [0.5, 0.6, 0.7]
    worse = [0.80, 0.79, 0.85]
    unchanged = [seeds(still, cell(width=width), {"width": str(width)}) for width in range(2, 30)]
    base = frame(seeds(harm, cell(lr=0.1), {"width": "64"}), *unchanged)
    head = frame(seeds(worse, cell(lr=0.2), {"width": "64"}), *unchanged)
    found = compare(base, head, METRICS, [Gate.parse("test_accuracy:5pp")])
    assert found.crossed
    assert found.counts() == {"identical": 28, "worse": 1}
    other_code = compare(base, head.assign(code_id="f" * 64), METRICS, [Gate.parse("test_accuracy:5pp")])
    assert not other_code.crossed


def test_a_pack_is_one_timing_however_many_seeds_it_holds():
    base, head = (frame(seeds([speed] * 8, metric="samples_per_second", pack="p")) for speed in (10.0, 5.0))
    change = compare(base, head, {}).changes[0]
    assert (change.difference.n, change.kind) == (1, "inconclusive")


def test_rows_are_flat():
    rows = compare(frame(seeds(BASE, axes={"width": "8"})), frame(seeds(moved(0.02), axes={"width": "8"})), METRICS).rows()
    assert rows[0]["class"] == "better"
    assert rows[0]["cell"] == "width=8"
    assert rows[0]["low"] < rows[0]["effect"] < rows[0]["high"]
    assert rows[0]["unit"] == "pp"


def test_details_change_no_comparison():
    """Columns that `bench compare` does not read: whatever they hold, nothing is said of them."""
    told = [name for name in DETAILS if not name.endswith(".")]
    assert set(told) <= {column.name for column in TABLES["runs"]}

    def side(mark, lr, values):
        return frame(
            seeds(values, cell(lr=lr), {"width": "8"}),
            seeds([*values[:4], None], cell(), experiment="failing"),
            seeds(values, cell(), experiment="timed", samples_per_second=3.0, hardware=mark),
            seeds(values, cell(), experiment="seeds", first=len(mark)),
            seeds([1.0] * 4 + [values[0]], cell(), experiment="counted", metric="train_accuracy"),
        ).assign(**dict.fromkeys(told, mark))

    base, head = side("base", 0.05, BASE), side("other", 0.1, moved(0.02))
    metrics = METRICS | {"train_accuracy": replace(METRICS["test_accuracy"], name="train_accuracy", counted_over="train")}
    whole = compare(base, head, metrics)
    brief = compare(*(each[[name for name in each if name in Without(DETAILS)]] for each in (base, head)), metrics)
    assert not [name for name in base if name in Without(DETAILS) and name.startswith("hp.")]
    assert len(whole.rows()) > 5
    assert whole.rows() == brief.rows()
    assert (whole.settings, whole.notes, whole.averages) == (brief.settings, brief.notes, brief.averages)


def test_rows_of_two_states_are_refused():
    with pytest.raises(UsageError, match="two rows for seed 0"):
        compare(frame(seeds(BASE), seeds(BASE, diff_hash="x")), frame(seeds(BASE)), METRICS)
