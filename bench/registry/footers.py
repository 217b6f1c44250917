"""What the reader keeps of a file that it has opened, so that it need not be opened again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from bench.errors import Place, StorageError
from bench.registry.notes import read_note
from bench.registry.parquet import Content, Opened, Schemas, content_of
from bench.registry.statistics import Group, groups_of

REPLACES_KEY = b"bench.replaces"
"""Metadata of a compacted file of `runs`: a JSON list of the packs whose rows it and its files of other tables hold, by their stems."""


LARGE = 2**24
"""Bytes from which on a file is kept from one look to the next: to read and to check it takes longer than all else."""

MOST = 2**29
"""Bytes that are kept in all."""


@dataclass(frozen=True, slots=True)
class Footer:
    """A footer, in short.

    Attributes:
        schema: the schema, the same object for files that have the same.
        groups: the row groups.
        replaces: the stems of the packs that it stands for.
        size: how many bytes the file has.
    """

    schema: pa.Schema
    groups: tuple[Group, ...]
    replaces: frozenset[str]
    size: int

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return sum(group.rows for group in self.groups)


class Footers:
    """Opens files, and remembers their footers for as long as the files do not change."""

    def __init__(self) -> None:
        self._schemas = Schemas()
        self._kept: dict[Path, tuple[tuple[int, int, int], Footer]] = {}
        self._contents: dict[Path, tuple[tuple[int, int, int], Content]] = {}

    def known(self, path: Path) -> Footer | None:
        """The footer of a file that was opened before, or None if it is not or no longer that file."""
        kept = self._kept.get(path)
        return kept[1] if kept is not None and kept[0] == _stamp(path) else None

    def latest(self, path: Path) -> Footer | None:
        """The footer of a file as it was opened last, or None if it never was."""
        kept = self._kept.get(path)
        return kept[1] if kept is not None else None

    def look(self, path: Path, table: str) -> tuple[Footer, Callable[[], Opened]]:
        """Read a file and its footer, or the note that stands for it.

        Args:
            path: the file.
            table: a key of `bench.registry.schema.TABLES`.

        Returns:
            The footer, and what opens the file for its values, which raises as this does.

        Raises:
            StorageError: with the reason, if it cannot be trusted.
        """
        stamp = _stamp(path)
        content = self._content(path, stamp)
        footer = self._noted(content, table)
        if footer is None:
            opened = content.open(table, self._schemas)
            metadata = opened.file.metadata
            replaces = _replaced(path, (metadata.metadata or {}).get(REPLACES_KEY, b"[]"))
            footer = Footer(opened.schema, groups_of(metadata, opened.schema.names), replaces, len(content.content))
            found = footer, lambda: opened
        else:
            found = footer, lambda: content.open(table, self._schemas)
        if stamp is not None:
            self._kept[path] = (stamp, footer)
        return found

    def _content(self, path: Path, stamp: tuple[int, int, int] | None) -> Content:
        """The bytes of a file; those of a large one that did not change are read for two looks at a time."""
        kept = self._contents.pop(path, None)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        content = content_of(path)
        size = len(content.content)
        if stamp is not None and size >= LARGE and size + sum(len(other.content) for _, other in list(self._contents.values())) <= MOST:
            self._contents[path] = stamp, content
        return content

    def _noted(self, content: Content, table: str) -> Footer | None:
        noted = read_note(content.note or b"")
        schema = None if noted is None else self._schemas.known(table, noted[0])
        return None if noted is None or schema is None else Footer(schema, noted[1], frozenset(), len(content.content))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def _replaced(path: Path, text: bytes) -> frozenset[str]:
    try:
        stems = json.loads(text)
    except ValueError:
        stems = None
    if not isinstance(stems, list) or not all(isinstance(stem, str) for stem in stems):
        raise StorageError("foreign: it does not say which files it replaces as bench does", Place(str(path)))
    return frozenset(stems)
