"""The clean view in one file, for other tools."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench import files
from bench.errors import MissingError, UsageError
from bench.registry.store import Registry

ENDINGS = (".parquet", ".csv", ".duckdb")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(registry: Registry, file: Path, replace: bool = False, raw_csv: bool = False) -> int:
    """Write the clean view of `runs`.

    Args:
        registry: where it is read.
        file: ends in .parquet, .csv or .duckdb.
        replace: whether an existing file is replaced.
        raw_csv: whether texts that a spreadsheet would take for a formula stay as they are, instead of after a ``'``.

    Returns:
        The number of rows.

    Raises:
        UsageError: if the ending is another, or the file exists.
        MissingError: if duckdb is not installed.
        StorageError: if the disk refuses.
    """
    if file.suffix not in ENDINGS:
        raise UsageError(f"{file.name!r} ends in none of {', '.join(ENDINGS)}")
    if file.exists() and not replace:
        raise UsageError(f"{str(file)!r} exists already; nothing was written", hint="Use --force to replace it.")
    runs = registry.runs()
    content = {".parquet": _parquet, ".csv": lambda rows: _csv(rows, raw_csv), ".duckdb": _duckdb}[file.suffix](runs)
    files.replace(file.resolve(), content)
    return len(runs)


def _parquet(runs: pd.DataFrame) -> bytes:
    stream = pa.BufferOutputStream()
    pq.write_table(_arrow(runs), stream, write_page_checksum=True)
    return bytes(stream.getvalue())


def _csv(runs: pd.DataFrame, raw: bool) -> bytes:
    shown = runs if raw else runs.map(lambda value: f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value)
    return shown.to_csv(index=False).encode()


def _duckdb(runs: pd.DataFrame) -> bytes:
    try:
        import duckdb  # noqa: PLC0415 - an optional dependency of this format alone
    except ImportError as error:
        raise MissingError("duckdb is not installed", hint="Install implicit-bench[duckdb], or export to .parquet.") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.register("view", _arrow(runs))
            connection.execute("CREATE TABLE runs AS SELECT * FROM view")
        return path.read_bytes()


def _arrow(runs: pd.DataFrame) -> pa.Table:
    """The rows as Arrow: NaN, which stands for NULL in memory, is NULL again."""
    return pa.Table.from_pandas(runs, preserve_index=False)
