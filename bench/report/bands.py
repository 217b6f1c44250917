"""Means over seeds with their intervals, as lines and bands, and the part of an axis that shows them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench.analysis.statistics import mean_interval
from bench.report.lines import Line

WIDE_RANGE = 30
ROOM = 0.4
GEOMETRIC = " (geometric mean)"

Values = NDArray[np.float64]


def over_seeds(values: pd.DataFrame, x: str, y: str, geometric: bool = False) -> tuple[Values, Values, Values, Values]:
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
    intervals = [mean_interval(np.log(column) if geometric else column) for column in table.T]
    drawn = [(one.mean, math.nan, math.nan) if one.low is None or one.high is None else (one.mean, one.low, one.high) for one in intervals]
    mean, low, high = np.array(drawn, dtype=np.float64).reshape(-1, 3).T
    return (points, np.exp(mean), np.exp(low), np.exp(high)) if geometric else (points, mean, low, high)


def _complete(values: pd.DataFrame, x: str, y: str) -> tuple[Values, Values]:
    """The points where every run has a value, and a table of runs by points, filled without pandas' pivot, which costs more than all else."""
    runs, row = np.unique(values["of"].to_numpy(dtype=object), return_inverse=True)
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


def draw_line(place: Axes, line: Line, points: tuple[Values, Values, Values, Values]) -> None:
    """A mean as a line and its interval as a band."""
    x, mean, low, high = points
    place.plot(x, mean, color=line.colour, linestyle=line.dash, label=line.name)
    place.fill_between(x, low, high, color=line.colour, alpha=0.2, linewidth=0)


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
