"""The runs of a page as JSON: each text once, so that ten thousand runs stay a few megabytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench.metric import Metric
from bench.report import escape
from bench.report.content import Content
from bench.report.detail import PROVENANCE, flat
from bench.report.grid import grid_cells, setting
from bench.report.summary import heading, shown_metrics
from bench.report.table import NONE, Number
from bench.selection import text

# JSON stands in a script element, which these would end or, in old parsers, break.
_UNSAFE = {ord("<"): r"\u003c", ord(">"): r"\u003e", ord("&"): r"\u0026", 0x2028: r"\u2028", 0x2029: r"\u2029"}


def runs_data(content: Content, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """Every run of a report with its numbers, its configuration and where it comes from.

    Args:
        content: the report.
        metrics: what the registry says of its metrics.

    Returns:
        ``list``: columns of a table of runs; ``metrics``: ``exact`` numbers and ``shown`` texts, with the metric's words;
        ``configuration``: pairs of name and value per cell; ``provenance``: further columns. A column is its distinct
        ``values`` and, per run, an ``index`` into them, −1 for none.
    """
    rows = _in_order(content)
    listed = {"experiment": rows["experiment"], "cell": rows["name"], "seed": rows["seed"], "status": rows["status"]}
    provenance = {name: rows[name] for name in PROVENANCE if name in rows and name not in {*listed, "run_id", "row"}}
    return {
        "ids": {name: [escape.clean(str(value)) for value in rows[name]] for name in ("run_id", "row")},
        "list": [_column(name, values) for name, values in listed.items()],
        "metrics": [_metric(rows, metric) for metric in shown_metrics(rows, metrics)],
        "configuration": _configurations(rows["cell"]),
        "provenance": [_column(name, values) for name, values in provenance.items()],
        "cell_ids": _column("cell_id", rows["cell_id"]),
    }


def script_json(value: Any) -> str:
    """JSON that can stand in a script element: no text in it ends the element, and no value is NaN."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_UNSAFE)


def _in_order(content: Content) -> pd.DataFrame:
    """The runs as tables list them: by experiment, cell and seed; with ``name``, what tables and figures call the cell."""
    rows = content.rows.reset_index(drop=True)
    names, places = dict.fromkeys(rows.index, NONE), dict.fromkeys(rows.index, 0)
    cells = [cell for name in content.experiments for cell in grid_cells(rows[rows["experiment"] == name])]
    for place, cell in enumerate(cells):
        own = cell.frame.index[cell.places]
        names |= dict.fromkeys(own, cell.name(list(cell.axes)) or NONE)
        places |= dict.fromkeys(own, place)
    return rows.assign(name=list(names.values()), place=list(places.values())).sort_values(["place", "seed", "row"])


def _column(name: str, values: pd.Series[Any]) -> dict[str, Any]:
    codes, distinct = pd.factorize(values.astype(object), use_na_sentinel=True)
    return {"name": name, "values": [escape.clean(setting(value) or "") for value in distinct], "index": codes.tolist()}


def _configurations(cells: pd.Series[Any]) -> dict[str, Any]:
    codes, distinct = pd.factorize(cells.astype(object))
    pairs = [[[escape.clean(name), escape.clean(text(value))] for name, value in flat(json.loads(cell)).items()] for cell in distinct]
    return {"values": pairs, "index": codes.tolist()}


def _metric(rows: pd.DataFrame, metric: Metric) -> dict[str, Any]:
    shown = "percent" if metric.scale == "points" else "number"
    exact = [None if pd.isna(value) or not math.isfinite(value) else float(value) for value in rows[metric.name]]
    texts = ["" if value is None else str(Number(value, shown=shown)) for value in exact]  # type: ignore[arg-type]  # the two values of `shown`
    words = {"name": metric.name, "title": heading(metric), "meaning": metric.meaning}
    return {**{key: escape.clean(value) for key, value in words.items()}, "exact": exact, "shown": texts}


def cell_ids(content: Content, experiment: str) -> Sequence[str]:
    """The cells of an experiment, in the order of its table's rows."""
    return [str(cell.frame["cell_id"].iloc[cell.places[0]]) for cell in grid_cells(content.rows[content.rows["experiment"] == experiment])]
