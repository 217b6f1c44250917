"""What the analysis found, as tables: verdicts on claims, and the comparison of two states."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from bench.analysis.change import Change, Kind
from bench.analysis.claims import ABOUT, Verdict
from bench.analysis.compare import Comparison
from bench.analysis.findings import SHARE_UNIT
from bench.report.grid import readable
from bench.report.table import NONE, Cell, Column, Number, Table

_CLAIM_COLUMNS = ("verdict", "q", "experiment", "claim", "says", "effect", "source", "size", "remarks")
_OPTIONAL = ("q", "source", "size")
AVERAGES = (
    "All cells: the average over the cells of each seed that is complete in all of them, all cells weighing alike, then the same test; "
    "cells in which nothing was changed are not in it. It finds what moves many cells a little."
)
_CHANGE_COLUMNS = ("where", "metric", "base", "head", "difference", "n", "adjusted p", "class", "remarks")


def verdict_table(verdicts: Sequence[Verdict], title: str = "Claims") -> Table:
    """One row per claim: what the source says, what the rows show, and the size that the source names.

    Args:
        verdicts: what `bench.analysis.claims.judge` found.
        title: what stands above.
    """
    notes = [
        "The verdict is about what the source says; effect and 95% t interval over n seeds, given the data, of the cell that decides; of a share of seeds its Clopper–Pearson bounds.",
        "Size: whether the size that the source names is met; it decides nothing. Source: its own figure.",
        "q: of the claims of an experiment with no larger q, the share that is expected to be reproduced by chance (Benjamini and Hochberg).",
    ]
    elsewhere = [verdict for verdict in verdicts if verdict.reason.startswith(ABOUT)]
    rows = [_verdict_row(verdict) for verdict in verdicts if verdict not in elsewhere]
    kept = [index for index, name in enumerate(_CLAIM_COLUMNS) if name not in _OPTIONAL or any(row[index] != NONE for row in rows)]
    if elsewhere:
        notes.append(f"{len(elsewhere)} more claims are about another profile: {', '.join(verdict.claim for verdict in elsewhere)}.")
    columns = _columns([_CLAIM_COLUMNS[index] for index in kept])
    return Table(title, columns, tuple(tuple(row[index] for index in kept) for row in rows), tuple(notes) if verdicts else ())


def comparison_table(comparison: Comparison, kinds: Collection[Kind] = (), title: str = "Comparison") -> Table:
    """One row per metric and average over cells, then one per metric and cell.

    Args:
        comparison: what `bench.analysis.compare.compare` found.
        kinds: only changes of these classes; all by default.
        title: what stands above.

    Returns:
        The table; its notes count the classes and name changed settings and circumstances.
    """
    one_sided = [change for change in comparison.changes if change.kind.startswith("only in")]
    shown = [change for change in comparison.changes if change not in one_sided and (not kinds or change.kind in kinds)]
    several = len({(change.point.suite, change.point.profile, change.point.variant) for change in comparison.changes}) > 1
    averages = [change for change in comparison.averages if not kinds or change.kind in kinds]
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(comparison.counts().items()))
    settings = [f"{setting.experiment}: {setting} ({setting.cells} {'cell' if setting.cells == 1 else 'cells'})" for setting in comparison.settings]
    notes = [
        f"{len(comparison.changes) - len(one_sided)} compared: {counts}.",
        *_one_sided(one_sided),
        "Difference: head − base, paired by seed, with its 95% t interval; the class uses p adjusted over the cells of a metric (Holm).",
        *([AVERAGES] if averages else []),
        *(f"Changed setting, {setting}" for setting in settings),
        *comparison.notes,
    ]
    return Table(title, _columns(_CHANGE_COLUMNS), tuple(_change_row(change, several) for change in (*averages, *shown)), tuple(notes))


def _one_sided(changes: Sequence[Change]) -> list[str]:
    """The cells that only one side has, by side and experiment."""
    sides: dict[str, dict[str, list[str]]] = {}
    for change in changes:
        sides.setdefault(change.kind, {}).setdefault(change.point.experiment, []).append(change.point.cell)
    notes = []
    for kind, experiments in sides.items():
        listed = "; ".join(f"{experiment} ({len(cells)}: {', '.join(cells)})" for experiment, cells in experiments.items())
        notes.append(f"{kind.capitalize()}: {listed}.")
    return notes


def gate_table(comparison: Comparison, title: str = "Gates") -> Table:
    """One row per gate and cell or average that is not identical: crossed, held, or why it cannot say.

    Args:
        comparison: what `bench.analysis.compare.compare` found.
        title: what stands above.
    """
    rows = [result.row() for result in comparison.gates]
    shown = [row for row in rows if row["text"] != "identical"]
    notes = [f"{len(rows) - len(shown)} more hold: their cells are identical."] if len(shown) < len(rows) else []
    return Table(title, _columns(("gate", "cell", "outcome", "text")), tuple(tuple(row.values()) for row in shown), tuple(notes))


def _columns(names: Sequence[str]) -> tuple[Column, ...]:
    return tuple(Column(name.replace(" ", "_"), name) for name in names)


def _verdict_row(verdict: Verdict) -> tuple[Cell, ...]:
    row = verdict.row()
    size = f"{verdict.size}: {verdict.size_says}" if verdict.size != NONE else NONE
    said = verdict.says if verdict.several else f"{readable(verdict.metric)}: {verdict.says}"
    where = f"{verdict.experiment} ({verdict.figure})" if verdict.figure else verdict.experiment
    q = NONE if row["q"] is None else Number(row["q"])
    claim = f"{verdict.claim}: {verdict.text}"
    return verdict.verdict, q, where, claim, said, _effect(verdict), _source(verdict), size, verdict.reason or NONE


def _effect(verdict: Verdict) -> Cell:
    if verdict.effect is None:
        return NONE
    low, high = verdict.interval
    form, shown = _written(verdict)
    return Number(verdict.effect, low, high, verdict.n, shown, form, verdict.unit, note=f"n = {verdict.n}")


def _source(verdict: Verdict) -> Cell:
    """The source's figure as the effect beside it is written; as the suite has it where it is another number."""
    if verdict.source_effect is None:
        return verdict.row()["source"] or NONE
    form, shown = _written(verdict)
    return Number(verdict.source_effect, shown=shown, form=form, unit=verdict.unit)


