from __future__ import annotations

import pytest
from scipy import stats

from bench.analysis.shares import fewest_for_share, mcnemar, share


@pytest.mark.parametrize(("count", "n"), [(0, 5), (3, 5), (10, 10), (28, 30)])
def test_the_bounds_are_those_at_which_the_count_is_just_likely_enough(count, n):
    found = share(count, n)
    assert found.mean == count / n
    if count:
        assert stats.binom.sf(count - 1, n, found.low) == pytest.approx(0.05)
    else:
        assert found.low == 0
    if count < n:
        assert stats.binom.cdf(count, n, found.high) == pytest.approx(0.05)
    else:
        assert found.high == 1


def test_ten_of_ten_do_not_show_four_fifths():
    assert share(10, 10).low == pytest.approx(0.05 ** (1 / 10))
    assert share(10, 10).low < 0.8 < share(14, 14).low


@pytest.mark.parametrize(("misses", "n"), [(0, 14), (1, 22), (2, 30)])
def test_the_fewest_seeds_for_four_fifths(misses, n):
    assert fewest_for_share(0.8, misses) == n
    assert share(n - misses, n).low > 0.8 >= share(n - 1 - misses, n - 1).low


@pytest.mark.parametrize(("count", "n"), [(1, 0), (0, 0), (4, 3), (-1, 3)])
def test_what_is_no_share_is_refused(count, n):
    with pytest.raises(ValueError, match="is no share"):
        share(count, n)


def test_mcnemar_is_a_sign_test_of_the_seeds_that_differ():
    assert mcnemar(0, 0) == 1
    assert mcnemar(0, 5) == mcnemar(5, 0) == pytest.approx(2 * 0.5**5)
    assert mcnemar(1, 5) == pytest.approx(2 * (1 + 6) / 2**6)
    assert mcnemar(3, 3) == 1
