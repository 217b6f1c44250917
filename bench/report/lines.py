"""The lines of a figure: which cells share a panel, what each line is called, and its colour."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from bench.report.grid import SETTING, GridCell, as_number, order, readable, setting, varying
from bench.report.style import COLOURS, DASHES, SEQUENCE, beside, label, shared_legend

FEW = len(COLOURS)
MOST_PANELS = 24
BAR = 0.15
"""Width of a colour bar, in inches."""
FEW_PANELS = 8
"""Of a figure that nobody asked for: two columns of four, a page of paper."""


@dataclass(frozen=True)
class Line:
    """One cell's line: its panel, its name in the legend, its look."""

    cell: GridCell
    panel: str
    name: str
    colour: Any
    dash: Any


@dataclass(frozen=True)
class Arrangement:
    """Lines in panels.

    Attributes:
        lines: every line, panel by panel.
        by: the keys that tell lines of a panel apart.
        scale: the values of `by` as numbers, where there are too many for a legend; then a colour bar stands for it.
    """

    lines: tuple[Line, ...]
    by: tuple[str, ...]
    scale: tuple[float, ...] = ()

    @property
    def panels(self) -> list[str]:
        """The panels' names, in order."""
        return list(dict.fromkeys(line.panel for line in self.lines))

    def of(self, panel: str) -> list[Line]:
        """The lines of one panel."""
        return [line for line in self.lines if line.panel == panel]


def arrange(cells: Sequence[GridCell], by: Sequence[str] = ()) -> Arrangement:
    """Give each cell a panel and a look.

    Without `by`, up to 8 cells share one panel; of more, the axis with the most numbers tells lines apart and the other
    axes become panels; where no axis holds numbers, each cell has a panel.

    Args:
        cells: the cells of an experiment, in order.
        by: which keys tell lines of a panel apart.
    """
    axes = varying(list(cells))
    chosen = _keys(cells, by, axes)
    others = [axis for axis in axes if axis not in chosen]
    values = _distinct(cells, chosen)
    scale = tuple(_numbers(values)) if len(values) > FEW else ()
    looks = dict(zip(values, _looks(len(values), scale), strict=True))
    alike: dict[tuple[str | None, ...], list[GridCell]] = {}
    for cell in cells:
        alike.setdefault(_value(cell, chosen), []).append(cell)
    names = {value: _name(value, same) for value, same in alike.items()}
    lines = [Line(cell, label(cell.name(others)), names[value], *looks[value]) for cell in cells for value in [_value(cell, chosen)]]
    places = {panel: place for place, panel in enumerate(dict.fromkeys(line.panel for line in lines))}
    return Arrangement(tuple(sorted(lines, key=lambda line: places[line.panel])), tuple(chosen), scale)


def seeds(cells: Sequence[GridCell]) -> str:
    """How many seeds cells rest on: ``n = 3`` or ``n = 2–3``."""
    counts = [len(cell.trained) for cell in cells]
    low, high = min(counts), max(counts)
    return f"n = {high}" if low == high else f"n = {low}–{high}"


def subtitle(arrangement: Arrangement) -> str:
    """What lines and bands are; how many seeds, where no legend says it."""
    cells = [line.cell for line in arrangement.lines]
    if max(len(cell.trained) for cell in cells) == 1:
        return "one seed: no interval can be given"
    return f"mean over seeds{f' ({seeds(cells)})' if arrangement.scale else ''}, band: 95% t interval"


