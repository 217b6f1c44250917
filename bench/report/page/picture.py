"""A figure inside the page: its SVG without styles that the page's policy forbids, and the points that a pointer can ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bench.report.page.markup import Html, element, join
from bench.report.style import FONT

MOST_POINTS = 150
"""Of a line, for a pointer; more would lie closer than it can aim."""

_NARROW = 300.0
_GLYPH = FONT.replace(" ", "")
_DECIMALS = re.compile(r"(\d+\.\d\d)\d+")
_REFERENCE = re.compile(r"#([^)]+)")
# What matplotlib says once in a style sheet of the file; strokes inherit it from the root instead.
_ROOT = {"stroke-linejoin": "round", "stroke-linecap": "butt"}
_PAPER = {"#ffffff", "white"}


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it.

    Attributes:
        name: the figure.
        title: what it is called.
        svg: the drawing, as markup whose ids begin with the name.
        glyphs: letters that the drawing uses, by id; figures share them.
        panels: what the lines show: ``x``, ``y`` (names of axes), ``box`` (left, top, right, bottom), ``lines`` of ``name``,
            ``at`` (x and y of each point in the drawing) and ``says`` (their values).
        size: width and height of the drawing, in points.
    """

    name: str
    title: str
    svg: Html
    glyphs: dict[str, Html]
    panels: tuple[dict[str, Any], ...]
    size: tuple[float, float]

    @property
    def described(self) -> str:
        """The figure in words, for those who do not see it."""
        panels = [f"{panel['title'] or 'panel'}: {panel['y']} over {panel['x']}; {_names(panel)}" for panel in self.panels]
        return f"{self.title}. {'. '.join(dict.fromkeys(panels))}."


def picture(name: str, title: str, svg: bytes, figure: Figure) -> Picture:
    """A figure for the page.

    Args:
        name: a slug, unique on the page.
        title: what it is called.
        svg: the figure as `bench.report.style.svg` has just written it.
        figure: the same figure, whose panels then lie where the file has them.
    """
    root = ET.fromstring(svg)
    width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
    glyphs: dict[str, Html] = {}
    drawing = join(filter(None, (_inline(child, name, glyphs) for child in root)))
    return Picture(name, title, drawing, glyphs, tuple(_panels(figure, width, height)), (width, height))


def _inline(node: ET.Element, name: str, glyphs: dict[str, Html]) -> Html | None:
    """An element for a page that forbids styles in attributes; None for what a page has no use for."""
    tag = node.tag.rpartition("}")[2]
    if tag in {"metadata", "style"}:
        return None
    attributes = {key.rpartition("}")[2]: value for key, value in node.attrib.items()}
    attributes |= _declarations(attributes.pop("style", ""))
    given = attributes.get("id", "")
    shared = given.startswith(_GLYPH)
    attributes = {key: _value(key, value, name) for key, value in attributes.items() if key != "type"}
    inner = join(filter(None, (_inline(child, name, glyphs) for child in node)))
    if tag in {"g", "defs"} and not inner:
        return None
    made = element(tag, inner, **attributes)
    if shared:
        glyphs[given] = made
        return None
    return made


@lru_cache(1024)
def _declarations(style: str) -> Mapping[str, str]:
    """The declarations of a style, of which a drawing has few that differ."""
    pairs = [declaration.partition(":") for declaration in style.split(";") if declaration.strip()]
    declared = {key.strip(): value.strip() for key, _, value in pairs}
    return {key: "none" if key == "fill" and value in _PAPER else value for key, value in declared.items()}


def _value(key: str, value: str, name: str) -> str:
    """An attribute's value: fewer decimals, and ids that no other figure of the page has."""
    if key in {"d", "x", "y"}:
        return _DECIMALS.sub(r"\1", " ".join(value.split()))
    if key == "id":
        return value if value.startswith(_GLYPH) else f"{name}-{value}"
    return _REFERENCE.sub(lambda match: match[0] if match[1].startswith(_GLYPH) else f"#{name}-{match[1]}", value) if key in {"href", "clip-path"} else value


def _panels(figure: Figure, width: float, height: float) -> Iterator[dict[str, Any]]:
    for panel in figure.axes:
        lines = [line for line in panel.get_lines() if len(np.asarray(line.get_xdata()))]
        if lines:
            yield _panel(panel, lines, np.array([width, height]) / figure.bbox.size, height)


def _panel(panel: Axes, lines: list[Line2D], scale: NDArray[np.float64], height: float) -> dict[str, Any]:
    box = panel.get_window_extent()
    (left, bottom), (right, top) = box.min * scale, box.max * scale
    return {
        "title": _plain(panel.get_title()),
        "x": _plain(panel.get_xlabel()),
        "y": _plain(panel.get_ylabel()),
        "box": [round(float(end), 1) for end in (left, height - top, right, height - bottom)],
        "lines": [_line(panel, line, scale, height) for line in lines],
    }


def _line(panel: Axes, line: Line2D, scale: NDArray[np.float64], height: float) -> dict[str, Any]:
    values = np.asarray(line.get_xydata(), dtype=np.float64)
    values = values[np.isfinite(values).all(axis=1)][:: -(-len(values) // MOST_POINTS)]
    at = panel.transData.transform(values) * scale
    at[:, 1] = height - at[:, 1]
    seen = np.isfinite(at).all(axis=1)
    name = str(line.get_label())
    return {
        "name": "" if name.startswith("_") else _plain(name),
        "at": np.round(at[seen], 1).tolist(),
        "says": [[f"{x:.4g}", f"{y:.4g}"] for x, y in values[seen]],
    }


def _plain(label: str) -> str:
    """A label as it was before it was made safe for matplotlib."""
    return " ".join(label.replace(r"\$", "$").split())


def _names(panel: dict[str, Any]) -> str:
    return ", ".join(dict.fromkeys(line["name"] for line in panel["lines"] if line["name"])) or "one line"


def figure_markup(picture: Picture) -> Html:
    """The drawing with its words; a pointer or the arrow keys read its points."""
    width, height = picture.size
    drawing = element(
        "svg",
        picture.svg,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=picture.described,
        tabindex=0,
        data_figure=picture.name,
        class_="narrow" if width < _NARROW else "wide",
        **_ROOT,
    )
    return element("div", drawing, class_="paper")
