"""Numbers of many cells, taken together, against a loop over the rows of each."""

from __future__ import annotations

import numpy as np
import pytest

from bench.analysis.pairing import Pair, numbers
from bench.analysis.points import points
from tests.analysis.demo_rows import cell, frame, row


def sides(draw):
    """Base and head of five cells, in which seeds, values and good ends are missing at random; the last has one seed."""
    rows = []
    for width in range(5):
        seeds = np.flatnonzero(draw.random(8) < 0.8) if width < 4 else [9]
        values = [float(draw.random()) if draw.random() < 0.8 else None for _ in seeds]
        statuses = ["ok" if draw.random() < 0.8 else "diverged" for _ in seeds]
        made = zip(seeds, values, statuses, strict=True)
        rows.append([row(cell(width=width), int(seed), {"width": str(width)}, test_accuracy=value, status=status) for seed, value, status in made])
    rows[-1] = rows[-1] or [row(cell(width=4), 9, {"width": "4"}, test_accuracy=0.5)]
    return points(frame(*rows))


@pytest.mark.parametrize("draw", range(20))
def test_each_cell_has_its_own(draw):
    random = np.random.default_rng(draw)
    base, head = sides(random), sides(random)
    pairs = [Pair(point, base[point], head[point]) for point in sorted(base.keys() & head.keys())]
    found = numbers(pairs, "test_accuracy")
    assert len(found) == len(pairs)
    for pair, (seeds, before, after) in zip(pairs, found, strict=True):
        common = [
            seed
            for seed in sorted(pair.base.keys() & pair.head.keys())
            if all(side[seed]["status"] == "ok" and side[seed]["test_accuracy"] is not None for side in (pair.base, pair.head))
        ]
        assert seeds.tolist() == common
        assert before.tolist() == [pair.base[seed]["test_accuracy"] for seed in common]
        assert after.tolist() == [pair.head[seed]["test_accuracy"] for seed in common]


def test_a_metric_that_is_in_no_row_has_no_numbers():
    base = sides(np.random.default_rng(0))
    pairs = [Pair(point, rows, rows) for point, rows in base.items()]
    assert [len(found.seeds) for found in numbers(pairs, "no_such_metric")] == [0] * len(pairs)
    assert numbers([], "test_accuracy") == []
