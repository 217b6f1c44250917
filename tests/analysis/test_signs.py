from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.signs import DRAWN, EXACT, sign_flip, wilcoxon


def test_sign_flips_are_those_of_scipy():
    random = np.random.default_rng(0)
    for n in (6, 8):
        each = random.normal(0.5, 1, n)
        oracle = stats.permutation_test((each,), np.mean, permutation_type="samples", n_resamples=np.inf)
        assert sign_flip(each) == pytest.approx([oracle.pvalue])


def test_against_a_control_the_largest_statistic_is_the_reference():
    table = np.random.default_rng(1).normal([0.2, 1.0, 0.6], 1, (7, 3))

    def statistics(signs):
        return [abs(stats.ttest_1samp(signs * column, 0).statistic) for column in table.T]

    observed = statistics(np.ones(7))
    largest = [max(statistics(np.array(signs))) for signs in itertools.product([1, -1], repeat=7)]
    assert sign_flip(table) == pytest.approx([np.mean([top >= value - 1e-9 for top in largest]) for value in observed])
    for joint, alone in zip(sign_flip(table), map(sign_flip, table.T), strict=True):
        assert alone[0] <= joint <= 3 * alone[0] + 1e-12


def test_nothing_is_said_below_six_seeds():
    assert sign_flip([1.0] * 5) is None
    assert wilcoxon([1.0] * 5) is None
    assert sign_flip([1.0] * 6) == [2 / 2**6]
    assert wilcoxon([1.0, 2, 3, 4, 5, 6]) == pytest.approx(2 / 2**6)


def test_no_difference_at_all():
    assert sign_flip([0.0] * 6) == [1]
    assert wilcoxon([0.0] * 6) == 1
    assert sign_flip(np.zeros((6, 2))) == [1, 1]


def test_many_seeds_are_drawn_the_same_each_time():
    each = np.random.default_rng(2).normal(0.4, 1, EXACT + 2)
    [drawn] = sign_flip(each)
    exact = stats.permutation_test((each,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True).pvalue
    assert sign_flip(each) == [drawn]
    assert drawn == pytest.approx(exact, abs=4 * (exact / DRAWN) ** 0.5)
    assert sign_flip(np.full(EXACT + 20, 1.0)) == [1 / DRAWN]


@given(st.lists(st.integers(-20, 20), min_size=6, max_size=10))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_turning_every_sign_changes_nothing(each):
    flipped = [-value for value in each]
    assert sign_flip(each) == sign_flip(flipped)
    assert wilcoxon(each) == pytest.approx(wilcoxon(flipped))
