"""What numbers say of a statement: its verdict, and how sure it is; and of several statements together.

Each p is the smallest level at which the verdict would be given, so that a verdict at 95% and p ≤ 0.05 are one thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import scipy

from bench.analysis.equivalence import equivalence_p, equivalent
from bench.analysis.shares import Share
from bench.analysis.statistics import FEWEST, LEVEL, Difference, Interval
from bench.statement import Bound

Judgement = Literal["reproduced", "contradicted", "inconclusive", "not run"]
FIRST: tuple[Judgement, ...] = ("contradicted", "not run", "inconclusive", "reproduced")
ALPHA = round(1 - LEVEL, 12)


@dataclass(frozen=True)
class Evidence:
    """What is known of a statement.

    Attributes:
        judgement: the verdict on it.
        supports: p of what reproduces it; None where it was not run.
        refutes: p of what contradicts it.
    """

    judgement: Judgement
    supports: float | None = None
    refutes: float | None = None


NOT_RUN = Evidence("not run")


def of_mean(estimate: Interval, bound: Bound) -> Evidence:
    """Whether a mean over seeds lies inside a bound.

    With its 95% interval [l, u] and the bound (a, b): reproduced when a < l and u < b, contradicted when u < a or l > b.

    Args:
        estimate: the mean, on the scale of the bound.
        bound: where it should lie.
    """
    if estimate.n < FEWEST:
        return NOT_RUN
    supports = max(_p(estimate, end) if _within(estimate.mean, bound) else 1.0 for end in bound.ends)
    return Evidence(_position(estimate, bound), supports, _outside_p(estimate, bound))


def of_equivalence(estimate: Interval, within: float) -> Evidence:
    """Whether a mean is shown to lie within ±`within`: by its 90% interval, and contradicted by its 95% interval.

    Args:
        estimate: the mean.
        within: the amount, on its scale.
    """
    if estimate.n < FEWEST:
        return NOT_RUN
    bound = Bound(-within, within, "")
    supports = equivalence_p(estimate, within)
    refuted = _position(estimate, bound) == "contradicted"
    judgement: Judgement = "contradicted" if refuted else "reproduced" if equivalent(estimate, within) else "inconclusive"
    return Evidence(judgement, 1.0 if supports is None else supports, _outside_p(estimate, bound))


def of_share(found: Share, bound: Bound) -> Evidence:
    """Whether the share of all seeds of which something is true lies inside a bound, by one-sided Clopper–Pearson bounds.

    Args:
        found: of how many of our seeds it is true.
        bound: where the share should lie.
    """
    if found.n < FEWEST:
        return NOT_RUN
    above, below = _binomial_p(found, bound.low, "greater"), _binomial_p(found, bound.high, "less")
    under, over = _binomial_p(found, bound.low, "less"), _binomial_p(found, bound.high, "greater")
    supports = max(p for p in (above, below) if p is not None)
    refutes = min(p for p in (under, over) if p is not None)
    judgement: Judgement = "reproduced" if supports <= ALPHA else "contradicted" if refutes <= ALPHA else "inconclusive"
    return Evidence(judgement, supports, refutes)


def all_of(several: Sequence[Evidence]) -> Evidence:
    """All of several statements: reproduced when each is, contradicted when one is at the level that is corrected for their number.

    Reproduced by the largest p, without correction (intersection–union); contradicted by the smallest p times their
    number, the first step of Holm's.

    Args:
        several: one or more.
    """
    supports = [each.supports for each in several if each.supports is not None]
    refutes = [each.refutes for each in several if each.refutes is not None]
    refuted = min(1.0, len(several) * min(refutes)) if refutes else None
    whole = Evidence(_common(several, "reproduced"), max(supports) if len(supports) == len(several) else None, refuted)
    return replace(whole, judgement="contradicted") if refuted is not None and refuted <= ALPHA else whole


def any_of(several: Sequence[Evidence]) -> Evidence:
    """Any of several statements: reproduced when one is at the level that is corrected for their number, contradicted when each is.

    Args:
        several: one or more.
    """
    return _negated(all_of([_negated(each) for each in several]))


def _negated(evidence: Evidence) -> Evidence:
    """The evidence of the opposite statement."""
    opposite: dict[Judgement, Judgement] = {"reproduced": "contradicted", "contradicted": "reproduced"}
    return Evidence(opposite.get(evidence.judgement, evidence.judgement), evidence.refutes, evidence.supports)


def _common(several: Sequence[Evidence], wanted: Judgement) -> Judgement:
    """The verdict that all share; else that one was not run, or that nothing is shown."""
    judgements = {each.judgement for each in several}
    if judgements == {wanted}:
        return wanted
    return "not run" if "not run" in judgements else "inconclusive"


def _position(estimate: Interval, bound: Bound) -> Judgement:
    """Where the 95% interval lies: inside a bound, wholly outside, or neither."""
    low, high = estimate.ends()
    if low is None or high is None:
        return "inconclusive"
    if bound.low < low and high < bound.high:
        return "reproduced"
    return "contradicted" if high < bound.low or low > bound.high else "inconclusive"


def _within(value: float, bound: Bound) -> bool:
    return bound.low < value < bound.high


def _outside_p(estimate: Interval, bound: Bound) -> float:
    """P of the test that the mean lies beyond the end of the bound that it is beyond; 1 where it is inside."""
    if estimate.mean < bound.low:
        return _p(estimate, bound.low)
    return _p(estimate, bound.high) if estimate.mean > bound.high else 1.0


def _p(estimate: Interval, limit: float) -> float:
    """Two-sided p of the t test that the mean equals a limit: 1 − the largest level whose interval leaves the limit out."""
    shifted = replace(estimate, mean=estimate.mean - limit)
    if isinstance(shifted, Difference) and (limit < 0 < shifted.mean or limit > 0 > shifted.mean):
        # The sign test tells the mean from 0 alone; here 0 lies on the same side of the limit as the mean.
        shifted = replace(shifted, signs_p=0.0)
    if shifted.sd == 0 and not shifted.constant:
        # Identical arms, whose difference is known.
        return float(shifted.mean == 0)
    p = shifted.p
    return 1.0 if p is None else p


def _binomial_p(found: Share, limit: float, side: Literal["greater", "less"]) -> float | None:
    """One-sided p that the share is above, or below, a limit; None where the limit is no limit."""
    return float(scipy.stats.binomtest(found.count, found.n, limit, alternative=side).pvalue) if 0 < limit < 1 else None
