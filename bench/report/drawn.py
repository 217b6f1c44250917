"""What every kind of figure shares: the finished figure with its notes, and how a panel is finished."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.style import label

WIDE_RANGE = 30


@dataclass(frozen=True)
class Drawn:
    """A figure, or None where there is nothing to draw; the notes say what is left out and why."""

    figure: Figure | None
    notes: tuple[str, ...] = ()


def finish(place: Axes, title: str, x: str, y: str) -> None:
    """Name a panel and its axes."""
    place.set_title(title)
    place.set_xlabel(label(x))
    place.set_ylabel(label(y))


def log_if_wide(place: Axes) -> None:
    """A logarithmic axis where positive values span more than a factor of `WIDE_RANGE`."""
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=np.float64) for line in place.get_lines()] or [np.empty(0)])
    if drawn.size and drawn.min() > 0 and drawn.max() / drawn.min() > WIDE_RANGE:
        place.set_yscale("log", nonpositive="clip")
