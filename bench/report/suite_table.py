"""A table that a suite declares: rows by keys, columns by selections and metrics, the source's own figures beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from bench.metric import Metric
from bench.report.grid import Places, order, readable, records, setting, settings
from bench.report.summary import comparable, failed, heading, mark_best, note_on_test_set, notes_on_numbers, summarize, with_counts
from bench.report.table import NONE, Cell, Column, Number, Table
from bench.selection import Selection
from bench.suite_file import Table as TableSpec

Key = tuple[str | None, ...]


@dataclass(frozen=True)
class _Field:
    """A field of the table: a column group of a row, a metric in it; the runs that fall there, and what the source says."""

    key: Key
    group: str
    metric: Metric
    places: Places
    source: str | Number | None


def suite_table(spec: TableSpec, runs: pd.DataFrame, metrics: Mapping[str, Metric], title: str = "") -> Table:
    """A declared table, from the rows of its experiment.

    Args:
        spec: rows, columns, values and reference, as the suite has them.
        runs: rows of `runs` at one commit.
        metrics: what the registry says of its metrics; values that it does not know are named in a note.
        title: what stands above where the suite says nothing.

    Returns:
        A table. Several cells in one field are averaged seed by seed, which a note says. Where there are several column
        groups the best is marked along a row, else along a column. Fields without rows are listed in a note.
    """
    rows = runs[runs["experiment"] == spec.experiment].reset_index(drop=True)
    shown = [metrics[name] for name in spec.values if name in metrics]
    fields = _fields(spec, rows, shown)
    numbers = _numbers(spec, rows, fields)
    sourced = {(field.group, field.metric.name) for field in fields if field.source is not None}
    lines: dict[Key, list[Cell]] = {field.key: [value or NONE for value in field.key] for field in fields}
    for field, number in zip(fields, numbers, strict=True):
        lines[field.key].append(number if number.mean is not None else failed(rows.iloc[field.places]) or NONE)
        if (field.group, field.metric.name) in sourced:
            lines[field.key].append(field.source if field.source is not None else NONE)
    notes = [*notes_on_numbers(numbers), *_notes_on_metrics(rows, shown, fields, numbers), *_notes_on_rows(spec, rows, fields, metrics)]
    return Table(spec.title or title, _columns(spec, shown, sourced), tuple(map(tuple, lines.values())), tuple(notes))


def _columns(spec: TableSpec, shown: Sequence[Metric], sourced: set[tuple[str, str]]) -> tuple[Column, ...]:
    columns = [Column(key, readable(key)) for key in spec.rows]
    for group in spec.columns or [""]:
        for metric in shown:
            key = f"{group} {metric.name}".strip()
            columns.append(Column(key, heading(metric), group))
            if (group, metric.name) in sourced:
                columns.append(Column(f"{key} source", "source", group))
    return tuple(columns)


def _fields(spec: TableSpec, rows: pd.DataFrame, shown: Sequence[Metric]) -> list[_Field]:
    """Every field of the table, row by row, in the order of its columns."""
    seen = _settings(rows)
    keys: list[Key] = [tuple(one.get(name) for name in spec.rows) for one in seen]
    groups = {group: Selection.parse(expression) for group, expression in (spec.columns or {"": ""}).items()}
    inside = {group: [selection.matches(one) for one in seen] for group, selection in groups.items()}
    fields = []
    for key in sorted(dict.fromkeys(keys), key=lambda key: _place(key, spec)):
        for group, selection in groups.items():
            chosen = np.flatnonzero([matches and key == other for matches, other in zip(inside[group], keys, strict=True)])
            fields += [_Field(key, group, metric, chosen, _source(spec, key, selection, metric)) for metric in shown]
    return fields


def _settings(rows: pd.DataFrame) -> list[dict[str, str | None]]:
    """What selections see of each row; the rows of a cell differ in their seed alone."""
    first = rows.drop_duplicates("cell_id")
    by_cell = dict(zip(first["cell_id"], map(settings, records(first)), strict=True))
    return [by_cell[cell] | {"seed": setting(seed)} for cell, seed in zip(rows["cell_id"], rows["seed"], strict=True)]


def _place(key: Key, spec: TableSpec) -> tuple[Any, ...]:
    """Where a row stands: in the order of the source's figures, at another scale of those of its first key, then by its values."""
    named = [index for index, entry in enumerate(spec.reference) if _agrees(entry, key, spec)]
    akin = [index for index, entry in enumerate(spec.reference) if setting(entry.get(spec.rows[0])) == key[0]]
    return ((named or akin or [len(spec.reference)])[0], [order(value) for value in key])


