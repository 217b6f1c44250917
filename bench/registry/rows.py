"""Rows of the engine -> an Arrow table of a fixed schema; what is not finite becomes NULL here."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import BenchError, did_you_mean


def table_from_rows(schema: pa.Schema, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Turn rows into a table.

    Args:
        schema: as `bench.registry.schema.arrow_schema` gives it.
        rows: column -> value. A missing column and a float that is not finite are NULL.

    Returns:
        A table of that very schema.

    Raises:
        BenchError: if a row has a column that the schema lacks, or a value that its column cannot hold.
    """
    known = set(schema.names)
    for row in rows:
        if unknown := sorted(set(row) - known):
            raise BenchError(f"the schema has no column {unknown[0]!r}", hint=did_you_mean(unknown[0], known))
    return pa.Table.from_arrays([_column(field, rows) for field in schema], schema=schema)


def check_finite(table: pa.Table) -> None:
    """Refuse a table that holds a NaN or an infinity: some readers sort NaN first.

    Raises:
        BenchError: naming the column.
    """
    for field in table.schema:
        if pa.types.is_floating(field.type) and not pc.all(pc.is_finite(table[field.name]), min_count=0).as_py():
            raise BenchError(f"column {field.name!r} holds a value that is not finite; no value is NULL")


def _column(field: pa.Field, rows: Sequence[Mapping[str, Any]]) -> pa.Array:
    values = [row.get(field.name) for row in rows]
    if pa.types.is_floating(field.type):
        values = [None if _not_finite(value) else value for value in values]
    try:
        if pa.types.is_integer(field.type):
            # Arrow would cut 1.5 down to 1.
            values = [None if value is None else operator.index(value) for value in values]
        column = pa.array(values, type=field.type, from_pandas=False)
    except (ValueError, TypeError, OverflowError) as error:
        raise BenchError(f"column {field.name!r} cannot hold one of its values as {field.type}: {error}") from error
    if column.null_count and not field.nullable:
        raise BenchError(f"column {field.name!r} must have a value in every row, and {column.null_count} of {len(rows)} have none")
    return column


def _not_finite(value: Any) -> bool:
    return isinstance(value, float | np.floating) and not math.isfinite(value)
