"""Which measures predict the generalization gap: rank correlations over cells and over coupled pairs, and sign errors.

Every statistic is taken within each seed, where cells share initial weights and data order, and then over seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from bench.analysis.convergence import converged
from bench.analysis.coupled import Indices, Pairs, concordance, coupled, weights
from bench.analysis.statistics import Interval, Values, mean_interval
from bench.errors import UsageError
from bench.metric import Metric

GAP = "generalization_gap"
FEWEST_CELLS = 4
"""An experiment, or a seed, with fewer cells gives no rank correlation."""
FEWEST_EFFECTIVE = 12.0
"""An axis whose pairs amount to fewer certain ones gives no sign error (Dziugaite et al. 2020)."""
_AXIS = "axis."
_DIGITS = 12
"""Gaps are differences of counted shares: what differs beyond these digits is rounding, and no difference."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Along:
    """What a predictor says where one axis alone is changed.

    Attributes:
        axis: its name.
        granulated: Jiang's ψ: the mean over groups of runs that are equal otherwise of their Kendall's τ.
        error: the weighted share of coupled pairs that it orders wrongly; None where too few are certain.
        pairs: how many coupled pairs of runs there are.
        effective: how many equally certain pairs they amount to: (Σ w)² / Σ w².
    """

    axis: str
    granulated: Interval | None
    error: Interval | None
    pairs: int
    effective: float


@dataclass(frozen=True)
class Prediction:
    """How well a measure predicts the generalization gap; signs are such that a good predictor has τ = 1.

    Attributes:
        metric: the measure; where higher is better its negative is the predictor.
        converged: whether only converged runs count.
        runs: how many runs count.
        dropped: how many do not, as they have not converged.
        cells: in how many cells they are.
        tau: Kendall's τ over the cells of a seed, and its mean over seeds; None where no seed has enough cells.
        granulated: the mean of ψ over the axes, over seeds that have it on all of them.
        error: the mean over the axes of the sign error, over seeds that have it on all axes where it can be told.
        along: the axes that have coupled pairs.
    """

    metric: Metric
    converged: bool
    runs: int
    dropped: int
    cells: int
    tau: Interval | None
    granulated: Interval | None
    error: Interval | None
    along: tuple[Along, ...]

    @property
    def worst(self) -> Along | None:
        """The axis with the largest sign error, which is the robust one: the largest over environments."""
        told = [along for along in self.along if along.error is not None]
        return max(told, key=lambda along: along.error.mean if along.error else -math.inf, default=None)


@dataclass(frozen=True)
class _Runs:
    """The runs that are ok and have a gap, as numbers: (runs,) each, and the coupled pairs of each axis that has some."""

    frame: pd.DataFrame
    seeds: Indices
    cells: Indices
    gaps: Values
    sizes: Values
    converged: Mask
    pairs: Mapping[str, Pairs]


def predictors(runs: pd.DataFrame, metrics: Mapping[str, Metric]) -> list[Metric]:
    """The measures of a family that have values in some row, by family and name.

    Args:
        runs: rows of `runs`.
        metrics: what the registry says of its metrics.
    """
    found = [metric for metric in metrics.values() if metric.family and metric.name in runs and runs[metric.name].notna().any()]
    return sorted(found, key=lambda metric: (metric.family, metric.name))


def predictions(runs: pd.DataFrame, metrics: Mapping[str, Metric]) -> list[Prediction]:
    """How each candidate predicts the generalization gap, from converged runs and, where some have not, from all.

    τ of a seed is the mean over pairs of its cells of sign(Δ predictor) · sign(Δ gap), a tie counting 0.

    Args:
        runs: rows of one experiment at one state.
        metrics: what the registry says of its metrics.

    Returns:
        One or two for each candidate; none if there is no gap, no candidate, or fewer than `FEWEST_CELLS` cells.

    Raises:
        UsageError: if a cell has two rows for one seed.
    """
    candidates = predictors(runs, metrics)
    if GAP not in runs or not candidates:
        return []
    known = _known(runs)
    if len(np.unique(known.cells)) < FEWEST_CELLS:
        return []
    return [prediction for metric in candidates for prediction in _both(known, metric)]


def _known(runs: pd.DataFrame) -> _Runs:
    """Numbers of the runs that count; axes are numbered by their values, a value that does not apply being one.

    Raises:
        UsageError: if a cell has two rows for one seed.
    """
    chosen = runs[(runs["status"] == "ok") & np.isfinite(_values(runs, GAP))]
    names = [str(column) for column in chosen if str(column).startswith(_AXIS)]
    axes = np.column_stack([np.zeros(len(chosen), dtype=np.intp), *(pd.factorize(chosen[name])[0] for name in names)])
    seeds = pd.factorize(chosen["seed"], sort=True)[0]
    cells = np.unique(axes, axis=0, return_inverse=True)[1].reshape(-1)
    if len(np.unique(np.column_stack([cells, seeds]), axis=0)) < len(chosen):
        raise UsageError("a cell has two rows for one seed", hint="Select the rows of one experiment at one state: one commit, one diff_hash.")
    found = {name.removeprefix(_AXIS): coupled(seeds, axes, index) for index, name in enumerate(names, 1)}
    pairs = {axis: pairs for axis, pairs in found.items() if len(pairs.first)}
    gaps = _values(chosen, GAP).round(_DIGITS)
    return _Runs(chosen, seeds, cells, gaps, _values(chosen, "test_size"), converged(chosen), pairs)