def at_most(arrangement: Arrangement, most: int, each: int = 1) -> tuple[Arrangement, tuple[str, ...]]:
    """The first panels, and a note on what is left out.

    Args:
        arrangement: lines in panels.
        most: how many panels.
        each: how often each of them is drawn, once for every metric.
    """
    shown = arrangement.panels[: max(1, most // each)]
    kept = tuple(line for line in arrangement.lines if line.panel in shown)
    return replace(arrangement, lines=kept), left_out(len(arrangement.lines) - len(kept), len(arrangement.lines), most)


def left_out(count: int, total: int, most: int) -> tuple[str, ...]:
    """What is said of cells that have no room."""
    more = f"; a figure that the suite declares has up to {MOST_PANELS}" if most < MOST_PANELS else ""
    return (f"{count} of {total} cells are not drawn: at most {most} panels{more}",) if count else ()


def points_of(cell: GridCell, points: pd.DataFrame) -> pd.DataFrame:
    """The points of a cell's runs that are ok."""
    return points[points["of"].isin(rows_of(cell))]


def first_seed(cell: GridCell, points: pd.DataFrame) -> pd.DataFrame:
    """The points of the run with the smallest seed that has any."""
    owners = cell.frame.sort_values("seed")["row"]
    return points[points["of"] == next((row for row in owners if row in set(points["of"])), None)]


def rows_of(cell: GridCell) -> Sequence[str]:
    """The names of the rows of a cell's runs that are ok."""
    return list(cell.frame["row"].to_numpy(dtype=object)[cell.trained])


def points_by_line(lines: Sequence[Line], points: pd.DataFrame) -> list[pd.DataFrame]:
    """The points of each line's runs that are ok, found in one go."""
    owner = {row: place for place, line in enumerate(lines) for row in rows_of(line.cell)}
    codes, names = pd.factorize(points["of"])
    places = np.array([owner.get(name, -1) for name in names], dtype=np.int64)[codes]
    by_line = points.iloc[np.argsort(places, kind="stable")]
    ends = np.searchsorted(np.sort(places), np.arange(len(lines) + 1))
    return [by_line.iloc[start:end] for start, end in itertools.pairwise(ends)]


def explain(figure: Figure, axes: Sequence[Axes], arrangement: Arrangement) -> None:
    """Say what the colours mean: by a legend, or by a colour bar where there are many values of a number."""
    title = label(", ".join(map(readable, arrangement.by)))
    if not arrangement.scale:
        shared_legend(figure, axes, title)
        return
    bar = figure.colorbar(ScalarMappable(_norm(arrangement.scale), SEQUENCE), cax=beside(figure, BAR), label=title)
    # As shapes, not as a picture inside the SVG, which the page's policy does not let in; edges, so that no gaps shine through.
    if bar.solids is not None:
        bar.solids.set(rasterized=False, edgecolor="face")


def _keys(cells: Sequence[GridCell], by: Sequence[str], axes: Sequence[str]) -> list[str]:
    """What tells lines of one panel apart; nothing where too many lines of no order would share it."""
    if not by and len(cells) <= FEW:
        return list(axes)
    numeric = [axis for axis in axes if _numbers(_distinct(cells, [axis]))]
    chosen = list(by) or sorted(numeric, key=lambda axis: -len(_distinct(cells, [axis])))[:1]
    values = _distinct(cells, chosen)
    return chosen if len(values) <= FEW or _numbers(values) else []


def _distinct(cells: Sequence[GridCell], keys: Sequence[str]) -> list[tuple[str | None, ...]]:
    """The values of some keys among cells, in order."""
    return sorted({_value(cell, keys) for cell in cells}, key=lambda value: [order(part) for part in value])


def _numbers(values: Sequence[tuple[str | None, ...]]) -> list[float]:
    """The values of one key as numbers; none if one of them is no number."""
    numbers = [as_number(value[0]) if len(value) == 1 else None for value in values]
    return [] if None in numbers else [number for number in numbers if number is not None]


def _value(cell: GridCell, keys: Sequence[str]) -> tuple[str | None, ...]:
    """The cell's values on axes, which tell variants of a part apart, or else of parameters."""
    return tuple(cell.axes[key] if key in cell.axes else _parameter(cell.runs, key) for key in keys)


def _parameter(runs: pd.DataFrame, key: str) -> str | None:
    column = key if key == "seed" else f"{SETTING}{key}"
    return setting(runs[column].iloc[0]) if column in runs else None


def _looks(count: int, scale: Sequence[float]) -> list[tuple[Any, Any]]:
    """A colour and a dash for each of so many values; colours from a sequence where the values are a scale."""
    if scale:
        norm = _norm(scale)
        return [(SEQUENCE(float(norm(value))), "-") for value in scale]
    return list(zip(COLOURS[:count], DASHES[:count], strict=True))


def _norm(scale: Sequence[float]) -> Normalize:
    low, high = min(scale), max(scale)
    return LogNorm(low, high) if low > 0 and high / low >= 30 else Normalize(low, high)


def _name(value: tuple[str | None, ...], cells: Sequence[GridCell]) -> str:
    """A line's name, with how many seeds it rests on in each of its panels."""
    words = ", ".join(part or "none" for part in value)
    return label(f"{words} ({seeds(cells)})" if words else seeds(cells))
