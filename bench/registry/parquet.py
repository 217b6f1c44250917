"""One file of the registry: how it is written, and how it is read when nobody vouches for it.

A file may be torn, damaged, foreign or hostile. Whatever could cost memory or run code is checked before data are
loaded, and every fault is one exception with its reason.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import Place, StorageError
from bench.metric import Better, Scale, Split
from bench.registry.notes import ARROW_SCHEMA, note_of, schema_digest
from bench.registry.schema import SCHEMA_VERSION, TABLES, TYPES, VERSION_KEY, metric_of
from bench.registry.seal import check_seal, footer_start, seal

ENCODED = pa.dictionary(pa.int32(), pa.string())
"""Texts of which each different one is held once."""

MAX_FILE = 2**30
MAX_FOOTER = 2**24
MAX_COLUMNS = 4_096
MAX_ROWS = 50_000_000
MAX_LOADED = 2**32
DIFFERENT = "damaged: its columns are not those that it says it has"
NEEDED = {
    "runs": ("row", "suite", "profile", "variant", "experiment", "run_id", "status", "generation", "written"),
    "history": ("row", "run_id"),
    "landscape": ("row", "run_id"),
    "functions": ("row", "run_id"),
    "neurons": ("row", "run_id"),
    "similarity": ("row", "run_id"),
    "spectrum": ("row", "run_id"),
}


def encode(table: pa.Table) -> bytes:
    """A table as a sealed Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    content = sink.getvalue()
    names = table.schema.names
    note = note_of(pq.ParquetFile(pa.BufferReader(content)).metadata, names) if "commit" in names else b""
    return seal(content.to_pybytes(), note)


