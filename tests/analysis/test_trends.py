from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from bench.analysis.statistics import mean_interval
from bench.analysis.trends import kendall, page, slope

X = np.log2([16, 32, 64, 256])
VALUES = np.random.default_rng(0).normal(0, 1, (5, 4)) + 0.3 * X


def test_a_slope_is_the_mean_of_those_of_least_squares():
    each = [np.polyfit(X, row, 1)[0] for row in VALUES]
    found, oracle = slope(VALUES, X), mean_interval(each)
    assert (found.mean, found.low, found.high, found.n) == pytest.approx((oracle.mean, oracle.low, oracle.high, 5))
    assert found.p == pytest.approx(stats.ttest_1samp(each, 0).pvalue)


def test_what_a_seed_shares_over_its_points_is_no_trend():
    shifted = VALUES + 100 * np.arange(5)[:, None]
    assert slope(shifted, X).mean == pytest.approx(slope(VALUES, X).mean)
    assert kendall(shifted, X) == kendall(VALUES, X)
    assert page(shifted, X) == page(VALUES, X)


def test_equal_values_have_no_slope_whatever_rounding_leaves():
    found = slope(np.full((4, 4), 0.1), X)
    assert (found.mean, found.p) == (0, 1)
    assert kendall(np.full((4, 4), 0.1), X).mean == 0


def test_the_resolution_is_a_floor_of_the_spread_of_slopes():
    random = np.random.default_rng(1)
    exact = random.uniform(0, 1, (50_000, 4))
    rounding = (np.round(exact, 2) - exact) @ ((X - X.mean()) / ((X - X.mean()) ** 2).sum())
    assert slope(np.full((4, 4), 0.5), X, 0.01).sd == pytest.approx(rounding.std(), rel=0.02)


def test_kendall_counts_pairs_in_order():
    signs = [[np.sign(row[j] - row[i]) for i, j in itertools.combinations(range(4), 2)] for row in VALUES]
    oracle = mean_interval(np.mean(signs, axis=1))
    assert kendall(VALUES, X).mean == pytest.approx(oracle.mean)
    assert kendall(-VALUES, X).mean == pytest.approx(-oracle.mean)
    perfect = kendall([[1, 2, 3], [2, 5, 6], [0, 1, 9]], [1, 2, 3])
    assert (perfect.mean, perfect.constant, perfect.p) == (1, True, 0.25)


def test_page_is_exact():
    """Every seed in order: the chance of it is (1/3!)^n."""
    assert page([[1, 2, 3]] * 3, [1, 2, 3]) == pytest.approx(6.0**-3)
    assert page([[3, 1, 2]] * 3, [30, 10, 20]) == pytest.approx(6.0**-3)
    assert page([[3, 2, 1]] * 3, [1, 2, 3]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: slope([1.0, 2.0], [1, 2]), "one position per point"),
        (lambda: slope([[1.0, 2.0]], [1, 2, 3]), "one position per point"),
        (lambda: kendall([[1.0, np.nan]], [1, 2]), "all finite"),
        (lambda: kendall([[1.0, 2.0]], [1, 1]), "no trend along"),
        (lambda: page([[1.0, 2.0]] * 3, [1, 2]), "three different"),
        (lambda: page([[1.0, 2.0, 3.0]], [1, 2, 3]), "two seeds"),
        (lambda: page([[1.0, 2.0, 3.0]] * 3, [1, 2, 2]), "three different"),
    ],
)
def test_what_has_no_trend_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
