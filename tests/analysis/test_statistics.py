"""Closed forms, an independent paired t test, and exact enumeration; simulations are in test_simulations.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.statistics import differences, fewest_constant, mean_interval, paired, paired_each, relative

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


@pytest.mark.fault("F28")
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


@pytest.mark.fault("F28")
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


@pytest.mark.fault("F28")
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


def test_a_relative_change():
    assert relative(math.log(1.05)) == pytest.approx(0.05)
    assert relative(1e4) == math.inf


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 8, 10])
@pytest.mark.parametrize("moved", [1.0, 0.8, 2 / 3, 0.3])
def test_differences_of_one_image_are_not_significant(n, moved):
    """Exactly, over all outcomes: each seed moves by ±1 image of 1000 with probability `moved`."""
    base = np.full(n, 0.9)
    found = 0.0
    for up in range(n + 1):
        for down in range(n + 1 - up):
            steps = np.repeat([1, -1, 0], [up, down, n - up - down])
            chance = math.comb(n, up) * math.comb(n - up, down) * (moved / 2) ** (up + down) * (1 - moved) ** (n - up - down)
            difference = paired(base, base + 0.001 * steps, "points", 0.001)
            found += chance * rejects(difference)
            low, high = difference.ends()
            assert rejects(difference) == (low is not None and not low <= 0 <= high)
    assert found <= 0.05


def test_moves_of_one_step_have_the_p_of_the_sign_test():
    base, steps = np.full(7, 0.9), np.array([1, 1, 1, 1, 1, 1, -1])
    t_alone = stats.ttest_1samp(steps, 0).pvalue
    found = paired(base, base + 0.001 * steps, "points", 0.001)
    assert t_alone < 0.05 < found.p == pytest.approx(stats.binomtest(6, 7).pvalue)
    assert (found.low, found.ends(0.5)[0] > 0) == (0, True)
    larger = paired(base, base + 0.002 * steps, "points", 0.001)
    assert (larger.signs_p, larger.p) == (0, pytest.approx(t_alone))
    assert paired(base, base + 0.001 * steps, "points").signs_p == 0
    zeros = paired(base, base + 0.001 * np.array([1, 0, 0, 0, 0, 0, 0]), "points", 0.001)
    assert zeros.p == 1


def test_the_average_of_cells_moves_in_smaller_steps():
    steps = np.array([[1, 1], [1, 1], [1, 0], [1, 1], [1, 1], [1, 1]])
    base = np.full(steps.shape, 0.9)
    assert paired(base, base + 0.001 * steps, "points", 0.001).signs_p == 0
    steps[:, 1] = 0
    steps[0] = -1, 0
    assert paired(base, base + 0.001 * steps, "points", 0.001).signs_p == pytest.approx(stats.binomtest(1, 6).pvalue)


def test_the_differences_of_seeds_are_averaged_over_cells():
    random = np.random.default_rng(4)
    base, head = random.uniform(0.2, 0.8, (2, 4, 5))
    assert differences(base, head, "points") == pytest.approx(100 * (head - base).mean(axis=1))
    assert differences(base[:, 0], head[:, 0], "log") == pytest.approx(np.log(head / base)[:, 0])


@pytest.mark.parametrize("scale", ["points", "raw", "log"])
def test_many_samples_at_once_are_judged_as_each_alone(scale):
    random = np.random.default_rng(0)
    counts = np.array([1, 3, 7, 2, 7, 3, 7, 7])
    base = [random.integers(1, 9, count) / 10 for count in counts]
    head = [one + random.integers(-1, 2, len(one)) / 10 for one in base]
    base[2], head[2] = np.full(7, 0.5), np.full(7, 0.6)
    head[4] = base[4]
    steps = np.array([0.1, 0.0, 0.0, 0.1, 0.1, 0.2, 0.0, 0.1])
    together = paired_each(np.concatenate(base), np.concatenate(head), counts, scale, steps)
    alone = [paired(*sample) for sample in zip(base, head, [scale] * len(base), steps, strict=True)]
    assert [repr(together[index]) for index in range(len(together))] == [repr(one) for one in alone]
    assert [None if math.isnan(p) else p for p in together.p.tolist()] == [one.p for one in alone]
    assert len({(one.n, one.scale, one.identical, one.constant, one.signs_p > 0) for one in alone}) > 4
    assert len(paired_each(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), scale, np.empty(0))) == 0
