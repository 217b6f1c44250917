"""The rows of several files of a table as the content of one file, of which at no time more than a row group is in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from bench.registry.footers import REPLACES_KEY, Footer
from bench.registry.layout import COMMIT
from bench.registry.packs import Pack
from bench.registry.reading import Reader, without
from bench.registry.schema import SCHEMA_VERSION, VERSION_KEY, arrow_schema, metric_of
from bench.registry.seal import seal
from bench.registry.unify import unified_schema

GROUP = 2**16
"""The most rows of a row group that is made of several files."""

SMALL_GROUP = 2**9
"""Rows from which on a row group ends with its commit, so that readers of another commit pass over it."""


def rewritten(reader: Reader, table: str, packs: Sequence[Pack]) -> bytes:
    """One file instead of several.

    Args:
        reader: reads them, and remembers which could not be used: these are missing in the result.
        table: a key of `bench.registry.schema.TABLES`.
        packs: packs that have this table, in the order that their rows shall have.

    Returns:
        The file: each row once, every column of every file, and of `runs` which packs it stands for.
    """
    footers = [pack.footers[table] for pack in packs]
    schema = _schema(table, footers)
    votes = [(footer.schema, footer.rows) for footer in footers]
    # Only compacted files can have rows in common: those that other registries made of the same packs.
    seen: set[str] | None = set() if len(frozenset().union(*(pack.names for pack in packs))) < sum(len(pack.names) for pack in packs) else None
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        for batch in _batches(packs, table):
            rows = reader.load(table, [pack.paths[table] for pack in batch], votes=votes)
            if seen is not None:
                rows = without(rows, seen)
                seen.update(rows["row"].unique().to_pylist())
            writer.write_table(pa.Table.from_arrays(rows.columns, schema=schema), row_group_size=GROUP)
        if table == COMMIT:
            writer.add_key_value_metadata({REPLACES_KEY: json.dumps(sorted(frozenset().union(*(pack.names for pack in packs))))})
    return seal(sink.getvalue().to_pybytes())


def _batches(packs: Sequence[Pack], table: str) -> Iterator[list[Pack]]:
    """Packs that become one row group."""
    batch: list[Pack] = []
    rows = 0
    for pack in packs:
        own = pack.footers[table].rows
        if batch and (rows + own > GROUP or (rows >= SMALL_GROUP and pack.state != batch[-1].state)):
            yield batch
            batch, rows = [], 0
        batch.append(pack)
        rows += own
    yield batch


def _schema(table: str, footers: Iterable[Footer]) -> pa.Schema:
    """The columns of all files, with what they say of them."""
    votes = [(footer.schema, footer.rows) for footer in footers]
    schemas = {id(schema): schema for schema, _ in votes}.values()
    described = {field.name: field for field in arrow_schema(table)}
    for schema in schemas:
        described |= {field.name: field for field in schema if metric_of(field) is not None}
    fields = [
        pa.field(column.name, column.type, _may_be_null(column.name, schemas), described[column.name].metadata if column.name in described else None)
        for column in unified_schema(table, votes)
    ]
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()})


def _may_be_null(name: str, schemas: Iterable[pa.Schema]) -> bool:
    return any(name not in schema.names or schema.field(name).nullable for schema in schemas)
