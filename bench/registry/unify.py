"""Files of different ages -> one table: a missing column is NULL, whole numbers beside floats become float64.

A file in which a column has a type that does not go with the others is left out and named; the fixed columns have the
type of the schema, and for the others the type that most files give them counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from bench.registry.parquet import plain_type, promotes
from bench.registry.schema import TABLES, TYPES


def unify(name: str, tables: Mapping[Path, pa.Table], columns: Collection[str] | None = None) -> tuple[pa.Table, dict[Path, str]]:
    """Concatenate the contents of files.

    Args:
        name: a key of `bench.registry.schema.TABLES`.
        tables: file -> what was read from it, in the order that the rows shall have.
        columns: which fixed columns are wanted; all by default.

    Returns:
        One table: the fixed columns, then the others by name; and file -> why it was left out.
    """
    schema = _unified_schema(name, [table.schema for table in tables.values()], columns)
    parts: list[pa.Table] = [schema.empty_table()]
    faults: dict[Path, str] = {}
    for path, table in tables.items():
        try:
            parts.append(_conform(table, schema))
        except ValueError as error:
            faults[path] = str(error)
    return pa.concat_tables(parts), faults


def _unified_schema(name: str, schemas: Sequence[pa.Schema], columns: Collection[str] | None) -> pa.Schema:
    fixed = {column.name: TYPES[column.type] for column in TABLES[name] if columns is None or column.name in columns}
    votes: dict[str, Counter[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            if field.name not in fixed:
                votes.setdefault(field.name, Counter())[plain_type(field.type)] += 1
    others = {column: _elected(votes[column]) for column in sorted(votes)}
    return pa.schema([pa.field(column, type_) for column, type_ in {**fixed, **others}.items()])


def _elected(votes: Counter[pa.DataType]) -> pa.DataType:
    """The type that most files can be read as; among equals the first by name, so that the order of files is nothing."""
    readable = {wanted: sum(count for given, count in votes.items() if promotes(given, wanted)) for wanted in votes}
    most = max(readable.values())
    candidates = [wanted for wanted, count in readable.items() if count == most]
    numbers = [wanted for wanted in candidates if not pa.types.is_null(wanted)]
    return min(numbers or candidates, key=str)


def _conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    given = dict(zip(table.schema.names, table.columns, strict=True))
    return pa.Table.from_arrays([_column(field, given.get(field.name), table.num_rows) for field in schema], schema=schema)


def _column(field: pa.Field, given: pa.ChunkedArray | None, length: int) -> pa.Array | pa.ChunkedArray:
    if given is None:
        return pa.nulls(length, field.type)
    if not promotes(plain_type(given.type), field.type):
        raise ValueError(f"column {field.name!r} is {given.type} here and {field.type} in other files")
    # A whole number that float64 cannot hold makes the cast fail, so nothing is rounded in silence.
    return given if given.type == field.type else given.cast(field.type)