def _agrees(entry: Mapping[str, Any], key: Key, spec: TableSpec) -> bool:
    return all(name not in entry or setting(entry[name]) == value for name, value in zip(spec.rows, key, strict=True))


def _source(spec: TableSpec, key: Key, selection: Selection, metric: Metric) -> str | Number | None:
    """The source's figure for a field, if it has one."""
    for entry in spec.reference:
        value = entry.get(metric.name)
        if value is not None and _agrees(entry, key, spec) and selection.matches(entry):
            return value if isinstance(value, str) else Number(float(value), shown="percent" if metric.scale == "points" else "number")
    return None


def _numbers(spec: TableSpec, rows: pd.DataFrame, fields: Sequence[_Field]) -> list[Number]:
    numbers = [Number(None, n=0)] * len(fields)
    for metric in {field.metric.name: field.metric for field in fields}.values():
        indices = [index for index, field in enumerate(fields) if field.metric is metric]
        places = [fields[index].places for index in indices]
        lines = [fields[index].key if len(spec.columns) > 1 else fields[index].group for index in indices]
        alike = list(zip(lines, comparable(rows, places, metric), strict=True))
        for index, number in zip(indices, mark_best(summarize(rows, places, metric), alike, metric), strict=True):
            numbers[index] = number
    return with_counts(numbers, rows["seed"].nunique())


def _notes_on_metrics(rows: pd.DataFrame, shown: Sequence[Metric], fields: Sequence[_Field], numbers: Sequence[Number]) -> list[str]:
    notes: list[str] = []
    for metric in shown:
        here = [(field.places, number) for field, number in zip(fields, numbers, strict=True) if field.metric is metric and len(field.places)]
        if here:
            notes += note_on_test_set(rows.iloc[np.concatenate([places for places, _ in here])], metric, [number for _, number in here])
    return notes


def _notes_on_rows(spec: TableSpec, rows: pd.DataFrame, fields: Sequence[_Field], metrics: Mapping[str, Metric]) -> list[str]:
    """What is averaged, what failed, what is missing."""
    cells = pd.factorize(rows["cell_id"])[0]
    several = max((len(set(cells[field.places])) for field in fields), default=0)
    missing = dict.fromkeys(_named(spec, field) for field in fields if not len(field.places))
    unknown = [name for name in spec.values if name not in metrics]
    unmatched = [entry for entry in spec.reference if not any(_agrees(entry, field.key, spec) for field in fields)]
    # At another scale than the source's none of its figures has a counterpart, and that is no news.
    unmatched = unmatched if len(unmatched) < len(spec.reference) else []
    good = int((rows["status"] == "ok").sum())
    notes = [
        f"Fields with several cells (up to {several}) are averages over these cells, seed by seed." if several > 1 else "",
        f"{good} of {len(rows)} runs are ok; {failed(rows)}." if good < len(rows) else "",
        f"No runs for: {'; '.join(missing)}." if missing else "",
        f"Not measured: {', '.join(unknown)}." if unknown else "",
        f"Figures of the source without a counterpart here: {'; '.join(map(_entry, unmatched))}." if unmatched else "",
    ]
    return list(filter(None, notes))


def _named(spec: TableSpec, field: _Field) -> str:
    values = [f"{readable(name)} {value or NONE}" for name, value in zip(spec.rows, field.key, strict=True)]
    return ", ".join(chain(values, [field.group] if field.group else []))


def _entry(entry: Mapping[str, Any]) -> str:
    return ", ".join(f"{readable(name)} {setting(value) or NONE}" for name, value in entry.items())
