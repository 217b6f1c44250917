"""Reads files of a registry: what cannot be used is remembered with its reason, and never hides the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StorageError
from bench.registry import parquet
from bench.registry.layout import COMMIT, STEM, Layout
from bench.registry.unify import unify


@dataclass(frozen=True)
class Fault:
    """A file that cannot be used, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Reader:
    """Reads tables and remembers faults.

    Args:
        layout: the registry's names.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._reasons: dict[Path, str] = {}

    @property
    def faults(self) -> list[Fault]:
        """What could not be used of the files read so far, by path."""
        return [Fault(path, self._reasons[path]) for path in sorted(self._reasons)]

    def paths(self, table: str, suite: str | None = None, profile: str | None = None) -> list[Path]:
        """The files of a table, by name.

        Args:
            table: a key of `bench.registry.schema.TABLES`.
            suite: only this suite.
            profile: only this profile.

        Raises:
            StorageError: if the folder is no registry.
        """
        if not self._layout.exists:
            raise StorageError(f"{self._layout.root} is no registry", hint="`bench run` makes one; --results names another folder.")
        self._try_format()
        return [path for path in self._layout.parquet_files(table) if self._wanted(path, suite, profile)]

    def recorded(self, table: str, suite: str | None = None, profile: str | None = None) -> list[Path]:
        """The files of a table whose pack has a sound file of `runs`; the arguments are those of `paths`."""
        paths = self.paths(table, suite, profile)
        if table == COMMIT:
            return paths
        sound = {path.name for path, _ in self.schemas(COMMIT, self.paths(COMMIT, suite, profile))}
        return [path for path in paths if path.name in sound]

    def load(self, table: str, paths: Sequence[Path], columns: Collection[str] | None = None, rows: Set[str] | None = None) -> pa.Table:
        """The contents of files as one table.

        Args:
            table: a key of `bench.registry.schema.TABLES`.
            paths: the files.
            columns: which to load; all by default.
            rows: values of the column ``row`` to keep; all by default.

        Returns:
            A table as `bench.registry.unify.unify` makes it.
        """
        loaded: dict[Path, pa.Table] = {}
        for path in paths:
            self._reasons.pop(path, None)
            try:
                content = parquet.read(path, table, columns)
            except StorageError as error:
                self._reasons[path] = error.message
                continue
            loaded[path] = content if rows is None else _of_rows(content, rows)
        unified, reasons = unify(table, loaded, columns)
        self._reasons.update(reasons)
        return unified

    def schemas(self, table: str, paths: Sequence[Path]) -> Iterator[tuple[Path, pa.Schema]]:
        """The schemas of those files that can be used.

        Args:
            table: a key of `bench.registry.schema.TABLES`.
            paths: the files.

        Yields:
            Each file and its schema.
        """
        for path in paths:
            try:
                schema = parquet.open_file(path, table).schema_arrow
            except StorageError as error:
                self._reasons[path] = error.message
            else:
                yield path, schema

    def suite_text(self, digest: str) -> str | None:
        """The sound copy of a suite file, or None."""
        path = self._layout.suite_file(digest)
        self._reasons.pop(path, None)
        if not path.is_file():
            return None
        try:
            content = path.read_bytes()
            text = content.decode()
        except (OSError, ValueError) as error:
            self._reasons[path] = str(error)
            return None
        if hashlib.sha256(content).hexdigest() == digest:
            return text
        self._reasons[path] = "damaged: its content is not what its name says"
        return None

    def _wanted(self, path: Path, suite: str | None, profile: str | None) -> bool:
        match = STEM.fullmatch(path.stem)
        if match is None:
            # A copy under another name would count its rows twice.
            self._reasons[path] = "foreign: not a name that bench gives; the form is <suite>.<profile>.<pack>.parquet"
            return False
        return suite in (None, match["suite"]) and profile in (None, match["profile"])

    def _try_format(self) -> None:
        path = self._layout.format_file
        self._reasons.pop(path, None)
        if not path.exists():
            return
        try:
            self._layout.check_format()
        except StorageError as error:
            self._reasons[path] = error.message


def _of_rows(content: pa.Table, rows: Set[str]) -> pa.Table:
    # A file has few of the rows that are asked for, and Arrow hashes all that it is given anew for each file.
    kept = [name for name in content["row"].unique().to_pylist() if name in rows]
    return content.filter(pc.is_in(content["row"], value_set=pa.array(kept, pa.string())))
