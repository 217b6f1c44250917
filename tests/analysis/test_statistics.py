"""Closed forms, an independent paired t test, and simulations of what the methods hold at few seeds."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.statistics import detectable, fewest_constant, holm, mean_interval, paired, relative

FINITE = st.floats(-1e3, 1e3, allow_nan=False)


def rejects(difference, level=0.95):
    return difference.p is not None and difference.p < 1 - level


@pytest.mark.parametrize("scale", ["points", "raw", "log"])
@pytest.mark.parametrize("n", [3, 5, 12])
def test_paired_agrees_with_scipy(scale, n):
    random = np.random.default_rng(n)
    base, head = random.uniform(0.5, 0.9, n), random.uniform(0.5, 0.9, n)
    transform = {"points": lambda x: 100 * x, "raw": lambda x: x, "log": np.log}[scale]
    oracle = stats.ttest_rel(transform(head), transform(base))
    low, high = oracle.confidence_interval(0.95)
    found = paired(base, head, scale)
    assert [found.mean, found.low, found.high, found.p] == pytest.approx([np.mean(transform(head) - transform(base)), low, high, oracle.pvalue])
    assert found.ends(0.9) == pytest.approx(tuple(oracle.confidence_interval(0.9)))


def test_mean_interval_is_the_t_interval():
    values = [1.0, 2.0, 4.0, 4.5]
    found = mean_interval(values)
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 3, np.mean(values), stats.sem(values)))
    assert (found.mean, found.n) == (pytest.approx(2.875), 4)


def test_one_seed_has_no_interval_and_two_no_verdict():
    for one in (mean_interval([0.5], 0.01), paired([0.5], [0.6], "points", 0.01)):
        assert (one.low, one.high, one.ends(0.5)) == (None, None, (None, None))
        assert "n = 1" in one.obstacle
    two = paired([0.5, 0.6], [0.6, 0.9], "points")
    assert two.low is not None
    assert two.p is None
    assert "n = 2" in two.obstacle


def test_the_resolution_is_a_floor_of_the_variance():
    found = mean_interval([0.9, 0.9, 0.9], resolution=0.01)
    assert found.sd == pytest.approx(0.01 / math.sqrt(12))
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 2) * 0.01 / math.sqrt(36))
    difference = paired([0.5, 0.6, 0.7], [0.5, 0.6, 0.7], "points", 0.01)
    assert difference.sd == pytest.approx(1 / math.sqrt(6))
    assert difference.p == 1
    assert paired([1.0, 4.0], [1.0, 4.0], "log", 0.01).sd == pytest.approx(math.sqrt(1e-4 / 6 * (1 + 1 / 16) / 2))
    wide = paired([0.1, 0.5, 0.2], [0.6, 0.1, 0.9], "points", 0.01)
    assert wide == paired([0.1, 0.5, 0.2], [0.6, 0.1, 0.9], "points")


def test_the_floor_is_the_rounding_of_two_values_drawn_finely():
    random = np.random.default_rng(0)
    base, head = random.uniform(0, 1, (2, 100_000))
    rounding = (np.round(head, 2) - head) - (np.round(base, 2) - base)
    assert paired([0.5] * 3, [0.5] * 3, "raw", 0.01).sd == pytest.approx(rounding.std(), rel=0.01)


@pytest.mark.parametrize("resolution", [0.0, 0.01])
@pytest.mark.parametrize("n", [3, 4, 5, 6, 9])
def test_a_constant_difference_is_judged_by_its_signs(n, resolution):
    base = np.linspace(0.1, 0.9, n)
    found = paired(base, base - 0.1, "points", resolution)
    assert found.constant
    assert found.p >= 2.0 ** (1 - n)
    assert (found.low is None) == (n < 6) == bool(found.obstacle) == (not rejects(found))
    assert fewest_constant(0.95) == 6


def test_rounding_is_no_spread_and_no_difference():
    constant = paired([0.9, 0.8, 0.7], [1.0, 0.9, 0.8], "raw")
    assert np.ptp(np.subtract([1.0, 0.9, 0.8], [0.9, 0.8, 0.7])) > 0
    assert constant.p == 0.25
    base = np.array([0.3, 0.5, 0.7] * 5)
    noise = paired(base, np.nextafter(base, 1), "raw")
    assert (noise.p, noise.identical, noise.constant) == (1, False, False)


def test_identical_values_are_said_to_be_identical():
    found = paired([0.3, 0.1, 0.4], [0.3, 0.1, 0.4], "log")
    assert (found.mean, found.low, found.high, found.p, found.identical, found.obstacle) == (0, 0, 0, 1, True, "")
    assert not paired([0.3, 0.1, 0.4], [0.3, 0.1, np.nextafter(0.4, 1)], "log").identical


def test_equal_values_without_a_resolution_have_no_interval_before_six_seeds():
    assert mean_interval([2.0] * 5).low is None
    assert mean_interval([2.0] * 6).low == 2


def test_log_ratios_become_raw_unless_all_are_positive():
    found = paired([1.0, 2.0, 0.0], [2.0, 3.0, 4.0], "log")
    assert (found.scale, found.unit, found.mean) == ("raw", "", pytest.approx(2.0))
    assert paired([1.0, 2.0], [math.e, 2 * math.e], "log").mean == pytest.approx(1)


def test_cells_are_averaged_per_seed_first():
    random = np.random.default_rng(3)
    base, head = random.uniform(0.2, 0.8, (2, 4, 5))
    assert paired(base, head, "points").low == pytest.approx(paired(base.mean(axis=1), head.mean(axis=1), "points").low)
    assert paired(base, base, "points", 0.01).sd == pytest.approx(1 / math.sqrt(6 * 5))
    assert mean_interval(base).high == pytest.approx(mean_interval(base.mean(axis=1)).high)


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [0.1, math.inf], [[[0.1]]]])
def test_values_that_are_none_are_refused(values):
    with pytest.raises(ValueError, match="all finite"):
        mean_interval(values)


def test_unpaired_shapes_are_refused():
    with pytest.raises(ValueError, match="paired by seed"):
        paired([1.0, 2.0], [1.0], "raw")


@given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=12), st.sampled_from([0.0, 0.01]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_exchanging_the_sides_turns_the_sign_and_order_does_not_matter(pairs, resolution):
    base, head = np.array(pairs).T
    there, back = paired(base, head, "raw", resolution), paired(head, base, "raw", resolution)
    assert there.mean == pytest.approx(-back.mean)
    assert there.p == pytest.approx(back.p)
    turned = paired(base[::-1], head[::-1], "raw", resolution)
    assert turned.p == pytest.approx(there.p)
    if there.low is not None:
        assert there.low == pytest.approx(-back.high)
        assert there.low <= there.mean <= there.high


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values):
    adjusted, alpha = holm(p_values), 0.05
    rejected = set()
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] * (len(p_values) - step) >= alpha:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(adjusted) if p < alpha} == rejected
    assert all(given_p <= p <= 1 for given_p, p in zip(p_values, adjusted, strict=True))


@pytest.mark.parametrize(("n", "alpha"), [(3, 0.05), (5, 0.05), (10, 0.05), (5, 0.005)])
def test_the_detectable_effect_is_detected_at_its_power(n, alpha):
    effect = detectable(n, 2.0, alpha)
    samples = np.random.default_rng(n).normal(effect, 2.0, (20_000, n))
    p = stats.ttest_1samp(samples, 0, axis=1).pvalue
    assert np.mean(p < alpha) == pytest.approx(0.8, abs=0.012)


def test_nothing_is_detectable_below_three_seeds():
    assert detectable(2, 1.0) == math.inf
    assert detectable(5, 0.0) == 0


def test_a_relative_change():
    assert relative(math.log(1.05)) == pytest.approx(0.05)
    assert relative(1e4) == math.inf


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_interval_covers_normal_differences(n):
    random = np.random.default_rng(n)
    base, head = random.normal(0, 1, (2, 4000, n))
    found = [paired(one, other, "raw") for one, other in zip(base, head + 0.5, strict=True)]
    assert np.mean([each.low < 0.5 < each.high for each in found]) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize("n", [3, 4, 5])
@pytest.mark.parametrize("moved", [1.0, 0.8, 2 / 3, 0.3])
def test_differences_of_one_image_are_not_significant(n, moved):
    """Exactly, over all outcomes: each seed moves by ±1 image of 1000 with probability `moved`."""
    base = np.full(n, 0.9)
    chance = {-1: moved / 2, 0: 1 - moved, 1: moved / 2}
    floor = raw = 0.0
    for outcome in itertools.product(chance, repeat=n):
        weight = math.prod(chance[step] for step in outcome)
        floor += weight * rejects(paired(base, base + 0.001 * np.array(outcome), "points", 0.001))
        spread = np.std(outcome, ddof=1)
        raw += weight * ((spread == 0 and outcome[0] != 0) or (spread > 0 and stats.ttest_1samp(outcome, 0).pvalue < 0.05))
    assert floor <= 0.0515
    assert moved < 1 or raw > floor


def test_holm_holds_its_level_over_dependent_cells():
    random = np.random.default_rng(5)
    cells, n, repeats = 12, 5, 1500
    shared = random.normal(0, math.sqrt(0.6), (repeats, 1, n))
    differences = shared + random.normal(0, math.sqrt(0.4), (repeats, cells, n))
    wrong = adjusted = 0
    for family in differences:
        p = [paired(np.zeros(n), each, "raw").p for each in family]
        wrong += min(p) < 0.05
        adjusted += min(holm(p)) < 0.05
    assert adjusted / repeats <= 0.06
    assert wrong / repeats > 0.12


def test_pooling_per_seed_holds_its_level_and_cells_times_seeds_does_not():
    random = np.random.default_rng(6)
    cells, n, repeats = 20, 5, 1500
    shared = random.normal(0, math.sqrt(0.3), (repeats, n, 1))
    differences = shared + random.normal(0, math.sqrt(0.7), (repeats, n, cells))
    pooled = np.mean([rejects(paired(np.zeros((n, cells)), each, "raw")) for each in differences])
    naive = np.mean(stats.ttest_1samp(differences.reshape(repeats, -1), 0, axis=1).pvalue < 0.05)
    assert pooled == pytest.approx(0.05, abs=0.018)
    assert naive > 0.3
