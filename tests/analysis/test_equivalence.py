from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.equivalence import equivalence_p, equivalent
from bench.analysis.statistics import mean_interval, paired

BASE = np.array([0.5, 0.7, 0.6, 0.8, 0.65, 0.4])


def moved(*steps):
    return paired(BASE[: len(steps)], BASE[: len(steps)] + np.array(steps), "raw")


def test_p_is_that_of_two_one_sided_t_tests():
    steps = np.array([0.01, -0.02, 0.03, 0.0, 0.01])
    for within in (0.01, 0.03, 0.1):
        lower = stats.ttest_1samp(steps, -within, alternative="greater").pvalue
        upper = stats.ttest_1samp(steps, within, alternative="less").pvalue
        assert equivalence_p(moved(*steps), within) == pytest.approx(max(lower, upper))


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=10), st.floats(0, 2))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_equivalent_means_that_p_is_at_most_a_twentieth(values, within):
    estimate = mean_interval(values)
    p = equivalence_p(estimate, within)
    assert (p is None) == bool(estimate.obstacle)
    if p is None:
        assert not equivalent(estimate, within)
    elif abs(p - 0.05) > 1e-9 and estimate.sd > 0:
        assert equivalent(estimate, within) == (p < 0.05)


def test_few_seeds_and_no_amount_show_nothing():
    assert not equivalent(moved(0.0001, -0.0001), 1.0)
    assert equivalence_p(moved(0.0001, -0.0001), 1.0) is None
    assert not equivalent(moved(0.001, -0.001, 0.0), math.nan)


def test_a_constant_difference_is_within_an_amount_from_six_seeds_on():
    five, six = moved(*[0.01] * 5), moved(*[0.01] * 6)
    assert (equivalent(five, 0.02), equivalence_p(five, 0.02)) == (False, None)
    assert (equivalent(six, 0.02), equivalence_p(six, 0.02)) == (True, 0.0)
    assert (equivalent(six, 0.005), equivalence_p(six, 0.005)) == (False, 1.0)