def _written(verdict: Verdict) -> tuple[Literal["interval", "effect"], Literal["number", "points"]]:
    """How an effect is written: with its sign where 0 is no effect, with fixed digits in percentage points."""
    signed = verdict.findings[0].number in ("difference", "slope", "kendall") and verdict.unit != SHARE_UNIT
    return "effect" if signed else "interval", "points" if verdict.unit.startswith("pp") else "number"


def _change_row(change: Change, several: bool) -> tuple[Cell, ...]:
    row = change.row()
    place = (change.point.suite, change.point.profile, change.point.variant) if several else ()
    where = " / ".join(filter(None, (*place, change.point.experiment, change.cell)))
    failures = [f"{side} failed: {row[f'{side}_failed']}" for side in ("base", "head") if row[f"{side}_failed"]]
    test = "" if change.failed_p is None else f"failures by McNemar's test: p = {change.failed_p:.2g}"
    remarks = "; ".join(filter(None, (change.reason, *failures, test)))
    adjusted = NONE if change.adjusted is None else f"{change.adjusted:.2g}"
    metric = readable(change.metric.name) if change.metric else NONE
    return where, metric, _mean(change, change.base), _mean(change, change.head), _difference(change), str(row["n"]), adjusted, change.kind, remarks or NONE


def _mean(change: Change, value: float | None) -> Cell:
    if value is None or change.metric is None:
        return NONE
    in_points = change.metric.scale == "points"
    return Number(value, shown="percent" if in_points else "number", unit="%" if in_points else change.metric.unit)


def _difference(change: Change) -> Cell:
    row = change.row()
    if row["effect"] is None or change.difference is None:
        return NONE
    shown = "points" if row["unit"] == "pp" else "number"
    # Identical numbers differ by nothing: an interval would suggest that something was estimated.
    n = None if change.difference.identical else row["n"]
    return Number(row["effect"], row["low"], row["high"], n, shown, "effect", row["unit"])  # type: ignore[arg-type]  # a literal
