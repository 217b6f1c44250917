"""Which measures predict the generalization gap, as a table of an experiment."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bench.analysis.convergence import ACCURACY, CROSS_ENTROPY
from bench.analysis.predictors import FEWEST_EFFECTIVE, Prediction, predictions
from bench.analysis.statistics import Interval
from bench.errors import UsageError
from bench.metric import Metric
from bench.report.grid import readable
from bench.report.table import NONE, Cell, Column, Number, Table

_NOTES = (
    "τ: over pairs of cells of one seed, the share that the measure and the generalization gap order alike less the share that they order in opposite ways; "
    "a tie is neither. A measure of which higher is better counts as its negative, so that 1 is a perfect predictor.",
    "Granulated τ: the same over runs that differ on one axis alone (Jiang et al. 2020). A measure can follow the gap over all cells and not along any axis.",
    "Sign error: the share of pairs that differ on one axis alone which it orders wrongly, a tie counting half, so that a coin has 0.5; pairs weigh "
    "max(c − 0.5, 0), c how certain the order of their gaps is over so many test samples (Dziugaite et al. 2020). "
    f"Effective pairs: how many of equal weight they amount to; an axis with fewer than {FEWEST_EFFECTIVE:g} has no sign error. "
    "The largest of several is a little too large, as it was chosen for that.",
    f"Converged: the stop rule's threshold was reached; without a rule a training cross entropy below {CROSS_ENTROPY:g}, or where that is not known a training "
    f"accuracy of {ACCURACY:g} or more. Flatness at unequal training losses says how far a network was trained, too: the rows of all runs have that confound.",
    "Means over seeds with 95% t intervals, given the data, cut to what is possible; cells share seeds, which are the only replicates.",
)


def predictor_table(runs: pd.DataFrame, metrics: Mapping[str, Metric], title: str = "Predictors of the generalization gap") -> Table | None:
    """How each sharpness, norm and margin of an experiment predicts the generalization gap.

    Args:
        runs: rows of one experiment at one state.
        metrics: what the registry says of its metrics.
        title: what stands above.

    Returns:
        One row for each measure over converged runs, and one over all where some have not converged; None where there is
        no measure, no gap, or fewer than four cells; a note alone where a cell has two rows for one seed.
    """
    try:
        found = predictions(runs, metrics)
    except UsageError as error:
        return Table(title, (Column("predictor", "predictor"),), (), (str(error),))
    if not found:
        return None
    axes = list(dict.fromkeys(along.axis for prediction in found for along in prediction.along))
    several = len(axes) > 1
    columns = [Column(name, name.replace("_", " ")) for name in ("predictor", "family", "runs", "cells", "pairs", "effective_pairs")]
    columns += [Column("tau", "τ"), *([Column("granulated", "mean", "granulated τ")] if several else [])]
    columns += [Column(f"granulated {axis}", readable(axis), "granulated τ") for axis in axes]
    columns += [Column("sign_error", "mean" if several else readable(axis), "sign error") for axis in axes[:1]]
    columns += [Column("worst_error", "largest", "sign error"), Column("worst_axis", "along", "sign error")] if several else []
    return Table(title, tuple(columns), tuple(_row(prediction, axes, several) for prediction in found), _NOTES)


def _row(prediction: Prediction, axes: list[str], several: bool) -> tuple[Cell, ...]:
    along = {each.axis: each for each in prediction.along}
    worst = prediction.worst
    granulated = [_number(along[axis].granulated if axis in along else None) for axis in axes]
    return (
        readable(prediction.metric.name),
        prediction.metric.family,
        _runs(prediction),
        prediction.cells,
        sum(each.pairs for each in prediction.along),
        ", ".join(f"{readable(each.axis)} {each.effective:.0f}" for each in prediction.along) or NONE,
        _number(prediction.tau),
        *([_number(prediction.granulated)] if several else []),
        *granulated,
        *([_number(prediction.error, least=0)] if axes else []),
        *([_number(worst.error if worst else None, least=0), readable(worst.axis) if worst else NONE] if several else []),
    )


def _runs(prediction: Prediction) -> str:
    """``converged: 30, 6 dropped``, or ``all: 36``."""
    if not prediction.converged:
        return f"all: {prediction.runs}"
    return f"converged: {prediction.runs}" + (f", {prediction.dropped} dropped" if prediction.dropped else "")


def _number(interval: Interval | None, least: float = -1.0) -> Cell:
    """The mean and its interval, cut to what is possible: at least `least`, at most 1."""
    if interval is None:
        return NONE
    low, high = (None if end is None else min(max(end, least), 1.0) for end in (interval.low, interval.high))
    return Number(interval.mean, low, high, interval.n, form="interval", note=f"n = {interval.n}")
