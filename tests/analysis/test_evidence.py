"""Verdicts and p values are one thing: p is the smallest level at which the interval gives the verdict."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.evidence import ALPHA, NOT_RUN, Evidence, all_of, any_of, of_equivalence, of_mean, of_share
from bench.analysis.shares import share
from bench.analysis.statistics import mean_interval, paired
from bench.statement import Bound

MANY = settings(max_examples=150, deadline=None, database=None, derandomize=True)
VALUES = st.lists(st.integers(-20, 20).map(lambda value: value / 1000), min_size=3, max_size=9)
ENDS = st.integers(-30, 30).map(lambda value: value / 10 + 0.05)
REPRODUCED, CONTRADICTED, OPEN = Evidence("reproduced", 0.01, 1.0), Evidence("contradicted", 1.0, 0.01), Evidence("inconclusive", 0.5, 1.0)


def position(ends, bound):
    low, high = ends
    if low is None:
        return "inconclusive"
    inside = bound.low < low and high < bound.high
    return "reproduced" if inside else "contradicted" if high < bound.low or low > bound.high else "inconclusive"


@MANY
@given(VALUES, ENDS, st.floats(0.05, 3) | st.just(math.inf), st.sampled_from([0.0, 0.001]))
def test_p_is_the_smallest_level_of_the_verdict(values, low, width, resolution):
    bound = Bound(low, low + width, "")
    for estimate in (paired([0.5] * len(values), [0.5 + value for value in values], "points", resolution), mean_interval(100 * np.array(values), resolution)):
        found = of_mean(estimate, bound)
        assert found.judgement == position(estimate.ends(), bound)
        for p, judgement in ((found.supports, "reproduced"), (found.refutes, "contradicted")):
            assert (p <= ALPHA) == (found.judgement == judgement)
            for alpha in (p * 1.01, p * 0.99):
                if 1e-9 < alpha < 1:
                    assert (position(estimate.ends(1 - alpha), bound) == judgement) == (alpha > p), (p, alpha)


@MANY
@given(VALUES, st.floats(0.05, 3))
def test_an_equivalence_agrees_with_its_intervals(values, within):
    estimate = paired([0.5] * len(values), [0.5 + value for value in values], "points", 0.001)
    found = of_equivalence(estimate, within)
    low, high = estimate.ends(0.9)
    wholly_inside = low is not None and not estimate.obstacle and -within <= low <= high <= within
    assert (found.judgement == "reproduced") == wholly_inside == (found.supports <= ALPHA)
    assert (found.judgement == "contradicted") == (position(estimate.ends(), Bound(-within, within, "")) == "contradicted") == (found.refutes <= ALPHA)


@MANY
@given(st.integers(3, 40), st.data())
def test_a_share_agrees_with_its_bounds(n, data):
    found = share(data.draw(st.integers(0, n)), n)
    low = data.draw(st.floats(0.05, 0.9))
    for bound in (Bound(low, math.inf, ""), Bound(-math.inf, low, ""), Bound(low, 0.95, "")):
        judgement = of_share(found, bound).judgement
        assert (judgement == "reproduced") == (bound.low <= found.low and found.high <= bound.high)
        assert (judgement == "contradicted") == (found.high < bound.low or found.low > bound.high)


def test_too_few_seeds_are_no_evidence():
    assert of_mean(mean_interval([1.0, 2.0]), Bound(0, math.inf, "")) == NOT_RUN
    assert of_equivalence(paired([1.0, 2.0], [1.0, 2.0], "raw"), 1.0) == NOT_RUN
    assert of_share(share(2, 2), Bound(0.5, math.inf, "")) == NOT_RUN


@pytest.mark.parametrize(
    ("several", "all_", "any_"),
    [
        ([REPRODUCED], "reproduced", "reproduced"),
        ([CONTRADICTED], "contradicted", "contradicted"),
        ([REPRODUCED, REPRODUCED], "reproduced", "reproduced"),
        ([CONTRADICTED, CONTRADICTED], "contradicted", "contradicted"),
        ([REPRODUCED, CONTRADICTED], "contradicted", "reproduced"),
        ([REPRODUCED, OPEN], "inconclusive", "reproduced"),
        ([CONTRADICTED, OPEN], "contradicted", "inconclusive"),
        ([REPRODUCED, NOT_RUN], "not run", "reproduced"),
        ([CONTRADICTED, NOT_RUN], "contradicted", "not run"),
        ([OPEN, NOT_RUN], "not run", "not run"),
        ([REPRODUCED] + [OPEN] * 5, "inconclusive", "inconclusive"),
        ([CONTRADICTED] + [OPEN] * 5, "inconclusive", "inconclusive"),
    ],
)
def test_several_statements(several, all_, any_):
    assert (all_of(several).judgement, any_of(several).judgement) == (all_, any_)


def test_p_values_of_several_statements():
    several = [Evidence("reproduced", 0.03, 0.8), Evidence("reproduced", 0.01, 1.0)]
    assert (all_of(several).supports, all_of(several).refutes) == (0.03, 1.0)
    assert (any_of(several).supports, any_of(several).refutes) == (0.02, 1.0)
    assert (all_of([*several, NOT_RUN]).supports, any_of([*several, NOT_RUN]).supports) == (None, 0.03)


def test_false_contradictions_of_true_statements_are_rare():
    """Under no effect, "every of ten cells is not worse" is contradicted in 5% at most, its halves together."""
    random = np.random.default_rng(0)
    shared = random.normal(size=(400, 5, 1))
    tables = 0.6 * shared + 0.8 * random.normal(size=(400, 5, 10))
    found = [all_of([of_mean(mean_interval(table[:, cell]), Bound(0, math.inf, "")) for cell in range(10)]).judgement for table in tables]
    assert stats.binomtest(found.count("contradicted"), 400, 0.05, alternative="greater").pvalue > 0.01