def _values(runs: pd.DataFrame, column: str) -> Values:
    return runs[column].to_numpy(np.float64, na_value=np.nan)


def _both(runs: _Runs, metric: Metric) -> list[Prediction]:
    values = _values(runs.frame, metric.name) * (-1.0 if metric.better == "higher" else 1.0)
    measured = np.isfinite(values)
    kept = measured & runs.converged
    ways = [(True, kept)] if kept.sum() == measured.sum() else [(True, kept), (False, measured)]
    return [_prediction(runs, metric, values, used, only) for only, used in ways]


def _prediction(runs: _Runs, metric: Metric, values: Values, used: Mask, only_converged: bool) -> Prediction:
    along, granulated, errors = [], [], []
    for axis, pairs in runs.pairs.items():
        inside = pairs.within(used)
        if not len(inside.first):
            continue
        agreement, certain = concordance(values, runs.gaps, inside), weights(runs.gaps, runs.sizes, inside)
        granulated.append(_granulated(agreement, inside, runs.seeds))
        total = float(certain.sum())
        effective = total**2 / float((certain**2).sum()) if total else 0.0
        if told := effective >= FEWEST_EFFECTIVE:
            errors.append(_errors(agreement, certain, runs.seeds[inside.first], len(granulated[-1])))
        along.append(Along(axis, _interval(granulated[-1]), _interval(errors[-1]) if told else None, len(inside.first), effective))
    return Prediction(
        metric,
        only_converged,
        int(used.sum()),
        int((np.isfinite(values) & ~used).sum()),
        len(np.unique(runs.cells[used])),
        _interval(_taus(values, runs, used)),
        _mean(granulated),
        _mean(errors),
        tuple(along),
    )


def _taus(values: Values, runs: _Runs, used: Mask) -> Values:
    """τ of each seed, NaN where it has too few cells."""
    places = [np.flatnonzero(used & (runs.seeds == seed)) for seed in range(runs.seeds.max(initial=-1) + 1)]
    return np.array([_tau(values[place], runs.gaps[place]) if len(place) >= FEWEST_CELLS else np.nan for place in places])


def _tau(values: Values, gaps: Values) -> float:
    """The mean of sign · sign over all pairs, from τ_b, which leaves out ties and takes n log n."""
    pairs = len(values) * (len(values) - 1) / 2
    untied = [pairs - sum(count * (count - 1) / 2 for count in np.unique(side, return_counts=True)[1].tolist()) for side in (values, gaps)]
    if 0 in untied:
        return 0.0
    # The difference of two counts: rounding of the root must not make it another number.
    return round(float(scipy.stats.kendalltau(values, gaps, method="asymptotic").statistic) * math.sqrt(untied[0] * untied[1])) / pairs


def _granulated(agreement: Values, pairs: Pairs, seeds: Indices) -> Values:
    """ψ of each seed: the mean over its groups of the mean concordance in a group; NaN where it has none."""
    sums, counts = np.bincount(pairs.group, agreement), np.bincount(pairs.group)
    groups, places = np.unique(pairs.group, return_index=True)
    return _ratio(seeds[pairs.first[places]], sums[groups] / counts[groups], np.ones(len(groups)), int(seeds.max()) + 1)


def _errors(agreement: Values, certain: Values, seeds: Indices, count: int) -> Values:
    """The weighted sign error of each seed; NaN where no pair of it is certain."""
    return _ratio(seeds, certain * (1 - agreement) / 2, certain, count)


def _ratio(seeds: Indices, values: Values, weight: Values, count: int) -> Values:
    """Σ values / Σ weight of each of `count` seeds, NaN where nothing weighs."""
    total = np.bincount(seeds, weight, count)
    ratio: Values = np.divide(np.bincount(seeds, values, count), total, out=np.full(count, np.nan), where=total > 0)
    return ratio


def _mean(each: Sequence[Values]) -> Interval | None:
    """The mean over axes of each seed that all of them have, and its interval over seeds."""
    return _interval(np.mean(each, axis=0)) if each else None


def _interval(each: Values) -> Interval | None:
    """The mean over the seeds that have a value."""
    known = each[np.isfinite(each)]
    return mean_interval(known) if len(known) else None
