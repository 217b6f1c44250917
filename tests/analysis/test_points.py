from __future__ import annotations

import pytest

from bench.analysis.points import listed, resolution, value
from tests.analysis.demo_rows import ACCURACY, LOSS, cell, row


def test_a_value_counts_only_if_the_run_is_ok():
    stale = row(cell(), 0, {}, status="crashed", test_accuracy=0.1)
    assert value(stale, "test_accuracy") is None


def test_the_resolution_is_one_sample():
    rows = [row(cell(), 0, {}, test_size=360), row(cell(), 1, {}, test_size=400)]
    assert resolution(ACCURACY, rows) == 1 / 360
    assert resolution(LOSS, rows) == 0


@pytest.mark.parametrize(("given", "text"), [([], ""), ([3], "3"), ([4, 0, 1, 2, 7, 8], "0–2, 4, 7–8")])
def test_seeds_are_listed_as_ranges(given, text):
    assert listed(given) == text
