"""A cell's means over commits as a small line, its first and last value beside it."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.grid import readable
from bench.report.page.history import Course, State, Trend
from bench.report.page.markup import Html, element, join
from bench.report.page.tables import column_head, grid
from bench.report.summary import heading
from bench.report.table import NONE

WIDTH, HEIGHT, EDGE = 120.0, 28.0, 4.0
MEANING = (
    "Each line is a cell's mean over the seeds that are ok at each commit, from the oldest to the newest, in a range of its own; "
    "behind it the first and the last mean. Whether a change is more than chance is what the comparison says."
)


def trend_markup(trend: Trend, states: Sequence[State], name: str, title: str) -> Html:
    """An experiment over commits: a row per cell, a line per metric.

    Args:
        trend: the experiment.
        states: the commits.
        name: unique on the page.
        title: the table's caption.
    """
    heads = [*(column_head(readable(axis)) for axis in trend.axes), *(column_head(heading(metric), numeric=True) for metric in trend.metrics)]
    rows = [element("tr", *(element("td", value) for value in values), *(_course(course, states) for course in courses)) for values, courses in trend.cells]
    return grid(name, title, element("tr", *heads), rows)


def _course(course: Course, states: Sequence[State]) -> Html:
    if not course.means:
        return element("td", NONE, class_="nothing number", data_sort="")
    ends = course.texts[0] if len(course.texts) == 1 else f"{course.texts[0]} → {course.texts[-1]}"
    return element("td", sparkline(course, states), " ", element("span", ends), class_="number course", data_sort=repr(course.means[-1]))


def sparkline(course: Course, states: Sequence[State]) -> Html:
    """The line, with a point per commit that says its value.

    Args:
        course: the means.
        states: the commits, which share the width.
    """
    low, high = min(course.means), max(course.means)
    span = (high - low) or 1.0
    xs = [EDGE + (WIDTH - 2 * EDGE) * place / max(1, len(states) - 1) for place in course.places]
    ys = [HEIGHT / 2 if high == low else HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (mean - low) / span for mean in course.means]
    line = element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True)))
    said = [f"{states[place].name}: {text}" for place, text in zip(course.places, course.texts, strict=True)]
    dots = [element("circle", element("title", words), cx=f"{x:.1f}", cy=f"{y:.1f}", r=2.5) for x, y, words in zip(xs, ys, said, strict=True)]
    return element("svg", join([line, *dots]), viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", class_="spark", role="img", aria_label="; ".join(said))
