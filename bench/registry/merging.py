"""Copies into a registry what another one has and it lacks: whole packs, byte for byte, and kept weights; nothing is overwritten."""

from __future__ import annotations

import functools
from collections.abc import Set
from dataclasses import dataclass

from bench import files
from bench.errors import Place, StorageError, UsageError
from bench.registry import parquet
from bench.registry.layout import COMMIT, DIGEST, SUITES, WEIGHTS, Layout
from bench.registry.packs import Pack, packs_of
from bench.registry.reading import Reader
from bench.registry.replaced import replaced


@dataclass(frozen=True)
class Merged:
    """What was done.

    Attributes:
        copied: packs that were copied.
        known: packs whose rows were there.
    """

    copied: int
    known: int

    def __str__(self) -> str:
        return f"packs copied: {self.copied:,}; there already: {self.known:,}"


def merge(layout: Layout, reader: Reader, other: Layout, theirs: Reader, system: files.System) -> Merged:
    """Copy the packs, the suites and the kept weights of another registry. Orphans, and packs with a file that cannot be used, stay behind.

    Args:
        layout: the names of the registry that is written.
        reader: reads it.
        other: the names of the other one.
        theirs: reads that; its faults name what could not be used.
        system: the system calls.

    Returns:
        What was done.

    Raises:
        UsageError: if both are the same folder.
        StorageError: if the disk refuses; if the other folder is no registry, or one of a newer format; or if both have a file of one
            name with other content: then nothing was written.
    """
    if layout.root.resolve() == other.root.resolve():
        raise UsageError(f"{str(other.root)!r} is the registry itself; name another one to copy from")
    packs = packs_of(theirs)
    if other.format_file.exists():
        other.check_format()
    _check_same(layout, packs)
    ours = {path.stem: footer.replaces for path, footer in reader.footers(COMMIT, reader.paths(COMMIT)).items()}
    gone = replaced(ours)
    missing = {pack.stem: _missing(layout, pack, ours.keys() - gone, gone) for pack in packs}
    _copy_suites(layout, reader, other, theirs, system)
    _copy_weights(layout, other, theirs, system)
    for pack in packs:
        for table in missing[pack.stem]:
            check = functools.partial(parquet.check, table=table)
            files.publish(layout.file(table, pack.stem), parquet.content_of(pack.paths[table]).content, verify=check, exist_ok=True, system=system)
    copied = sum(1 for tables in missing.values() if tables)
    return Merged(copied, len(packs) - copied)


def _missing(layout: Layout, pack: Pack, counted: Set[str], gone: Set[str]) -> list[str]:
    """The tables whose file of a pack is to be copied, ``runs`` last: until that is there, none of its rows counts."""
    if pack.stem not in counted and pack.names <= counted | gone:
        return []
    return [table for table in pack.paths if not layout.file(table, pack.stem).exists()]


def _check_same(layout: Layout, packs: list[Pack]) -> None:
    """Refuse files that both have with other content.

    Raises:
        StorageError: naming the first of them.
    """
    for pack in packs:
        for table, path in pack.paths.items():
            own = layout.file(table, pack.stem)
            if own.is_file() and own.read_bytes() != path.read_bytes():
                hint = "Nothing was copied. Names are unique, so one of them was changed by hand or by a fault: keep the sound one."
                raise StorageError(f"differs from {path}, which has the same name; neither is overwritten", Place(str(own)), hint)


def _copy_suites(layout: Layout, reader: Reader, other: Layout, theirs: Reader, system: files.System) -> None:
    for path in sorted(other.folder(SUITES).glob("*.yaml")):
        text = theirs.suite_text(path.stem) if DIGEST.fullmatch(path.stem) else None
        if text is not None and reader.suite_text(path.stem) is None:
            files.replace(layout.suite_file(path.stem), text.encode(), system=system)


def _copy_weights(layout: Layout, other: Layout, theirs: Reader, system: files.System) -> None:
    """Copy kept weights whose content is what their name says, before the rows that speak of them."""
    for path in sorted(other.folder(WEIGHTS).glob("*.*")):
        copy = layout.folder(WEIGHTS) / path.name
        content = theirs.named_by_content(path) if DIGEST.fullmatch(path.stem) and not copy.exists() else None
        if content is not None:
            files.check_writable(copy.parent, system)
            files.publish(copy, content, exist_ok=True, system=system)
