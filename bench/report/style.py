"""One look for every figure: sizes of a paper's columns, colours that colour-blind readers tell apart, files that can be rebuilt byte for byte."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
from matplotlib import colormaps, font_manager, style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox, ScaledTranslation
from PIL import Image

from bench.report import escape

NARROW, WIDE = 3.35, 6.9
PANEL_HEIGHT = 2.1
DPI = 200
# Inches: from an axis to its label, below the labels of ticks.
BELOW = 0.27
# Inches: right of a colour bar, left of it, below and above it.
LABELS, GAP, BOTTOM, TOP = 0.6, 0.1, 0.45, 0.65
# Inches: what ticks and labels take at the left and below, at the right and above.
USUAL = np.array([[0.5, 0.4], [0.05, 0.15]])
# Inches: a character of a panel's title, a character of a legend, a legend's line with its gaps.
TITLE_CHARACTER, CHARACTER, HANDLE = 0.06, 0.058, 0.45
# Points: a marker in a legend, at least.
LEAST = 4.0
FONT = "DejaVu Sans"
# Okabe and Ito, Color Universal Design (2008); their yellow is left out, as it is too light for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 1)))
# For lines whose order has a meaning: viridis without its lightest end.
SEQUENCE = ListedColormap(colormaps["viridis"](np.linspace(0, 0.92, 256)))
# For values around zero.
DIVERGING = colormaps["RdBu_r"]
STYLE: dict[str, Any] = {
    "font.family": FONT,
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 7,
    "figure.titlesize": 9,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "lines.linewidth": 1.2,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "axes.formatter.useoffset": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "implicit-bench",
    "svg.fonttype": "path",
}


def styled() -> AbstractContextManager[None]:
    """The look, whatever a user's own settings of matplotlib are."""
    return style.context(["default", STYLE])  # type: ignore[no-any-return, unused-ignore]  # matplotlib's stubs leave it open


def panels(count: int, columns: int, title: str, subtitle: str) -> tuple[Figure, list[Axes]]:
    """A figure with panels in rows, below a title.

    Args:
        count: how many panels.
        columns: how many stand in a row at most.
        title: what stands above; broken into lines where it is too wide.
        subtitle: the line below.

    Returns:
        The figure and its panels, row by row.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(NARROW if columns == 1 else WIDE, PANEL_HEIGHT * rows + 0.9), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    wide = int(0.75 * figure.get_size_inches()[0] / TITLE_CHARACTER)
    figure.suptitle("\n".join([*textwrap.wrap(title, wide), *textwrap.wrap(subtitle, wide)]))
    return figure, [_panel(figure, rows, columns, index + 1) for index in range(count)]


class _Panel(Axes):
    """A panel that is measured once: the layout goes two rounds, of which the first need only be about right, and to measure is what takes long."""

    _rounds = 0

    def get_tightbbox(self, *arguments: Any, **options: Any) -> Bbox | None:
        """The box with labels and ticks; to the layout, the first time, what these usually take."""
        self._rounds += 1
        if self._rounds > 1 or not options.get("for_layout_only"):
            return super().get_tightbbox(*arguments, **options)
        box = self.get_window_extent()
        (left, bottom), (right, top) = USUAL * self.get_figure(root=True).dpi  # type: ignore[union-attr]  # a panel has a figure
        return Bbox.from_extents(box.x0 - left, box.y0 - bottom, box.x1 + right, box.y1 + top)


def _panel(figure: Figure, rows: int, columns: int, place: int) -> Axes:
    """A panel; what is known to lie where it always does need not be measured for the layout either."""
    panel: Axes = figure.add_subplot(rows, columns, place, axes_class=_Panel)
    for spine in panel.spines.values():
        spine.set_in_layout(False)
    panel.locator_params(axis="y", nbins=5)
    panel.xaxis.set_label_coords(0.5, 0, panel.transAxes + ScaledTranslation(0, -BELOW, figure.dpi_scale_trans))
    return panel


def beside(figure: Figure, width: float) -> Axes:
    """A place right of all panels for a colour bar; that the layout need not measure it beside each of them saves a fifth of its time.

    Args:
        figure: as `panels` makes it.
        width: of the bar, in inches; its labels have `LABELS` more.
    """
    wide, high = figure.get_size_inches()
    left = 1 - (width + LABELS) / wide
    figure.set_layout_engine("constrained", rect=(0, 0, left - GAP / wide, 1))
    place: Axes = figure.add_axes((left, BOTTOM / high, width / wide, 1 - (BOTTOM + TOP) / high))
    place.set_in_layout(False)
    place.grid(visible=False)
    return place


def label(text: str) -> str:
    """Text of others for a figure: no formula, and only characters that the font has."""
    return "".join(character if ord(character) in _drawable() else "?" for character in escape.label(text))


def png(figure: Figure) -> bytes:
    """The figure as PNG, `DPI` dots per inch; its panels lie where they will lie in every other file of it."""
    stream = io.BytesIO()
    with styled():
        _lay_out(figure)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call, unused-ignore]  # matplotlib leaves it open
        # Paper is opaque: without transparency the file is smaller, and sooner written.
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call, unused-ignore]  # as above
        # A higher level takes half as long again, for a file that is a twentieth smaller.
        Image.fromarray(pixels[:, :, :3]).save(stream, "png", dpi=(DPI, DPI), compress_level=3)
    return stream.getvalue()


def svg(figure: Figure) -> bytes:
    """The figure as SVG, laid out as `png` does."""
    stream = io.BytesIO()
    with styled():
        _lay_out(figure)
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call, unused-ignore]  # as above
        figure.dpi = DPI
    return stream.getvalue()


def shared_legend(figure: Figure, axes: Sequence[Axes], title: str) -> None:
    """One legend below all panels, each name once."""
    named = {name: handle for panel in axes for handle, name in zip(*panel.get_legend_handles_labels(), strict=True)}
    if not named:
        return
    width = figure.get_size_inches()[0]
    names = [textwrap.fill(name, int((width - HANDLE) / CHARACTER)) for name in named]
    widest = CHARACTER * max(len(line) for name in names for line in name.splitlines()) + HANDLE
    rows = math.ceil(len(names) / max(1, int(width / widest)))
    columns = math.ceil(len(names) / rows)
    legend = figure.legend(list(named.values()), names, loc="outside lower center", ncols=columns, title=textwrap.fill(title, int(width / CHARACTER)) or None)
    for handle in legend.legend_handles:
        if isinstance(handle, Line2D):
            # The dots of a thousand neurons are too small to tell their colour.
            handle.set_markersize(max(handle.get_markersize(), LEAST))


def _lay_out(figure: Figure) -> None:
    """Place the panels, once: `Figure.savefig` would do it for every file, and draw everything twice besides."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


@cache
def _drawable() -> frozenset[int]:
    return frozenset(font_manager.get_font(font_manager.findfont(FONT)).get_charmap())
