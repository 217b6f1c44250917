"""Neurons of networks of one input: amplitude over orientation, before training and after it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.metric import Metric
from bench.report.by_cell import cell_panels
from bench.report.drawn import Drawn, finish
from bench.report.grid import GridCell
from bench.report.lines import first_seed, points_of
from bench.report.style import COLOURS, shared_legend
from bench.suite_file import Figure as FigureSpec

BEFORE, AFTER = COLOURS[-1], COLOURS[0]
FEW_NEURONS = 10
"""Of networks with so few the neurons of all seeds are drawn: those of one seed would be a handful of dots."""


def draw_neurons(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str, most: int) -> Drawn:
    """A panel per cell with a dot per neuron of the first seed, or of small networks of all seeds, at the first recorded step and at the last.

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
    every = int(turned["neuron"].max()) < FEW_NEURONS
    whose = "all seeds" if every else "the first seed"
    figure, drawn, notes = cell_panels(cells, most, title, f"one dot per neuron of the first hidden layer, of {whose}")
    for place, cell, name in drawn:
        _draw(place, points_of(cell, turned) if every else first_seed(cell, points_of(cell, turned)))
        finish(place, name, "orientation atan2(b, w)", "A / max A")
    shared_legend(figure, [place for place, *_ in drawn], "")
    return Drawn(figure, notes)


def _draw(place: Axes, points: pd.DataFrame) -> None:
    steps = sorted(points["step"].unique())
    first = [(steps[0], BEFORE, "before training" if steps[0] == 0 else "first recorded step")] if len(steps) > 1 else []
    for step, colour, name in [*first, *((step, AFTER, "after training") for step in steps[-1:])]:
        then = points[points["step"] == step]
        place.plot(then["orientation"], then["share"], color=colour, linestyle="none", marker="o", markersize=2, markeredgewidth=0, alpha=0.6, label=name)
    place.set_xlim(-math.pi, math.pi)
    place.set_xticks([-math.pi, -math.pi / 2, 0, math.pi / 2, math.pi], ["−π", "−π/2", "0", "π/2", "π"])
    place.set_ylim(-0.03, 1.05)
