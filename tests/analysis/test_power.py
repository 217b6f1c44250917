from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis.power import MOST_SEEDS, detectable, seeds_needed


@pytest.mark.parametrize(("n", "alpha"), [(3, 0.05), (5, 0.05), (10, 0.05), (5, 0.005)])
def test_the_detectable_effect_is_detected_at_its_power(n, alpha):
    effect = detectable(n, 2.0, alpha)
    samples = np.random.default_rng(n).normal(effect, 2.0, (20_000, n))
    p = stats.ttest_1samp(samples, 0, axis=1).pvalue
    assert np.mean(p < alpha) == pytest.approx(0.8, abs=0.012)


def test_nothing_is_detectable_below_three_seeds():
    assert detectable(2, 1.0) == math.inf
    assert detectable(5, 0.0) == 0


@pytest.mark.parametrize(("effect", "sd", "alpha"), [(1.0, 1.0, 0.05), (-2.0, 1.0, 0.05), (3.0, 2.0, 0.00125), (50.0, 1.0, 0.05)])
def test_the_seeds_needed_are_the_fewest_that_detect_it(effect, sd, alpha):
    n = seeds_needed(effect, sd, alpha)
    assert n >= 3
    assert detectable(n, sd, alpha) <= abs(effect) < detectable(n - 1, sd, alpha)


def test_no_number_of_seeds_finds_nothing():
    assert seeds_needed(0.0, 1.0) is None
    assert seeds_needed(1.0, 1000.0) is None
    assert seeds_needed(0.03, 1.0) < MOST_SEEDS
