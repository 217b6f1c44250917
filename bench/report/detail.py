"""One run in full: its configuration, its numbers, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bench.errors import UnknownNameError, UsageError
from bench.registry.schema import RUNS
from bench.registry.store import Registry
from bench.report.table import Table, plain_table
from bench.selection import text

PROVENANCE = tuple(column.name for column in RUNS if column.name not in ("cell", "code_files", "measures", "log"))
"""The columns of `runs` that say what a run was and where it comes from."""


def run_tables(registry: Registry, which: str) -> Iterator[Table]:
    """The tables of one run.

    Args:
        registry: where it is read.
        which: the beginning of a ``run_id`` or of a ``row``, at least four characters.

    Raises:
        UnknownNameError: if no run begins so.
        UsageError: if several runs do, or `which` is too short.
    """
    if len(which) < 4:
        raise UsageError(f"{which!r} is too short; give at least four characters of a run_id or a row")
    runs = registry.runs()
    found = runs[runs["run_id"].str.startswith(which) | runs["row"].str.startswith(which)]
    if found.empty:
        raise UnknownNameError(f"no run begins with {which!r}", hint="bench export FILE.csv lists all of them.")
    if found["run_id"].nunique() > 1:
        raise UsageError(f"{which!r} begins {found['run_id'].nunique()} runs: {', '.join(sorted(name[:12] for name in found['run_id'].unique()))}")
    for row in found.to_dict("records"):
        yield from _one(row, registry)


def _one(row: Mapping[Any, Any], registry: Registry) -> Iterator[Table]:
    metrics = registry.metrics()
    where = f"{row['suite']} / {row['profile']} / {row['experiment']}, seed {row['seed']}: {row['status']}"
    yield _pairs(where, {name: row[name] for name in metrics if not pd.isna(row[name])})
    yield _pairs("configuration", flat(json.loads(row["cell"])))
    fixed = {name: row[name] for name in PROVENANCE}
    yield _pairs("provenance", {name: value for name, value in fixed.items() if value is not None and not pd.isna(value)})
    if row.get("log"):
        yield plain_table("the last that its worker wrote", ("log",), [(line,) for line in row["log"].splitlines()])


def _pairs(title: str, values: Mapping[str, Any]) -> Table:
    return plain_table(title, ("name", "value"), [(name, text(value)) for name, value in values.items()])


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """A nested configuration as the keys of a suite with their values: a part's name, and its parameters behind a dot.

    Args:
        value: a value, or a mapping of them.
        prefix: the key that it has.
    """
    if isinstance(value, dict) and value.keys() == {"name", "parameters"}:
        return {prefix: value["name"], **{f"{prefix}.{key}": item for key, item in value["parameters"].items()}}
    if isinstance(value, dict) and value:
        return {name: item for key, inner in value.items() for name, item in flat(inner, f"{prefix}.{key}" if prefix else key).items()}
    return {prefix: value}
