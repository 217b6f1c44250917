"""The average over the cells of a suite or an experiment: what it finds, which cells and seeds are in it, and its gate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.analysis.compare import compare
from bench.analysis.gates import Gate
from bench.analysis.statistics import paired
from tests.analysis.demo_rows import METRICS, cell, frame, seeds

CODE = "f" * 64


def side(table, experiment="main", metric="test_accuracy", **columns):
    """Rows of a table of shape (cells, seeds)."""
    rows = [seeds(list(values), cell(width=width + 2), {"width": f"{width:03}"}, metric, experiment=experiment) for width, values in enumerate(table)]
    return [[{**row, **columns} for row in each] for each in rows]


def compared(base, head, *gates, **columns):
    return compare(frame(*base), frame(*head).assign(code_id=CODE, **columns), METRICS, [Gate.parse(gate) for gate in gates])


def accuracies(cells=44, n=3, by=0.0, noise=0.008):
    """A base, and a head whose every cell moves by an amount that is small beside its noise."""
    random = np.random.default_rng(1)
    base = random.uniform(0.6, 0.9, (cells, 1)) + random.normal(0, noise, (cells, n))
    return base.round(3), (base + by + random.normal(0, noise, (cells, n))).round(3)


def test_a_suite_wide_change_at_three_seeds_is_seen_that_no_cell_shows():
    base, head = accuracies(by=-0.008)
    found = compared(side(base), side(head), "test_accuracy:0.5pp")
    assert {change.kind for change in found.changes} == {"inconclusive"}
    [average] = found.averages
    assert (average.kind, average.cells, average.difference.n) == ("worse", 44, 3)
    oracle = paired(base.mean(axis=0), head.mean(axis=0), "points")
    assert (average.difference.mean, average.difference.p) == pytest.approx((oracle.mean, oracle.p))
    assert [result.where for result in found.gates if result.outcome == "crossed"] == ["demo / paper / all 44 cells"]
    assert found.crossed
    assert not compared(side(base), side(head), "test_accuracy:2pp").crossed
    assert not compared(side(head), side(base), "test_accuracy:0.5pp").crossed


def test_without_an_effect_the_gate_holds():
    base, head = accuracies()
    found = compared(side(base), side(head), "test_accuracy:0.5pp")
    assert (found.averages[0].kind, found.crossed) == ("same", False)


def test_seeds_are_the_replicates_and_not_cells_times_seeds():
    """Every cell moves with its seed: 132 differences, of three seeds that disagree."""
    base, _ = accuracies(noise=0.0005)
    head = base + np.array([-0.03, -0.02, 0.005])
    [average] = compared(side(base), side(head)).averages
    assert (average.kind, average.difference.n) == ("inconclusive", 3)


def test_each_experiment_has_an_average_and_the_suite_another():
    base, head = accuracies(cells=6, n=4, by=-0.02)
    found = compared([*side(base[:4]), *side(base[4:], "other")], [*side(head[:4]), *side(base[4:] + 0.001, "other")])
    assert [(average.point.experiment, average.cells) for average in found.averages] == [("", 6), ("main", 4), ("other", 2)]
    assert [average.kind for average in found.averages][1] == "worse"
    main, other = found.averages[1:]
    assert main.adjusted == pytest.approx(2 * main.difference.p)
    assert found.averages[0].adjusted == found.averages[0].difference.p
    assert found.averages[0].where == "demo / paper / all 6 cells"
    assert (main.where, other.row()["cell"]) == ("demo / paper / main / all 4 cells", "all 2 cells")
    assert found.rows()[-1]["cell"] == "all 2 cells"


def test_gates_judge_the_suite_and_not_its_experiments():
    base, head = accuracies(cells=6, n=4, by=-0.02)
    found = compared([*side(base[:4]), *side(base[4:], "other")], [*side(head[:4]), *side(head[4:], "other")], "test_accuracy:0.5pp")
    assert [result.where for result in found.gates if "all" in result.where] == ["demo / paper / all 6 cells"]


def test_a_single_cell_has_no_average():
    base, head = accuracies(cells=1)
    assert compared(side(base), side(head)).averages == ()


def test_profiles_have_averages_of_their_own():
    base, head = accuracies(cells=2)
    found = compared([*side(base), *side(base, profile="quick")], [*side(head), *side(head, profile="quick")])
    assert [(average.point.profile, average.cells) for average in found.averages] == [("paper", 2), ("quick", 2)]
    assert found.averages[0].adjusted == pytest.approx(min(1, 2 * found.averages[0].difference.p))


def test_cells_in_which_nothing_changed_are_not_in_it():
    base, head = accuracies(cells=5, by=-0.02)
    still = side(base[3:], "still")
    found = compare(frame(*side(base[:3]), *still), frame(*side(head[:3], code_id=CODE), *still), METRICS)
    assert [(average.point.experiment, average.cells) for average in found.averages] == [("", 3)]
    assert compare(frame(*still), frame(*still), METRICS).averages == ()


def test_identical_results_of_other_code_are_identical_on_average():
    base, _ = accuracies(cells=3)
    [average] = compared(side(base), side(base)).averages
    assert (average.kind, average.row()["low"]) == ("identical", 0)


def test_only_seeds_that_are_complete_count():
    base, head = accuracies(cells=3, n=5, by=-0.02)
    failing = [list(values) for values in head]
    failing[1][4] = None
    [average] = compared(side(base), side(failing)).averages
    assert average.difference.n == 4
    assert average.reason == "left out, not in every cell: seeds 4"
    assert average.difference.mean == pytest.approx(100 * (head - base)[:, :4].mean())
    assert average.base == pytest.approx(base[:, :4].mean())


def test_no_complete_seed_is_said():
    base, head = accuracies(cells=2, n=3)
    failing = [[head[0][0], None, None], [None, head[1][1], head[1][2]]]
    found = compared(side(base), side(failing), "test_accuracy:1pp")
    [average] = found.averages
    assert (average.kind, average.reason) == ("incomparable", "no seed is complete in all 2 cells")
    assert found.gates[-1].outcome == "not judged"


def test_cells_without_numbers_are_left_out():
    base, head = accuracies(cells=3, by=-0.02)
    failing = [head[0], head[1], [None] * 3]
    [average] = compared(side(base), side(failing)).averages
    assert (average.cells, average.difference.n) == (2, 3)


def test_two_seeds_give_no_verdict():
    base, head = accuracies(cells=3, n=2, by=-0.2)
    found = compared(side(base), side(head), "test_accuracy:1pp")
    assert (found.averages[0].kind, found.gates[-1].outcome) == ("inconclusive", "undetectable")
    assert "n = 2" in found.averages[0].reason


def test_losses_are_averaged_as_log_ratios():
    base = np.array([[1.0, 1.1, 0.9, 1.0], [100.0, 110.0, 95.0, 90.0]])
    head = base * np.array([[1.1, 1.12, 1.09, 1.1], [1.2, 1.21, 1.22, 1.19]])
    [average] = compared(side(base, metric="test_loss"), side(head, metric="test_loss")).averages
    assert average.kind == "worse"
    assert average.row()["effect"] == pytest.approx(100 * (math.exp(np.log(head / base).mean()) - 1))


def test_timings_have_no_average():
    base, head = accuracies(cells=3)
    found = compared(side(base * 100, metric="samples_per_second"), side(head * 50, metric="samples_per_second"))
    assert len(found.changes) == 3
    assert found.averages == ()


def test_from_six_seeds_on_tests_of_symmetry_stand_beside_it():
    base, head = accuracies(cells=3, n=6, by=-0.05)
    assert compared(side(base), side(head)).averages[0].reason == "sign flips p = 0.031, Wilcoxon p = 0.031"
    assert compared(side(base[:, :5]), side(head[:, :5])).averages[0].reason == ""


def test_failures_are_tested_by_the_seeds_that_failed_once():
    base, head = accuracies(cells=1, n=8)
    failing = [[None, *head[0][1:2], None, None, None, None, None, head[0][7]]]
    rows = side([[base[0][0], None, *base[0][2:]]])
    change = compared(rows, side(failing)).changes[0]
    assert (change.base_failed, change.head_failed) == ("1 diverged", "6 diverged")
    assert change.failed_p == pytest.approx(2 * (1 + 7) / 2**7)
    assert change.row()["failed_p"] == change.failed_p
    assert compared(side(base), side(head)).changes[0].failed_p is None


def test_the_variance_has_the_floor_of_the_smallest_test_set():
    base, head = side(np.full((2, 6), 0.5)), side(np.full((2, 6), 0.6))
    base[1] = [{**row, "test_size": 100} for row in base[1]]
    found = compared(base, head)
    assert [change.difference.sd for change in found.changes] == pytest.approx([0.1 / math.sqrt(6), 1 / math.sqrt(6)])
    assert found.averages[0].difference.sd == pytest.approx(1 / math.sqrt(6 * 2))
