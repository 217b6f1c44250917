"""What a test at few seeds would have found: the smallest effect, and how many seeds an effect takes."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import lru_cache

import scipy

from bench.analysis.statistics import FEWEST, LEVEL

POWER = 0.8
MOST_SEEDS = 10_000


def detectable(n: int, sd: float, alpha: float = 1 - LEVEL, power: float = POWER) -> float:
    """The smallest true mean that a two-sided t test at `alpha` finds with the given power.

    Args:
        n: seeds.
        sd: standard deviation over seeds (of the differences), in any unit.
        alpha: level of the test, divided by the number of tests where there are several.
        power: probability of finding it.

    Returns:
        The mean in the unit of `sd`: δ sd / √n with δ from the noncentral t distribution; infinity below `FEWEST` seeds.
    """
    return math.inf if n < FEWEST else _noncentrality(n, alpha, power) * sd / math.sqrt(n)


def seeds_needed(effect: float, sd: float, alpha: float = 1 - LEVEL, power: float = POWER) -> int | None:
    """How many seeds a two-sided t test at `alpha` takes to find a true mean with the given power.

    Args:
        effect: the true mean, in the unit of `sd`; its sign does not matter.
        sd: standard deviation over seeds (of the differences).
        alpha: level of the test, divided by the number of tests where there are several.
        power: probability of finding it.

    Returns:
        The smallest n whose `detectable` mean is not above the effect; None where it is more than `MOST_SEEDS`.
    """
    counts = range(FEWEST, MOST_SEEDS + 1)
    place = bisect_left(counts, -abs(effect), key=lambda n: -detectable(n, sd, alpha, power))
    return counts[place] if place < len(counts) else None


@lru_cache(maxsize=4096)
def _noncentrality(n: int, alpha: float, power: float) -> float:
    critical = float(scipy.special.stdtrit(n - 1, 1 - alpha / 2))
    return float(scipy.special.nctdtrinc(n - 1, 1 - power, critical))
