"""Rank correlations of a predictor with the generalization gap, in plain loops over every two runs."""

from __future__ import annotations

import itertools
import math


def sign(difference):
    return 0 if abs(difference) < 1e-12 else math.copysign(1, difference)


def concordance(one, other, metric):
    return sign(one[metric] - other[metric]) * sign(one["generalization_gap"] - other["generalization_gap"])


def weight(one, other):
    half = abs(one["generalization_gap"] - other["generalization_gap"]) / 2
    certain = 1.0
    for run in (one, other):
        certain *= max(0.0, 1 - 2 * math.exp(-2 * run["test_size"] * half**2))
    return max(0.0, certain - 0.5)


def differing(one, other, axes):
    return [axis for axis in axes if one[axis] != other[axis]]


def mean(values):
    return sum(values) / len(values) if values else None


def tau(rows, seed, metric):
    """Over all pairs of the cells of a seed."""
    return mean([concordance(one, other, metric) for one, other in itertools.combinations([row for row in rows if row["seed"] == seed], 2)])


def granulated(rows, seed, axis, axes, metric):
    """Jiang's psi: τ of each group of runs that differ on the axis alone, and their mean."""
    groups = {}
    for row in rows:
        if row["seed"] == seed:
            groups.setdefault(tuple(row[other] for other in axes if other != axis), []).append(row)
    return mean([mean([concordance(*pair, metric) for pair in itertools.combinations(group, 2)]) for group in groups.values() if len(group) > 1])


def coupled(rows, axis, axes):
    """Every two runs of one seed that differ on the axis alone."""
    return [pair for pair in itertools.combinations(rows, 2) if pair[0]["seed"] == pair[1]["seed"] and differing(*pair, axes) == [axis]]


def effective(rows, axis, axes):
    weights = [weight(*pair) for pair in coupled(rows, axis, axes)]
    return sum(weights) ** 2 / sum(each**2 for each in weights) if any(weights) else 0.0


def sign_error(rows, seed, axis, axes, metric):
    """The weighted share of wrong orders among the coupled pairs of a seed."""
    pairs = [pair for pair in coupled(rows, axis, axes) if pair[0]["seed"] == seed]
    total = sum(weight(*pair) for pair in pairs)
    return sum(weight(*pair) * (1 - concordance(*pair, metric)) / 2 for pair in pairs) / total if total else None
