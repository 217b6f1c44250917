"""Files of different ages -> one table: a missing column is NULL, whole numbers beside floats become float64.

A file in which a column has a type that does not go with the others is left out and named; the fixed columns have the
type of the schema, and for the others the type that most rows give them counts, in however many files they lie.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

import pyarrow as pa

from bench.registry.parquet import ENCODED, plain_type, promotes
from bench.registry.schema import TABLES, TYPES

Votes = Iterable[tuple[pa.Schema, int]]
"""The schema and the number of rows of each file."""


def unify(
    name: str,
    tables: Mapping[Path, pa.Table],
    columns: Container[str] | None = None,
    votes: Votes | None = None,
    *,
    encoded: bool = False,
) -> tuple[pa.Table, dict[Path, str]]:
    """Concatenate the contents of files.

    Args:
        name: a key of `bench.registry.schema.TABLES`.
        tables: file -> what was read from it, in the order that the rows shall have.
        columns: which columns were read; all by default.
        votes: the files that have a say in types; `tables` by default.
        encoded: whether texts shall be of the type `bench.registry.parquet.ENCODED`, as those of `tables` are.

    Returns:
        One table: the fixed columns, then the others by name; and file -> why it was left out.
    """
    given = ((table.schema, table.num_rows) for table in tables.values()) if votes is None else votes
    schema = unified_schema(name, given, columns)
    if encoded:
        schema = pa.schema([field.with_type(ENCODED) if pa.types.is_string(field.type) else field for field in schema])
    parts: list[pa.Table] = [schema.empty_table()]
    faults: dict[Path, str] = {}
    # Neighbours of one schema are put together first: then what is done for each column is done once for all of them.
    for _, alike in itertools.groupby(tables.items(), key=lambda item: _types(item[1].schema)):
        conformed, reasons = _conform_all(dict(alike), schema)
        parts += conformed
        faults |= reasons
    return pa.concat_tables(parts), faults


def unified_schema(name: str, votes: Votes, columns: Container[str] | None = None) -> pa.Schema:
    """The columns and types that `unify` gives to files; its arguments are those of `unify`."""
    fixed = {column.name: TYPES[column.type] for column in TABLES[name] if columns is None or column.name in columns}
    rows: Counter[int] = Counter()
    schemas: dict[int, pa.Schema] = {}
    for schema, count in votes:
        # Thousands of files share one object.
        schemas[id(schema)] = schema
        rows[id(schema)] += count
    counts: dict[str, Counter[pa.DataType]] = {}
    for key, schema in schemas.items():
        for field in schema:
            if field.name not in fixed and (columns is None or field.name in columns):
                counts.setdefault(field.name, Counter())[plain_type(field.type)] += rows[key]
    others = {column: _elected(counts[column]) for column in sorted(counts)}
    return pa.schema([pa.field(column, type_) for column, type_ in {**fixed, **others}.items()])


def _elected(votes: Counter[pa.DataType]) -> pa.DataType:
    """The type that most rows can be read as; among equals the first by name, so that the order of files is nothing."""
    readable = {wanted: sum(count for given, count in votes.items() if promotes(given, wanted)) for wanted in votes}
    most = max(readable.values())
    candidates = [wanted for wanted, count in readable.items() if count == most]
    numbers = [wanted for wanted in candidates if not pa.types.is_null(wanted)]
    return min(numbers or candidates, key=str)


def _types(schema: pa.Schema) -> tuple[tuple[str, ...], tuple[pa.DataType, ...]]:
    return tuple(schema.names), tuple(schema.types)


def _conform_all(tables: Mapping[Path, pa.Table], schema: pa.Schema) -> tuple[list[pa.Table], dict[Path, str]]:
    """Tables of one schema as tables of another, and those that cannot be, each with its reason."""
    try:
        return [_conform(pa.concat_tables(tables.values()), schema)], {}
    except ValueError:
        pass
    parts: list[pa.Table] = []
    faults: dict[Path, str] = {}
    for path, table in tables.items():
        try:
            parts.append(_conform(table, schema))
        except ValueError as error:
            faults[path] = str(error)
    return parts, faults


def _conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    given = dict(zip(table.schema.names, table.columns, strict=True))
    return pa.Table.from_arrays([_column(field, given.get(field.name), table.num_rows) for field in schema], schema=schema)


def _column(field: pa.Field, given: pa.ChunkedArray | None, length: int) -> pa.Array | pa.ChunkedArray:
    if given is None:
        return pa.nulls(length, field.type)
    type_, wanted = _plain(given.type), _plain(field.type)
    if not promotes(plain_type(type_), wanted):
        raise ValueError(f"column {field.name!r} is {type_} here and {wanted} in other files")
    # A whole number that float64 cannot hold makes the cast fail, so nothing is rounded in silence.
    return given if given.type == field.type else given.cast(field.type)


def _plain(given: pa.DataType) -> pa.DataType:
    return pa.string() if given == ENCODED else given
