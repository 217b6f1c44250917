"""Means over seeds with their intervals, as lines and bands, and the part of an axis that shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from numpy.typing import NDArray

from bench.analysis.statistics import mean_intervals
from bench.report.lines import Line

WIDE_RANGE = 30
ROOM = 0.4
FEW_POINTS = 12
"""So many points are shown as such: a line alone through two of them looks as if there were values between."""

GEOMETRIC = " (geometric mean)"

Values = NDArray[np.float64]
Means = tuple[Values, Values, Values, Values]
"""Points, means, lower and upper ends."""


def over_seeds(values: pd.DataFrame, x: str, y: str, geometric: bool = False) -> Means:
    """The mean over runs and its 95% t interval, where every run has a value.

    Args:
        values: columns ``of`` (the run), `x` and `y`; one row per run and point.
        x: the column along the axis.
        y: the column that is averaged.
        geometric: whether mean and interval are those of log y, taken back; then y must be positive.

    Returns:
        Points, means, lower and upper ends; the ends are NaN for one run.
    """
    points, table = _complete(values, x, y)
    intervals = mean_intervals(list((np.log(table) if geometric else table).T))
    drawn = [(one.mean, math.nan, math.nan) if one.low is None or one.high is None else (one.mean, one.low, one.high) for one in intervals]
    mean, low, high = np.array(drawn, dtype=np.float64).reshape(-1, 3).T
    return (points, np.exp(mean), np.exp(low), np.exp(high)) if geometric else (points, mean, low, high)


def _complete(values: pd.DataFrame, x: str, y: str) -> tuple[Values, Values]:
    """The points where every run has a value, and a table of runs by points, filled without pandas' pivot, which costs more than all else."""
    # In order, so that sums do not depend on that of the rows.
    row, runs = pd.factorize(values["of"], sort=True)
    points, column = np.unique(values[x].to_numpy(dtype=np.float64), return_inverse=True)
    given = values[y].to_numpy(dtype=np.float64)
    table = np.full((len(runs), len(points)), np.nan)
    known = np.flatnonzero(~np.isnan(given))[::-1]  # backwards, so that of two values the first stays
    table[row[known], column[known]] = given[known]
    complete = ~np.isnan(table).any(axis=0)
    return points[complete], table[:, complete]


def spans_decades(values: pd.Series[float]) -> bool:
    """Whether values are positive and their largest is more than `WIDE_RANGE` times their smallest: a logarithmic axis suits them."""
    known = values.dropna()
    return len(known) > 0 and bool(known.min() > 0) and bool(known.max() > WIDE_RANGE * known.min())


def draw_lines(place: Axes, lines: Sequence[tuple[Line, Means]]) -> None:
    """Means as lines, and their intervals as bands, which are one object, as many are slow."""
    bands: list[Values] = []
    colours: list[Any] = []
    for line, (x, mean, low, high) in lines:
        place.plot(x, mean, color=line.colour, linestyle=line.dash, marker="o" if len(x) <= FEW_POINTS else None, markersize=3, label=line.name)
        outlines = [np.concatenate([np.column_stack([x, low])[part], np.column_stack([x, high])[part[::-1]]]) for part in _known(low)]
        bands += outlines
        colours += [line.colour] * len(outlines)
    place.add_collection(PolyCollection(bands, facecolors=colours, alpha=0.2, linewidths=0))
    place.autoscale_view()


def _known(ends: Values) -> list[NDArray[np.intp]]:
    """The places of ends that are known, apart where one between them is not."""
    known = np.flatnonzero(~np.isnan(ends))
    return np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if len(known) else []


def show_means(place: Axes, lowest: float = -math.inf, highest: float = math.inf) -> None:
    """Limit an axis so that means fill it: a band of few seeds may leave the panel, and visibly does.

    Args:
        place: a panel with its lines.
        lowest: what no value can be below.
        highest: what no value can be above.
    """
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=np.float64) for line in place.get_lines()] or [np.empty(0)])
    if not drawn.size or np.ptp(drawn) == 0:
        return
    scale = place.yaxis.get_transform()
    means, view = scale.transform(drawn), scale.transform(np.array(place.get_ylim()))
    room = ROOM * np.ptp(means)
    low, high = scale.inverted().transform(np.array([max(view[0], means.min() - room), min(view[1], means.max() + room)]))
    place.set_ylim(max(low, lowest), min(high, highest))
