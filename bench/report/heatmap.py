"""Heat maps: a metric over two axes, one field per cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from numpy.typing import NDArray

from bench.metric import Metric
from bench.report.drawn import Drawn, finish
from bench.report.grid import GridCell, order, readable, varying
from bench.report.lines import left_out, seeds
from bench.report.style import SEQUENCE, label, panels
from bench.suite_file import Figure as FigureSpec

MOST_COLUMNS = 8
"""In so many columns there is room to write the values."""

Values = NDArray[np.float64]


def draw_heatmap(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str, most: int) -> Drawn:
    """A panel per metric and per value of the other axes; a field has the mean over seeds, geometric for metrics on the log scale.

    Args:
        spec: names the metrics, and the axes up and along; by default those with the fewest and the most values.
        cells: the cells, each with a run that is ok.
        points: not looked at; every kind of figure is called alike.
        metrics: metric -> its description.
        title: what stands above.
        most: how many panels.
    """
    up, along, others = _axes(spec, cells)
    if not along:
        return Drawn(None, ("a heat map takes cells that differ on two axes",))
    wanted = [metrics[name] for name in spec.y if name in metrics]
    groups: dict[str, list[GridCell]] = {}
    for cell in cells:
        groups.setdefault(cell.name(others), []).append(cell)
    places = [(metric, name, group) for metric in wanted for name, group in groups.items()]
    if not places:
        return Drawn(None, (f"no run has {', '.join(spec.y) or 'a metric, as y names none'}",))
    norms = {metric.name: _norm([_mean(cell, metric) for cell in cells], metric) for metric in wanted}
    figure, drawn = panels(len(places[:most]), 1 if len(places) == 1 else 2, title, f"means over seeds ({seeds(cells)}); grey: no run")
    for panel, (metric, name, group) in zip(drawn, places[:most], strict=True):
        image = _draw(panel, group, up, along, metric, norms[metric.name])
        finish(panel, label(name), readable(along), readable(up))
        figure.colorbar(image, ax=panel, label=label(_named(metric)))
    return Drawn(figure, left_out(len(places) - len(drawn), len(places), most))


def _axes(spec: FigureSpec, cells: Sequence[GridCell]) -> tuple[str, str, list[str]]:
    """The axis up, the axis along, and the others; empty names where cells differ on fewer than two."""
    axes = varying(list(cells))
    chosen = [axis for axis in spec.by if axis in axes]
    rest = sorted((axis for axis in axes if axis not in chosen), key=lambda axis: len({cell.axes[axis] for cell in cells}))
    if len(chosen) < 2 and len(axes) > 1:
        chosen = [*chosen, rest[-1]] if chosen else [rest[0], rest[-1]]
    if len(chosen) < 2:
        return "", "", axes
    return chosen[0], chosen[1], [axis for axis in axes if axis not in chosen[:2]]


def _draw(panel: Axes, cells: Sequence[GridCell], up: str, along: str, metric: Metric, norm: Normalize) -> Any:
    rows, columns = (sorted({cell.axes[axis] for cell in cells}, key=order) for axis in (up, along))
    table = np.full((len(rows), len(columns)), np.nan)
    for cell in cells:
        table[rows.index(cell.axes[up]), columns.index(cell.axes[along])] = _mean(cell, metric)
    panel.grid(visible=False)
    panel.set_facecolor("0.85")
    image = panel.imshow(np.ma.masked_invalid(table), cmap=SEQUENCE, norm=norm, aspect="auto", origin="lower")  # type: ignore[no-untyped-call, unused-ignore]  # NumPy leaves it open
    panel.set_xticks(range(len(columns)), [label(str(value)) for value in columns])
    panel.set_yticks(range(len(rows)), [label(str(value)) for value in rows])
    if len(columns) <= MOST_COLUMNS:
        for (row, column), value in np.ndenumerate(table):
            if np.isfinite(value):
                dark = bool(np.less(image.norm(value), 0.6))
                panel.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=6, color="white" if dark else "black")
    return image


def _mean(cell: GridCell, metric: Metric) -> float:
    frame = cell.frame
    if metric.name not in frame:
        return float("nan")
    values = frame[metric.name].to_numpy(dtype=np.float64, na_value=np.nan)[cell.trained]
    known: Values = values[np.isfinite(values)]
    if not len(known):
        return float("nan")
    factor = 100 if metric.scale == "points" else 1
    return float(np.exp(np.log(known).mean())) if _geometric(known, metric) else factor * float(known.mean())


def _geometric(values: Values, metric: Metric) -> bool:
    return metric.scale == "log" and bool((values > 0).all())


def _norm(means: Sequence[float], metric: Metric) -> Normalize:
    """One scale for all panels of a metric, of powers of ten where values differ by more than one."""
    known = np.array([mean for mean in means if np.isfinite(mean)] or [0.0])
    ends = float(known.min()), float(known.max())
    return LogNorm(*ends) if _geometric(known, metric) and ends[1] > 10 * ends[0] else Normalize(*ends)


def _named(metric: Metric) -> str:
    unit = "%" if metric.scale == "points" else metric.unit
    return f"{readable(metric.name)}{f' ({unit})' if unit else ''}"
