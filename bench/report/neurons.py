"""Neurons of networks of one input: amplitude over orientation, before training and after it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.metric import Metric
from bench.report.drawn import Drawn, finish
from bench.report.grid import GridCell, varying
from bench.report.lines import left_out, points_of, seeds
from bench.report.style import COLOURS, label, panels, shared_legend
from bench.suite_file import Figure as FigureSpec

BEFORE, AFTER = COLOURS[-1], COLOURS[0]


def draw_neurons(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str, most: int) -> Drawn:
    """A panel per cell with a dot per neuron of the first seed, at the first recorded step and at the last.

    Args:
        spec: not looked at; every kind of figure is called alike.
        cells: the cells, each with a run that is ok.
        points: rows of `neurons` with ``of``.
        metrics: not looked at either.
        title: what stands above.
        most: how many panels.
    """
    turned = points[points["orientation"].notna()]
    if turned.empty:
        return Drawn(None, ("neurons have an orientation where one number enters the network, and here none does",))
    kept = list(cells)[:most]
    figure, axes = panels(len(kept), 2 if len(kept) in {2, 4} else 3, title, "one dot per neuron of the first hidden layer, of the first seed")
    for place, cell in zip(axes, kept, strict=True):
        _draw(place, _first_seed(cell, points_of(cell, turned)))
        finish(place, label(f"{cell.name(varying(list(cells)))} ({seeds([cell])})".strip()), "orientation atan2(b, w)", "A / max A")
    shared_legend(figure, axes, "")
    return Drawn(figure, left_out(len(cells) - len(kept), len(cells), most))


def _first_seed(cell: GridCell, points: pd.DataFrame) -> pd.DataFrame:
    """The points of the run with the smallest seed that has any."""
    owners = cell.frame.sort_values("seed")["row"]
    return points[points["of"] == next((row for row in owners if row in set(points["of"])), None)]


def _draw(place: Axes, points: pd.DataFrame) -> None:
    steps = sorted(points["step"].unique())
    first = [(steps[0], BEFORE, "before training" if steps[0] == 0 else "first recorded step")] if len(steps) > 1 else []
    for step, colour, name in [*first, *((step, AFTER, "after training") for step in steps[-1:])]:
        then = points[points["step"] == step]
        place.plot(then["orientation"], then["share"], color=colour, linestyle="none", marker="o", markersize=2, markeredgewidth=0, alpha=0.6, label=name)
    place.set_xlim(-math.pi, math.pi)
    place.set_xticks([-math.pi, -math.pi / 2, 0, math.pi / 2, math.pi], ["−π", "−π/2", "0", "π/2", "π"])
    place.set_ylim(-0.03, 1.05)
