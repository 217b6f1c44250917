"""What every kind of figure shares: the finished figure with its notes, and how a panel is named."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.style import TITLE_CHARACTER, label

_NO_BREAK = "\xa0"


@dataclass(frozen=True)
class Drawn:
    """A figure, or None where there is nothing to draw; the notes say what is left out and why."""

    figure: Figure | None
    notes: tuple[str, ...] = ()


def finish(place: Axes, title: str, x: str, y: str) -> None:
    """Name a panel and its axes; a title that is wider than the panel is broken into lines."""
    # Above ordinary numbers nothing stands that the title must give way to; to look for it takes long.
    ordinary = place.get_yscale() == "log" or 1e-4 < max(map(abs, place.get_ylim())) < 1e6
    place.set_title(broken(title, place), y=1.0 if ordinary else None)
    place.set_xlabel(label(x))
    place.set_ylabel(label(y))


def broken(title: str, place: Axes) -> str:
    """A title in lines that a panel has room for; they end after commas where they can, and between a name and its value only where they must."""
    subplot = place.get_subplotspec()
    columns = subplot.get_gridspec().ncols if subplot is not None else 1
    width = int((place.get_figure(root=True).get_size_inches()[0] / columns - 0.4) / TITLE_CHARACTER)  # type: ignore[union-attr]  # a panel has a figure
    pieces = re.sub(r",(?! )", ", ", title).replace("(n = ", f"(n{_NO_BREAK}={_NO_BREAK}").split(", ")
    whole = [piece.replace(" ", _NO_BREAK) if len(piece) < width else piece for piece in pieces]
    return "\n".join(textwrap.wrap(", ".join(whole), width)).replace(_NO_BREAK, " ")