class Schemas:
    """The schemas of files; one that many files share is built and checked once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], pa.Schema | str] = {}
        self._lock = threading.Lock()

    def of(self, file: pq.ParquetFile, table: str, sealed: bool) -> pa.Schema:
        """The schema of a file, the same object for files that have the same.

        Args:
            file: the file.
            table: a key of `bench.registry.schema.TABLES`.
            sealed: whether `encode` made it, so that its schema is what Arrow noted of it.

        Raises:
            ValueError: with the reason, if it is none of this table.
        """
        digest = schema_digest(file.metadata) if sealed else None
        if digest is None:
            _check_schema(file.schema_arrow, table)
            return file.schema_arrow
        with self._lock:
            if (table, digest) not in self._known:
                self._known[table, digest] = _checked(file.metadata, table)
            found = self._known[table, digest]
        if isinstance(found, str):
            raise ValueError(found)
        return found

    def known(self, table: str, digest: str) -> pa.Schema | None:
        """The schema of that digest, if a sound file had it before."""
        found = self._known.get((table, digest))
        return None if isinstance(found, str) else found


def _checked(metadata: pq.FileMetaData, table: str) -> pa.Schema | str:
    """The schema that Arrow noted in a file, or why it is none of this table.

    It does not depend on the columns that the file has: whichever of several is read first, those that have others are found when they are read.
    """
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(metadata.metadata[ARROW_SCHEMA])))
        _check_schema(schema, table)
    except (pa.ArrowException, ValueError) as error:
        return _first_line(error)
    return schema


@dataclass(frozen=True)
class Opened:
    """A file whose footer can be trusted.

    Attributes:
        file: the file, its bytes in memory.
        schema: its schema.
        path: where it lies.
        content: the bytes.
    """

    file: pq.ParquetFile
    schema: pa.Schema
    path: Path
    content: bytes

    def read(self, columns: Container[str] | None = None, groups: Sequence[int] | None = None, *, encoded: bool = False) -> pa.Table:
        """Read the values.

        Args:
            columns: which to load, where the file has them; all by default.
            groups: which row groups; all by default.
            encoded: whether texts are of the type `ENCODED`, as the file holds them; to write each of them out takes most of the time.

        Returns:
            What it holds, as it holds it.

        Raises:
            StorageError: with the reason, if it is damaged.
        """
        names = self.schema.names
        wanted = names if columns is None else [name for name in names if name in columns]
        chosen = range(self.file.num_row_groups) if groups is None else groups
        types = {name: ENCODED if encoded and pa.types.is_string(self.schema.field(name).type) else self.schema.field(name).type for name in wanted}
        try:
            loaded = self._reader(types).read_row_groups(list(chosen), columns=wanted, use_threads=False)
            loaded.validate(full=True)
        except KeyError as error:
            raise StorageError(DIFFERENT, Place(str(self.path))) from error
        except (pa.ArrowException, OSError, ValueError) as error:
            raise StorageError(f"damaged: {_first_line(error)}", Place(str(self.path))) from error
        if loaded.schema.names != wanted or loaded.schema.types != list(types.values()):
            raise StorageError(DIFFERENT, Place(str(self.path)))
        if loaded.num_rows != sum(self.file.metadata.row_group(index).num_rows for index in chosen):
            raise StorageError("damaged: it holds another number of rows than it says", Place(str(self.path)))
        return loaded

    def _reader(self, types: Mapping[str, pa.DataType]) -> pq.ParquetFile:
        texts = [name for name, type_ in types.items() if type_ == ENCODED]
        if not texts:
            return self.file
        return pq.ParquetFile(pa.BufferReader(self.content), metadata=self.file.metadata, read_dictionary=texts, page_checksum_verification=True)


@dataclass(frozen=True)
class Content:
    """The bytes of a file, as they were written.

    Attributes:
        path: where it lies.
        content: all of it.
        note: what lies beside its seal; None if it has no seal.
    """

    path: Path
    content: bytes
    note: bytes | None

    def open(self, table: str, schemas: Schemas) -> Opened:
        """Check everything but the values.

        Args:
            table: a key of `bench.registry.schema.TABLES`.
            schemas: those of other files.

        Returns:
            The file.

        Raises:
            StorageError: with the reason, if it cannot be trusted.
        """
        try:
            file = pq.ParquetFile(pa.BufferReader(self.content), page_checksum_verification=True)
            _check_sizes(file.metadata)
            schema = schemas.of(file, table, sealed=self.note is not None)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise StorageError(_first_line(error), Place(str(self.path))) from error
        return Opened(file, schema, self.path, self.content)


def open_file(path: Path, table: str) -> Opened:
    """Open one file and check everything but the values.

    Args:
        path: the file.
        table: a key of `bench.registry.schema.TABLES`.

    Returns:
        The file.

    Raises:
        StorageError: with the reason, if it cannot be trusted.
    """
    return content_of(path).open(table, Schemas())


def check(path: Path, table: str) -> None:
    """Read a file whole, a row group at a time.

    Args:
        path: the file.
        table: a key of `bench.registry.schema.TABLES`.

    Raises:
        StorageError: with the reason, if it cannot be trusted.
    """
    opened = open_file(path, table)
    for group in range(opened.file.num_row_groups):
        opened.read(groups=[group])


def content_of(path: Path) -> Content:
    """The bytes of a file.

    Raises:
        StorageError: with the reason, if they are not those of a Parquet file as bench wrote it.
    """
    try:
        return _content(path)
    except (OSError, ValueError) as error:
        raise StorageError(_first_line(error), Place(str(path))) from error


def _content(path: Path) -> Content:
    # A folder, a pipe or a loop of links is not opened at all.
    if not path.is_file():
        raise ValueError("not a regular file")
    if path.stat().st_size > MAX_FILE:
        raise ValueError("refused: it is larger than any that bench writes")
    content = path.read_bytes()
    note = check_seal(content)
    if len(content) - footer_start(content) > MAX_FOOTER:
        raise ValueError("refused: its footer is larger than any that bench writes")
    return Content(path, content, note)


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
