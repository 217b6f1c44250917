"""Numbers of many cells, taken together, against a loop over the rows of each."""

from __future__ import annotations

import numpy as np
import pytest

from bench.analysis.measured import Cells
from bench.analysis.pairing import Sides
from bench.analysis.placed import Placed
from bench.analysis.points import resolution
from tests.analysis.demo_rows import ACCURACY, CLUSTERS, cell, frame, row


def side(draw):
    """Base or head of five cells, in which seeds, values and good ends are missing at random; the last has one seed."""
    rows = []
    for width in range(5):
        seeds = np.flatnonzero(draw.random(8) < 0.8) if width < 4 else [9]
        values = [float(draw.random()) if draw.random() < 0.8 else None for _ in seeds]
        statuses = ["ok" if draw.random() < 0.8 else "diverged" for _ in seeds]
        made = zip(seeds, values, statuses, strict=True)
        columns = [
            {
                "hardware": draw.choice(["one", "two"], p=[0.9, 0.1]),
                "test_size": int(draw.integers(1, 4)) * 100,
                "code_id": str(draw.random() < 0.9),
                "pack": str(draw.integers(3)),
            }
            for _ in seeds
        ]
        rows.append(
            [
                row(cell(width=width), int(seed), {"width": str(width)}, test_accuracy=value, status=status, **more)
                for (seed, value, status), more in zip(made, columns, strict=True)
            ]
        )
    rows[-1] = rows[-1] or [row(cell(width=4), 9, {"width": "4"}, test_accuracy=0.5)]
    # Rows of a cell need not lie together.
    return Placed(frame(*rows).sample(frac=1, random_state=int(draw.integers(1000))))


def drawn(draw):
    random = np.random.default_rng(draw)
    both = Sides(side(random), side(random))
    return Cells(both, both.common)


def pairs(cells):
    return [cells.pair(place) for place in range(len(cells))]


def sound(pair):
    """The common seeds that are ok and measured on both sides."""
    rows = {seed: (pair.base[seed], pair.head[seed]) for seed in sorted(pair.base.keys() & pair.head.keys())}
    return {seed: both for seed, both in rows.items() if all(side["status"] == "ok" and side["test_accuracy"] is not None for side in both)}


@pytest.mark.parametrize("draw", range(20))
def test_the_cells_are_those_with_a_common_seed(draw):
    random = np.random.default_rng(draw)
    base, head = dict(side(random)), dict(side(random))
    common = {point: sorted(base[point].keys() & head[point].keys()) for point in sorted(base.keys() & head.keys())}
    cells = drawn(draw)
    assert cells.points == tuple(point for point, seeds in common.items() if seeds)
    assert [(cells.points[place], seed) for place, seed in zip(cells.cell.tolist(), cells.seed.tolist(), strict=True)] == [
        (point, seed) for point, seeds in common.items() for seed in seeds
    ]
    rows = [(base[point][seed], head[point][seed]) for point, seeds in common.items() for seed in seeds]
    wanted = [(one, other) for one, other in rows if one["pack"] != other["pack"]]
    assert wanted
    assert cells.differing("pack") == wanted


@pytest.mark.parametrize("draw", range(20))
def test_each_cell_has_its_own_numbers(draw):
    cells = drawn(draw)
    found = cells.numbers("test_accuracy")
    for place, pair in enumerate(pairs(cells)):
        mine, rows = found.of(np.arange(len(cells)) == place), sound(pair)
        assert mine.cell.tolist() == [place] * len(rows)
        assert mine.seed.tolist() == list(rows)
        assert mine.base.tolist() == [base["test_accuracy"] for base, _ in rows.values()]
        assert mine.head.tolist() == [head["test_accuracy"] for _, head in rows.values()]


@pytest.mark.parametrize("draw", range(20))
def test_each_cell_has_its_own_timings_one_for_each_pair_of_packs(draw):
    cells = drawn(draw)
    found = cells.timings("test_accuracy")
    for place, pair in enumerate(pairs(cells)):
        packs = {}
        for base, head in sound(pair).values():
            packs.setdefault((base["pack"], head["pack"]), []).append((base["test_accuracy"], head["test_accuracy"]))
        mine = found.of(np.arange(len(cells)) == place)
        wanted = [np.mean(packs[names], axis=0) for names in sorted(packs)]
        assert np.allclose(np.stack([mine.base, mine.head], axis=1), np.reshape(wanted, (-1, 2)), rtol=1e-12)


@pytest.mark.parametrize("draw", range(20))
def test_each_cell_has_its_own_remarks(draw):
    cells = drawn(draw)
    rows = [[row for both in pair.rows for row in both] for pair in pairs(cells)]
    assert cells.timing_obstacles == [pair.timing_obstacle for pair in pairs(cells)]
    assert cells.resolutions(ACCURACY).tolist() == [resolution(ACCURACY, mine) for mine in rows]
    assert cells.resolutions(CLUSTERS).tolist() == [0.0] * len(cells)
    unchanged = [all(base[key] == head[key] for base, head in pair.rows for key in ("run_id", "code_id")) for pair in pairs(cells)]
    assert cells.unchanged.tolist() == unchanged


def test_the_draws_differ_in_what_they_are_about():
    every = [drawn(draw) for draw in range(20)]
    assert {bool(obstacle) for cells in every for obstacle in cells.timing_obstacles} == {True, False}
    assert {bool(same) for cells in every for same in cells.unchanged} == {True, False}


def test_a_metric_that_is_in_no_row_has_no_numbers():
    cells, whole = drawn(0), side(np.random.default_rng(0))
    assert [len(values) for values in cells.numbers("no_such_metric")] == [0] * 4
    assert [len(values) for values in cells.timings("no_such_metric")] == [0] * 4
    assert [len(values) for values in Cells(Sides(whole, whole), []).numbers("test_accuracy")] == [0] * 4


def test_seeds_that_no_float_can_tell_apart_are_two():
    rows = Placed(frame(*[row(cell(), 2**60 + seed, {}, test_accuracy=0.5) for seed in range(2)]))
    assert Cells(Sides(rows, rows), list(rows)).numbers("test_accuracy").seed.tolist() == [2**60, 2**60 + 1]
