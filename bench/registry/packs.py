"""Packs: what one file of `runs` commits, over all tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.registry.footers import Footer
from bench.registry.layout import COMMIT
from bench.registry.reading import Reader
from bench.registry.schema import TABLES
from bench.registry.statistics import STATE

ORDER = (*(table for table in TABLES if table != COMMIT), COMMIT)
"""In which order the files of a pack are written, and removed: as long as others are there, so is that of `runs`."""

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Pack:
    """The files of one stem; a compacted file of `runs` and its files of other tables are one too.

    Attributes:
        paths: table -> file, in the order of `ORDER`.
        footers: table -> its footer.
    """

    paths: Mapping[str, Path]
    footers: Mapping[str, Footer]

    @property
    def stem(self) -> str:
        """The stem of its files."""
        return self.paths[COMMIT].stem

    @property
    def prefix(self) -> str:
        """Suite and profile, as they stand in the stem."""
        return self.stem.rpartition(".")[0]

    @property
    def names(self) -> frozenset[str]:
        """The stems of the packs whose rows it has."""
        return self.footers[COMMIT].replaces or frozenset([self.stem])

    @property
    def state(self) -> tuple[str, datetime]:
        """Its commit, and when that was made; of several, the first.

        In this order the bounds of a row group of several commits exclude most others: hashes have no order in time.
        """
        group = self.footers[COMMIT].groups[0]
        made = None if group.state is None else group.state[STATE.index("commit_time")]
        return (group.commits or ("",))[0], made or LONG_AGO


def packs_of(reader: Reader) -> list[Pack]:
    """The packs of a registry that are whole: recorded, not replaced, and every file of them sound.

    Args:
        reader: reads the registry.

    Returns:
        The packs, by stem.

    Raises:
        StorageError: if the folder is no registry.
    """
    recorded = {table: {path.stem: path for path in reader.recorded(table)} for table in ORDER}
    footers = {table: reader.footers(table, list(paths.values())) for table, paths in recorded.items()}
    packs: list[Pack] = []
    for stem in recorded[COMMIT]:
        paths = {table: recorded[table][stem] for table in ORDER if stem in recorded[table]}
        if all(path in footers[table] for table, path in paths.items()):
            packs.append(Pack(paths, {table: footers[table][path] for table, path in paths.items()}))
    return packs
