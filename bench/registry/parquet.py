"""One file of the registry: how it is written, and how it is read when nobody vouches for it.

A file may be torn, damaged, foreign or hostile. Whatever could cost memory or run code is checked before data are
loaded, and every fault is one exception with its reason.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import Place, StorageError
from bench.metric import Better, Scale, Split
from bench.registry.schema import SCHEMA_VERSION, TABLES, TYPES, VERSION_KEY, metric_of
from bench.registry.seal import check_seal, footer_start, seal

MAX_FILE = 2**30
MAX_FOOTER = 2**24
MAX_COLUMNS = 4_096
MAX_ROWS = 50_000_000
MAX_LOADED = 2**32
NEEDED = {
    "runs": ("row", "suite", "profile", "variant", "experiment", "run_id", "status", "generation", "written"),
    "history": ("row", "run_id"),
    "landscape": ("row", "run_id"),
    "functions": ("row", "run_id"),
}


def encode(table: pa.Table) -> bytes:
    """A table as a sealed Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return seal(sink.getvalue().to_pybytes())


def read(path: Path, table: str, columns: Collection[str] | None = None) -> pa.Table:
    """Read one file.

    Args:
        path: the file.
        table: a key of `bench.registry.schema.TABLES`.
        columns: which to load, where the file has them; all by default.

    Returns:
        What it holds, as it holds it.

    Raises:
        StorageError: with the reason, if it cannot be trusted.
    """
    file = open_file(path, table)
    names = file.schema_arrow.names
    wanted = names if columns is None else [name for name in names if name in columns]
    try:
        loaded = file.read(columns=wanted, use_threads=False)
        loaded.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StorageError(f"damaged: {_first_line(error)}", Place(str(path))) from error
    if loaded.num_rows != file.metadata.num_rows:
        raise StorageError("damaged: it holds another number of rows than it says", Place(str(path)))
    return loaded


def open_file(path: Path, table: str) -> pq.ParquetFile:
    """Open one file and check everything but the values.

    Args:
        path: the file.
        table: a key of `bench.registry.schema.TABLES`.

    Returns:
        The file, its bytes in memory.

    Raises:
        StorageError: with the reason, if it cannot be trusted.
    """
    try:
        content = _content(path)
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        _check_sizes(file.metadata)
        _check_schema(file.schema_arrow, table)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StorageError(_first_line(error), Place(str(path))) from error
    return file


def _content(path: Path) -> bytes:
    # A folder, a pipe or a loop of links is not opened at all.
    if not path.is_file():
        raise ValueError("not a regular file")
    if path.stat().st_size > MAX_FILE:
        raise ValueError("refused: it is larger than any that bench writes")
    content = path.read_bytes()
    check_seal(content)
    if len(content) - footer_start(content) > MAX_FOOTER:
        raise ValueError("refused: its footer is larger than any that bench writes")
    return content


def _check_sizes(metadata: pq.FileMetaData) -> None:
    loaded = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    for what, value, limit in (
        ("columns", metadata.num_columns, MAX_COLUMNS),
        ("rows", metadata.num_rows, MAX_ROWS),
        ("bytes once loaded", loaded, MAX_LOADED),
    ):
        if not 0 <= value <= limit:
            raise ValueError(f"refused: it claims {value:,} {what}; the most that is read is {limit:,}")


def _check_schema(schema: pa.Schema, table: str) -> None:
    version = (schema.metadata or {}).get(VERSION_KEY)
    if version is None or not version.isdigit():
        raise ValueError("foreign: bench did not write it")
    if int(version) > SCHEMA_VERSION:
        raise ValueError(f"written by a newer version of bench (schema {int(version)}; this one reads up to {SCHEMA_VERSION})")
    if missing := sorted(set(NEEDED[table]) - set(schema.names)):
        raise ValueError(f"foreign: it has no column {missing[0]!r}")
    if len(set(schema.names)) < len(schema.names):
        raise ValueError("foreign: two columns have one name")
    declared = {column.name: TYPES[column.type] for column in TABLES[table]}
    for field in schema:
        _check_field(field, declared.get(field.name))


def _check_field(field: pa.Field, declared: pa.DataType | None) -> None:
    if any(key.startswith(b"ARROW:extension") for key in field.metadata or {}):
        raise ValueError(f"refused: column {field.name!r} has an extension type")
    plain = plain_type(field.type)
    if plain is None:
        raise ValueError(f"refused: column {field.name!r} is {field.type}, which no column of bench is")
    if declared is not None and not promotes(plain, declared):
        raise ValueError(f"column {field.name!r} is {field.type} here and {declared} in the schema")
    metric = metric_of(field)
    if metric is None:
        return
    known = metric.better in get_args(Better) and metric.scale in get_args(Scale) and metric.counted_over in get_args(Split)
    if not known or not promotes(plain, pa.float64()):
        raise ValueError(f"foreign: column {field.name!r} is a metric that bench cannot have described")


def plain_type(given: pa.DataType) -> pa.DataType | None:
    """The type of `TYPES` (or null) that a stored type is read as; None for a type that is not read."""
    if pa.types.is_integer(given) and not pa.types.is_uint64(given):
        return pa.int64()
    if pa.types.is_floating(given):
        return pa.float64()
    if pa.types.is_string(given) or pa.types.is_large_string(given):
        return pa.string()
    if pa.types.is_timestamp(given) and given.tz == "UTC":
        return TYPES["timestamp"]
    return given if pa.types.is_boolean(given) or pa.types.is_null(given) else None


def promotes(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a column may be read as another type: as itself, whole numbers as float64, a column of NULLs as any."""
    return bool(given == wanted or pa.types.is_null(given) or (pa.types.is_int64(given) and pa.types.is_float64(wanted)))


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
