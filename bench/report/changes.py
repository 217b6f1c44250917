"""What changed between two states, as tables: the comparison, and what gates say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

from bench.analysis.change import Change, Kind
from bench.analysis.compare import Comparison
from bench.analysis.pairing import TIMINGS
from bench.counted import counted
from bench.report.grid import readable
from bench.report.table import NONE, Cell, Column, Number, Table

DIFFERENCE = (
    "Difference: head − base, paired by seed, with its 95% t interval; the class uses p adjusted over the cells of a metric (Holm). "
    "Metrics are not corrected for each other: of twenty in which nothing changed, one is expected to look changed."
)
RATIO = "A difference in % is the ratio of geometric means over the seeds; base and head are arithmetic means, whose ratio may be another."
TIMED = "Timings tell as well what else the machine did, which seeds that are trained in the same minutes share: take them again before you believe them."
AVERAGES = (
    "All cells: the average over the cells of each seed that is complete in all of them, all cells weighing alike, then the same test; "
    "cells in which nothing was changed are not in it. It finds what moves many cells a little."
)
EVERY: frozenset[Kind] = frozenset(get_args(Kind))
ONE_SIDED: frozenset[Kind] = frozenset({"only in base", "only in head"})
UNCHANGED: frozenset[Kind] = frozenset({"identical", "same", "inconclusive"})
SCREEN = 40
"""As many rows as a reader takes in at once."""


_COLUMNS = ("where", "metric", "base", "head", "difference", "n", "adjusted p", "class", "remarks")


def telling(comparison: Comparison) -> frozenset[Kind]:
    """The classes of cells that a reader wants first: those that changed, or all but identical ones where they are few.

    Args:
        comparison: what `bench.analysis.compare.compare` found.
    """
    few = sum(count for kind, count in comparison.counts().items() if kind != "identical") <= SCREEN
    return EVERY - {"identical"} if few else EVERY - UNCHANGED


def comparison_table(comparison: Comparison, kinds: Collection[Kind] = EVERY, title: str = "Comparison") -> Table:
    """One row per metric and average over cells, then one per metric and cell.

    Args:
        comparison: what `bench.analysis.compare.compare` found.
        kinds: only changes of these classes, all by default; averages over a whole suite are listed unless they are identical.
        title: what stands above.

    Returns:
        The table; its notes count the classes and name changed settings and circumstances.
    """
    shown = comparison.of(frozenset(kinds) - ONE_SIDED)
    averages = [change for change in comparison.averages if _is_listed(change, kinds)]
    places = comparison.places
    heading = f"{title}: {_named(*places)}" if len(places) == 1 else title
    settings = [f"{setting.experiment}: {setting} ({counted(setting.cells, 'cell')})" for setting in comparison.settings]
    notes = [
        *_counted(comparison, len(shown) + len(averages)),
        *_one_sided(comparison.of(ONE_SIDED)),
        DIFFERENCE,
        *([RATIO] if any(change.difference and change.difference.scale == "log" for change in (*averages, *shown)) else []),
        *([TIMED] if any(change.metric and change.metric.name in TIMINGS and change.kind in ("better", "worse") for change in shown) else []),
        *([AVERAGES] if averages else []),
        *(f"Changed setting, {setting}" for setting in settings),
        *comparison.notes,
    ]
    rows = tuple(_change_row(change, len(places) > 1) for change in (*averages, *shown))
    return Table(heading, _columns(_COLUMNS), rows, tuple(notes))


def gate_table(comparison: Comparison, title: str = "Gates") -> Table:
    """One row per gate and cell or average that is not identical: crossed, held (where rows are few), or why it cannot say.

    Args:
        comparison: what `bench.analysis.compare.compare` found.
        title: what stands above.
    """
    places = comparison.places
    named_above = " / ".join([*filter(None, *places), ""]) if len(places) == 1 else ""
    rows = [{**row, "cell": row["cell"].removeprefix(named_above)} for row in (result.row() for result in comparison.gates)]
    differing = [row for row in rows if row["finding"] != "identical"]
    shown = differing if len(differing) <= SCREEN else [row for row in differing if row["outcome"] != "held"]
    same, held = len(rows) - len(differing), len(differing) - len(shown)
    notes = [*([f"{same} more hold: their cells are identical."] if same else []), *([f"{held} more hold."] if held else [])]
    return Table(title, _columns(("gate", "cell", "outcome", "finding")), tuple(tuple(row.values()) for row in shown), tuple(notes))


def _counted(comparison: Comparison, listed: int) -> list[str]:
    """How many comparisons there are of each class, timings apart; and how many of them are not listed."""
    kinds: dict[str, Counter[Kind]] = {"Compared": Counter(), "Timings": Counter(), "Averages over cells": Counter()}
    for changes in comparison.metrics:
        kinds["Timings" if changes.drafts.metric.name in TIMINGS else "Compared"].update(changes.kinds)
    kinds["Compared"].update(change.kind for change in comparison.closed)
    kinds["Averages over cells"].update(change.kind for change in comparison.averages)
    totals = {what: sum(count for kind, count in counts.items() if kind not in ONE_SIDED) for what, counts in kinds.items()}
    said = [f"{what} ({totals[what]}): {', '.join(f'{count} {kind}' for kind, count in sorted(counts.items()))}." for what, counts in kinds.items() if counts]
    hidden = sum(totals.values()) - listed
    return [" ".join(said), *([f"Not listed, as they show no change: {counted(hidden, 'row')}; bench compare --all lists them."] if hidden else [])]


def _is_listed(average: Change, kinds: Collection[Kind]) -> bool:
    """Whether an average has a row: that over a whole suite says something even where it shows no change."""
    return average.kind in kinds or (not average.point.experiment and average.kind != "identical")


def _one_sided(changes: Iterable[Change]) -> list[str]:
    """The cells that only one side has, by side and experiment."""
    sides: dict[str, dict[str, list[str]]] = {}
    for change in changes:
        sides.setdefault(change.kind, {}).setdefault(change.point.experiment, []).append(change.point.cell)
    return [
        f"{kind.capitalize()}, {counted(len(cells), 'cell')} of {experiment}: {'; '.join(cells)}."
        for kind, experiments in sides.items()
        for experiment, cells in experiments.items()
    ]


def _named(place: tuple[str, str, str]) -> str:
    """Suite, profile and variant as a reader says them."""
    suite, profile, variant = place
    return f"{suite} at {profile}{f', {variant}' if variant else ''}"


def _columns(names: Sequence[str]) -> tuple[Column, ...]:
    return tuple(Column(name.replace(" ", "_"), name) for name in names)


def _change_row(change: Change, several: bool) -> tuple[Cell, ...]:
    row = change.row()
    place = (change.point.suite, change.point.profile, change.point.variant) if several else ()
    where = " / ".join(filter(None, (*place, change.point.experiment, change.cell)))
    failures = [f"{side} failed: {row[f'{side}_failed']}" for side in ("base", "head") if row[f"{side}_failed"]]
    test = "" if change.failed_p is None else f"failures by McNemar's test: p = {change.failed_p:.2g}"
    remarks = "; ".join(filter(None, (change.reason, *failures, test)))
    adjusted = NONE if change.adjusted is None else Number(change.adjusted)
    metric = readable(change.metric.name) if change.metric else NONE
    return (
        where,
        metric,
        _mean(change, change.base),
        _mean(change, change.head),
        _difference(change, row),
        row["n"],
        adjusted,
        change.kind,
        remarks or NONE,
    )


def _mean(change: Change, value: float | None) -> Cell:
    if value is None or change.metric is None:
        return NONE
    in_points = change.metric.scale == "points"
    return Number(value, shown="percent" if in_points else "number", unit="%" if in_points else change.metric.unit)


def _difference(change: Change, row: Mapping[str, Any]) -> Cell:
    if row["effect"] is None or change.difference is None:
        return NONE
    shown: Literal["points", "number"] = "points" if row["unit"] == "pp" else "number"
    # Identical numbers differ by nothing: an interval would suggest that something was estimated.
    n = None if change.difference.identical else row["n"]
    return Number(row["effect"], row["low"], row["high"], n, shown, "effect", row["unit"])
