"""A table in each format: Markdown, LaTeX, CSV, JSON and plain lines; every text is escaped."""

from __future__ import annotations

import csv as csv_module
import io
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from tabulate import tabulate

from bench.report import escape
from bench.report.latex import latex
from bench.report.table import EMPTY, Cell, Column, Number, Table, cell_text, is_best


def markdown(table: Table) -> str:
    """A pipe table under its title in bold, its notes below."""
    rows = [[_markdown_cell(cell) for cell in row] for row in table.rows]
    headers = [escape.markdown(column.full_title) for column in table.columns]
    body = tabulate(rows, headers, tablefmt="pipe", disable_numparse=True, colalign=_alignment(table)) if rows else f"*{EMPTY.capitalize()}.*"
    notes = "\n".join(f"- {escape.markdown(note)}" for note in table.notes)
    title = f"**{escape.markdown(table.title)}**" if table.title else ""
    return "\n\n".join(part for part in (title, body, notes) if part) + "\n"


def csv(table: Table) -> str:
    """Plain numbers: a column of means becomes mean, low, high and n; what does not exist is empty."""
    stream = io.StringIO()
    ranged = [table.ranged(index) for index in range(len(table.columns))]
    writer = csv_module.writer(stream, lineterminator="\n")
    writer.writerow([escape.csv(name) for column, wide in zip(table.columns, ranged, strict=True) for name in _csv_names(column, wide)])
    for row in table.rows:
        writer.writerow([value for cell, wide in zip(row, ranged, strict=True) for value in _csv_values(cell, wide)])
    return stream.getvalue()


def as_json(table: Table) -> dict[str, Any]:
    """The table as values for JSON: no NaN and no infinities."""
    keys = [column.key for column in table.columns]
    return {
        "title": table.title,
        "columns": [{"key": column.key, "title": column.title, "group": column.group} for column in table.columns],
        "rows": [dict(zip(keys, map(_json_cell, row), strict=True)) for row in table.rows],
        "notes": list(table.notes),
    }


def json_text(table: Table) -> str:
    """The table as JSON text."""
    return json.dumps(as_json(table), indent=2, allow_nan=False) + "\n"


def plain(table: Table) -> str:
    """Lines for a terminal or a log, without colours."""
    rows = [[escape.clean(cell_text(cell)) for cell in row] for row in table.rows]
    headers = [escape.clean(column.full_title) for column in table.columns]
    body = tabulate(rows, headers, tablefmt="simple", disable_numparse=True, colalign=_alignment(table)) if rows else EMPTY
    return "\n".join([escape.clean(table.title), body, *(escape.clean(note) for note in table.notes)]).lstrip("\n") + "\n"


FORMATS: Mapping[str, Callable[[Table], str]] = {"table": plain, "md": markdown, "latex": latex, "csv": csv, "json": json_text}


def _alignment(table: Table) -> list[str]:
    return ["right" if table.numeric(index) else "left" for index in range(len(table.columns))]


def _markdown_cell(cell: Cell) -> str:
    text = escape.markdown(cell) if isinstance(cell, str) else cell_text(cell)
    return f"**{text}**" if is_best(cell) else text


def _csv_names(column: Column, ranged: bool) -> list[str]:
    return [column.key, f"{column.key} low", f"{column.key} high", f"{column.key} n"] if ranged else [column.key]


def _csv_values(cell: Cell, ranged: bool) -> list[str]:
    if isinstance(cell, str):
        values = [escape.csv(cell), "", "", ""]
    elif isinstance(cell, int):
        values = [str(cell), "", "", ""]
    else:
        values = ["" if value is None or not math.isfinite(value) else str(value) for value in (cell.mean, cell.low, cell.high, cell.n)]
    return values if ranged else values[:1]


def _json_cell(cell: Cell) -> Any:
    if not isinstance(cell, Number):
        return cell
    values = {"mean": cell.mean, "low": cell.low, "high": cell.high, "n": cell.n}
    finite = {key: value if value is not None and math.isfinite(value) else None for key, value in values.items()}
    return {**finite, "best": cell.best, "note": cell.note}
