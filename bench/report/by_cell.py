"""Figures with a panel for each cell, named by what tells the cells apart."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.drawn import broken
from bench.report.grid import GridCell, varying
from bench.report.lines import left_out, seeds
from bench.report.style import label, panels

ORDINARY = 2
"""Lines of a panel's title that its height has room for."""
LINE = 0.13
"""Inches: a line of a panel's title."""


def cell_panels(cells: Sequence[GridCell], most: int, title: str, subtitle: str) -> tuple[Figure, list[tuple[Axes, GridCell, str]], tuple[str, ...]]:
    """A figure with a panel for each of the first cells.

    Args:
        cells: the cells.
        most: how many panels.
        title: what stands above.
        subtitle: the line below.

    Returns:
        The figure; each panel with its cell and its title, which says the number of seeds; and a note on what is left out.
    """
    kept = list(cells)[:most]
    figure, axes = panels(len(kept), 2 if len(kept) in {2, 4} else 3, title, subtitle)
    axis_names = varying(list(cells))
    titles = [label(f"{cell.name(axis_names)} ({seeds([cell])})".strip()) for cell in kept]
    lines = max((broken(name, place).count("\n") + 1 for name, place in zip(titles, axes, strict=True)), default=1)
    if lines > ORDINARY:
        wide, high = figure.get_size_inches()
        rows = max(place.get_subplotspec().get_gridspec().nrows for place in axes)  # type: ignore[union-attr]  # each was made in a grid
        figure.set_size_inches(wide, high + rows * (lines - ORDINARY) * LINE)
    return figure, list(zip(axes, kept, titles, strict=True)), left_out(len(cells) - len(kept), len(cells), most)
