"""Rewrites the many small files of a suite and profile as few large ones; no row changes, none is lost, none counts twice.

New files are written, verified and on the disk before any old one is removed. The new file of `runs` is written last and
lists the packs whose rows it and its files of other tables hold; from then on these do not count, should their files
still be there, as after a crash, or come back, as by a merge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench import files
from bench.errors import Place, StorageError
from bench.registry import parquet
from bench.registry.layout import COMMIT, Layout
from bench.registry.packs import ORDER, Pack, packs_of
from bench.registry.reading import Reader
from bench.registry.rewriting import rewritten
from bench.registry.schema import metric_of
from bench.registry.strays import covered

LARGE = 2**16
"""Rows of `runs` from which on a file stays as it is."""

MAX_ROWS = 2**18
MAX_BYTES = 2**29
MAX_PACKS = 2**16
"""The most that goes into one file: rows of `runs`, bytes of the files that it is made of, packs that it lists."""

Metrics = Mapping[str, Mapping[bytes, bytes]]


@dataclass(frozen=True)
class Compacted:
    """What was done.

    Attributes:
        before: how many files were rewritten.
        after: how many files hold their rows now.
    """

    before: int
    after: int

    def __str__(self) -> str:
        return f"{self.before:,} files are {self.after:,} now" if self.before else "there is nothing to compact"


def compact(layout: Layout, reader: Reader, system: files.System) -> Compacted:
    """Compact a registry.

    Args:
        layout: its names.
        reader: reads it.
        system: the system calls.

    Returns:
        What was done. Packs with a file that cannot be used stay as they are; the reader's faults name it.

    Raises:
        StorageError: if the disk refuses, or the folder is no registry, or one of a newer or unknown format; no row is lost.
    """
    layout.check_format()
    for table in ORDER:
        files.remove(covered(reader, table), system=system)
    packs = packs_of(reader)
    sharing = reader.sharing([pack.paths[COMMIT] for pack in packs])
    small = [pack for pack in packs if 0 < pack.footers[COMMIT].rows < LARGE or pack.paths[COMMIT] in sharing]
    before = after = 0
    for output in _outputs(small):
        done, contents = _contents(reader, output)
        stem = f"{output[0].prefix}.{_name(contents)}"
        if len(done) < 2 or stem in {pack.stem for pack in done}:
            continue
        _publish(layout, stem, contents, system)
        _remove(done, system)
        before, after = before + sum(len(pack.paths) for pack in done), after + len(contents)
    return Compacted(before, after)


def _outputs(packs: Sequence[Pack]) -> Iterator[list[Pack]]:
    """Packs that become one file, in the order of their rows; never one alone."""
    outputs: list[_Output] = []
    for pack in sorted(packs, key=lambda pack: (pack.prefix, pack.state, pack.stem)):
        alike = next((output for output in reversed(outputs) if output.goes_with(pack)), None)
        if alike is None or not alike.add(pack):
            outputs.append(_Output(pack.prefix))
            outputs[-1].add(pack)
    yield from (output.packs for output in outputs if len(output.packs) > 1)


@dataclass
class _Output:
    """Packs of one suite and profile that say nothing different of a metric, and what they amount to."""

    prefix: str
    packs: list[Pack] = field(default_factory=list)
    metrics: dict[str, Mapping[bytes, bytes]] = field(default_factory=dict)
    rows: int = 0
    names: int = 0
    sizes: dict[str, int] = field(default_factory=dict)

    def goes_with(self, pack: Pack) -> bool:
        """Whether a pack may be in the same file, but for its size."""
        metrics = _metrics(pack)
        return self.prefix == pack.prefix and all(self.metrics.get(name, described) == described for name, described in metrics.items())

    def add(self, pack: Pack) -> bool:
        """Take a pack in, unless the file would be too large."""
        rows, names = self.rows + pack.footers[COMMIT].rows, self.names + len(pack.names)
        sizes = {table: self.sizes.get(table, 0) + footer.size for table, footer in pack.footers.items()}
        if self.packs and (rows > MAX_ROWS or names > MAX_PACKS or any(size > MAX_BYTES for size in sizes.values())):
            return False
        self.rows, self.names = rows, names
        self.sizes |= sizes
        self.metrics |= _metrics(pack)
        self.packs.append(pack)
        return True


def _metrics(pack: Pack) -> Metrics:
    """What a pack says of its metrics."""
    return {column.name: column.metadata for column in pack.footers[COMMIT].schema if metric_of(column) is not None}


def _contents(reader: Reader, packs: Sequence[Pack]) -> tuple[list[Pack], dict[str, bytes]]:
    """The packs that could be read, and the new files; a pack that could not is left out of all of them."""
    readable = list(packs)
    while True:
        tables = [table for table in ORDER if any(table in pack.paths for pack in readable)]
        contents = {table: rewritten(reader, table, [pack for pack in readable if table in pack.paths]) for table in tables}
        broken = {fault.path.stem for fault in reader.faults}
        if broken.isdisjoint(pack.stem for pack in readable):
            return readable, contents
        readable = [pack for pack in readable if pack.stem not in broken]


def _name(contents: Mapping[str, bytes]) -> str:
    """The last part of the stem of new files, which says what they hold: made twice, they are the same files."""
    digests = "".join(hashlib.sha256(content).hexdigest() for content in contents.values())
    return hashlib.sha256(digests.encode()).hexdigest()[:32]


def _publish(layout: Layout, stem: str, contents: Mapping[str, bytes], system: files.System) -> None:
    for table, content in contents.items():
        path = layout.file(table, stem)
        files.publish(path, content, exist_ok=True, system=system)
        # Nothing is removed before what stands for it was read from its final name.
        if path.read_bytes() != content:
            raise StorageError("is damaged, so what it stands for was not removed", Place(str(path)), "Remove it, and compact again.")
        parquet.check(path, table)


def _remove(packs: Sequence[Pack], system: files.System) -> None:
    for table in ORDER:
        files.remove([pack.paths[table] for pack in packs if table in pack.paths], system=system)
