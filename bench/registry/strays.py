"""What lies in a registry's folders and no reader needs: what writers left, what nothing refers to, and what others put there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import files
from bench.registry.layout import CHECKPOINTS, COMMIT, DIGEST, LEASES, SUITES, WEIGHTS, Layout
from bench.registry.packs import ORDER
from bench.registry.reading import Reader, Wanted
from bench.registry.replaced import replaced
from bench.registry.schema import TABLES

Kind = Literal["temporary", "orphan", "replaced", "checkpoint", "lease", "foreign"]

AGES = {"temporary": 3600.0, "orphan": 86_400.0, "replaced": 0.0, "checkpoint": 3600.0, "lease": 3600.0}
"""Seconds since a file was written, from which on it is taken to be left. A writer that still wants its temporary file or its
checkpoint loses some work; one that wants its orphan, which it would record within moments, would lose rows, so a day must pass."""

WANTED_AT_WORK = frozenset({"orphan", "checkpoint"})
"""Kinds of which nothing is removed as long as a runner is at work: it may be about to record them, or to go on from them."""


@dataclass(frozen=True)
class Stray:
    """A file, or a foreign folder.

    Attributes:
        path: where it lies.
        kind: ``temporary``: what a writer makes before it gives it a name; ``orphan``: a table's file without one of `runs`, and weights
            that no row names; ``replaced``: a file that a compacted one stands for; ``checkpoint``: that of a run which is done; ``lease``:
            what a runner that is at work keeps writing; ``foreign``: bench did not make it.
        size: how many bytes it has.
        written: when it was written last, in seconds, by the clock of its disk.
    """

    path: Path
    kind: Kind
    size: int
    written: float

    def is_left(self, now: float) -> bool:
        """Whether nobody wants it any more.

        Args:
            now: seconds, by the clock of its disk.
        """
        return self.kind in AGES and now - self.written >= AGES[self.kind]

    @property
    def stands(self) -> bool:
        """Whether it is there and was not written since."""
        try:
            return _stray(self.path, self.kind) == self
        except OSError:
            return False


def left(found: Iterable[Stray], now: float) -> list[Stray]:
    """What of it nobody wants any more.

    Args:
        found: all strays of a registry.
        now: seconds, by the clock of its disk.
    """
    found = list(found)
    at_work = any(stray.kind == "lease" and not stray.is_left(now) for stray in found)
    return [stray for stray in found if stray.is_left(now) and not (at_work and stray.kind in WANTED_AT_WORK)]


def strays(layout: Layout, reader: Reader, done: Set[str]) -> list[Stray]:
    """Find them all; nothing is changed.

    Args:
        layout: the registry's names.
        reader: reads it.
        done: ids of runs that have a result.

    Returns:
        Each once, by path.

    Raises:
        StorageError: if the folder is no registry.
    """
    kinds: dict[Path, Kind] = dict.fromkeys(_orphans(layout, reader), "orphan")
    kinds |= dict.fromkeys(_entries(layout.folder(LEASES)), "lease")
    kinds |= {path: "replaced" for table in ORDER for path in covered(reader, table)}
    kinds |= {path: "checkpoint" for path in _entries(layout.folder(CHECKPOINTS)) if path.name.partition(".")[0] in done}
    kinds |= dict(_unread(layout))
    return [_stray(path, kinds[path]) for path in sorted(kinds)]


def covered(reader: Reader, table: str) -> list[Path]:
    """The files of a table that a sound compacted one of it stands for: what a crash left, or a merge brought back.

    Args:
        reader: reads the registry.
        table: a key of `bench.registry.schema.TABLES`.

    Raises:
        StorageError: if the folder is no registry.
    """
    lists = _lists(reader)
    paths = reader.paths(table)
    sound = {path.stem for path in reader.footers(table, [path for path in paths if lists.get(path.stem)])}
    stems = replaced({stem: lists[stem] for stem in sound})
    return [path for path in paths if path.stem in stems]


def _lists(reader: Reader) -> dict[str, frozenset[str]]:
    """Stem of a sound file of `runs` -> the packs that it stands for."""
    return {path.stem: footer.replaces for path, footer in reader.footers(COMMIT, reader.paths(COMMIT)).items()}


def _orphans(layout: Layout, reader: Reader) -> Iterator[Path]:
    """What no file of `runs` is there for; nothing where one of those cannot be read, and may stand for it."""
    # These first: what is recorded while this looks has no file here that seems to be an orphan.
    others = [path for table in ORDER if table != COMMIT for path in reader.paths(table)]
    weights = [path for path in _entries(layout.folder(WEIGHTS)) if DIGEST.fullmatch(path.stem)]
    runs = {path.stem for path in reader.paths(COMMIT)}
    lists = _lists(reader)
    if runs <= lists.keys():
        named = runs.union(*lists.values())
        yield from (path for path in others if path.stem not in named)
        kept = set(reader.load(COMMIT, reader.paths(COMMIT), Wanted({"weights"}))["weights"].to_pylist())
        yield from (path for path in weights if path.stem not in kept)


def _unread(layout: Layout) -> Iterator[tuple[Path, Kind]]:
    """What no reader looks at."""
    transient = {layout.folder(name) for name in (CHECKPOINTS, LEASES)}
    folders = [*(layout.folder(name) for name in (*TABLES, SUITES, WEIGHTS)), *sorted(transient)]
    # A registry within, as results/reference, is its own.
    known = {layout.format_file, *folders, *(path.parent for path in layout.root.glob(f"*/{layout.format_file.name}"))}
    known |= {path for table in TABLES for path in layout.parquet_files(table)}
    known |= {path for name in (SUITES, WEIGHTS) for path in _entries(layout.folder(name)) if DIGEST.fullmatch(path.stem)}
    for folder in (layout.root, *folders):
        for path in _entries(folder):
            if path.name.startswith(files.TEMPORARY) and (path.is_symlink() or not path.is_dir()):
                yield path, "temporary"
            elif folder not in transient and path not in known:
                yield path, "foreign"


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, if it is one."""
    return [folder / name for name in os.listdir(folder)] if folder.is_dir() else []  # noqa: PTH208 - many thousands of names


def _stray(path: Path, kind: Kind) -> Stray:
    state = path.lstat()
    return Stray(path, kind, state.st_size, state.st_mtime)
