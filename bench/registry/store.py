"""The registry: a folder of immutable Parquet files that only grows; appended to pack by pack, read as one clean view.

``<table>/<suite>.<profile>.<pack>.parquet`` for each table, ``suites/<sha256>.yaml`` for copies of suite files, and
``format.json``. A pack's file of `runs` is written last and is its commit: without it, its other files count nothing.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from pathlib import Path

import pandas as pd
import pyarrow as pa

from bench import files
from bench.errors import UnknownNameError, UsageError, did_you_mean
from bench.metric import Metric
from bench.registry import parquet, view
from bench.registry.compaction import Compacted, compact
from bench.registry.frames import frame, texts
from bench.registry.layout import COMMIT, DIGEST, FORMAT_TEXT, PUBLISHED, STEM, SUITES, WEIGHTS, Layout
from bench.registry.merging import Merged, merge
from bench.registry.owners import owned
from bench.registry.reading import Fault, Reader, Wanted, Without
from bench.registry.rows import check_finite
from bench.registry.schema import TABLES, metric_of
from bench.registry.states import states
from bench.registry.strays import Stray, left, strays


class Registry:
    """One registry. Making this object touches nothing.

    Args:
        root: its folder.
        system: the system calls for writing.
    """

    def __init__(self, root: str | os.PathLike[str], system: files.System = files.SYSTEM) -> None:
        self.root = Path(root)
        self._system = system
        self._layout = Layout(self.root)
        self._reader = Reader(self._layout)

    @property
    def exists(self) -> bool:
        """Whether the folder is a registry."""
        return self._layout.exists

    @property
    def faults(self) -> list[Fault]:
        """What could not be used of the files read so far, by path."""
        return self._reader.faults

    def prepare(self) -> None:
        """Create the folders and show that they can be written, so that a refusal comes before any training.

        Raises:
            StorageError: if they cannot be written, or the registry is of a newer or unknown format.
        """
        # Whoever makes a registry writes the format file first, so it is there when the folder of rows is.
        if not self._layout.folder(COMMIT).is_dir():
            files.check_writable(self.root, self._system)
            files.publish(self._layout.format_file, FORMAT_TEXT.encode(), exist_ok=True, system=self._system)
        self._layout.check_format()
        for name in (*TABLES, SUITES):
            files.check_writable(self._layout.folder(name), self._system)

    @functools.cached_property
    def published(self) -> Registry | None:
        """The registry of published results that lies in this one, if there is one; only to be read."""
        inside = Registry(self._layout.folder(PUBLISHED))
        return inside if inside.exists else None

    def append(self, stem: str, tables: Mapping[str, pa.Table]) -> None:
        """Write the rows of a pack; on return they are on the disk, and until `runs` is there none of them counts.

        Args:
            stem: ``<suite>.<profile>.<pack>``, never used before.
            tables: table -> its rows, of the schema of `bench.registry.schema.arrow_schema`; with `runs`.

        Raises:
            StorageError: if the disk refuses, or the registry is of a newer or unknown format.
            UnknownNameError: if there is no such table.
            UsageError: if the stem is of another form, or `runs` is missing.
            BenchError: if a value is not finite.
        """
        if not STEM.fullmatch(stem):
            raise UsageError(f"{stem!r} cannot name files of the registry; the form is <suite>.<profile>.<pack>")
        if COMMIT not in tables:
            raise UsageError(f"a pack without the table {COMMIT!r} cannot be written")
        self._layout.check_format()
        paths = {name: self._layout.file(name, stem) for name in sorted(tables, key=lambda name: (name == COMMIT, name))}
        for name in paths:
            check_finite(tables[name])
        for name, path in paths.items():
            verify = functools.partial(parquet.open_file, table=name)
            files.publish(path, parquet.encode(tables[name]), verify=verify, system=self._system)

    def store_suite(self, text: str) -> str:
        """Keep a copy of a suite file.

        Args:
            text: the file's text.

        Returns:
            Its SHA-256, which names the copy.

        Raises:
            StorageError: if the disk refuses.
        """
        content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        # A damaged copy is replaced: its name says what it has to be.
        if self.suite_text(digest) is None:
            files.replace(self._layout.suite_file(digest), content, system=self._system)
        return digest

    def suite_text(self, digest: str) -> str | None:
        """The copy of a suite file.

        Args:
            digest: its SHA-256.

        Returns:
            Its text, or None if there is no sound copy.
        """
        return self._reader.suite_text(digest) if DIGEST.fullmatch(digest) else None

    def runs(
        self,
        suite: str | None = None,
        profile: str | None = None,
        columns: Sequence[str] | None = None,
        commits: Collection[str] | None = None,
        *,
        without: Collection[str] = (),
        categorical: bool = False,
    ) -> pd.DataFrame:
        """The clean view: one row per run of an experiment at a state of the code, the highest generation.

        Args:
            suite: only this suite.
            profile: only this profile.
            columns: only these, in this order; all by default.
            commits: only rows of these, by their full hashes; all by default. It changes no row, as a commit belongs to the identity.
            without: which are not among all; ``hp.`` stands for all that begin so.
            categorical: whether texts are categories, which takes less time and memory, rather than objects.

        Returns:
            The rows, by file, with column types as in `bench.registry.frames`; `faults` names what was left out.

        Raises:
            StorageError: if the folder is no registry.
            UnknownNameError: if no file has one of the columns.
        """
        every = Without(without) if without else None
        wanted = every if columns is None else {*columns, *view.IDENTITY, *view.RULE}
        paths = self._reader.paths(COMMIT, suite, profile)
        loaded = self._reader.load(COMMIT, paths, Wanted(wanted, commits=commits, encoded=True))
        rows = view.clean(frame(loaded, COMMIT, texts(loaded) if categorical else ()))
        if columns is None:
            return rows
        if unknown := [name for name in columns if name not in rows]:
            known = {name for footer in self._reader.footers(COMMIT, paths).values() for name in footer.schema.names}
            raise UnknownNameError(f"no row has a column {unknown[0]!r}. {did_you_mean(unknown[0], known)}")
        return rows[list(columns)]

    def stems(self) -> set[str]:
        """The names of the packs whose file of `runs` is there, also of those that cannot be read; nothing is opened."""
        folder = self._layout.folder(COMMIT)
        names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - it is looked at for each pack, and there may be thousands
        return {name.removesuffix(".parquet") for name in names if name.endswith(".parquet")}

    def finished(self, stems: Set[str]) -> set[tuple[str, str]]:
        """The runs of some packs that have a result.

        Args:
            stems: names of packs.

        Returns:
            Pairs of run_id and code_id.

        Raises:
            StorageError: if the folder is no registry.
        """
        paths = [path for path in self._reader.paths(COMMIT) if path.stem in stems]
        rows = frame(self._reader.load(COMMIT, paths, Wanted({"run_id", "code_id", "status"})), COMMIT)
        kept = rows[rows["status"].isin(view.COMPLETE)]
        return set(zip(kept["run_id"], kept["code_id"], strict=True))

    def rows(self, names: Set[str]) -> pd.DataFrame:
        """Rows of `runs`, whole, of whatever generation.

        Args:
            names: values of the column ``row``.

        Returns:
            Those that there are, by file.

        Raises:
            StorageError: if the folder is no registry.
        """
        return frame(self._reader.load(COMMIT, self._reader.paths(COMMIT), Wanted(rows=names, encoded=True)), COMMIT)

    def table(self, name: str, suite: str | None = None, profile: str | None = None) -> pd.DataFrame:
        """All rows of a table whose pack was recorded; of `runs` all generations.

        Args:
            name: a key of `bench.registry.schema.TABLES`.
            suite: only this suite.
            profile: only this profile.

        Returns:
            The rows, by file.

        Raises:
            StorageError: if the folder is no registry.
            UnknownNameError: if there is no such table.
        """
        return frame(self._reader.load(name, self._reader.recorded(name, suite, profile), Wanted(encoded=True)), name)

    def curves(self, name: str, runs: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table that belong to rows of `runs`; those of a reused row are those of the row that was trained.

        Args:
            name: a key of `bench.registry.schema.TABLES`, but not ``runs``.
            runs: rows of `runs`, with the columns ``row`` and ``reused_from``.

        Returns:
            The table's rows, and first a column ``of``: the row of `runs` that each belongs to, a categorical of all of `runs`.

        Raises:
            StorageError: if the folder is no registry.
            UnknownNameError: if there is no such table.
        """
        trained = runs["reused_from"].where(runs["reused_from"].notna(), runs["row"])
        content = self._reader.load(name, self._reader.recorded(name), Wanted(rows=set(trained), encoded=True))
        return owned(frame(content, name, {"row"}), pd.DataFrame({"of": runs["row"], "row": trained}, dtype=object))

    def states(self) -> pd.DataFrame:
        """The states of the code that there are rows of, superseded rows counted too; far cheaper than the rows.

        Returns:
            One row per state: suite, profile, variant, commit, commit_time, dirty, diff_hash, the latest of ``written``, and ``rows``, how many there are.

        Raises:
            StorageError: if the folder is no registry.
        """
        return states(self._reader)

    def metrics(self) -> dict[str, Metric]:
        """What the files say of the metrics that they hold; where they differ, the highest version counts, then one that names a family.

        Returns:
            Name -> metric, by name.

        Raises:
            StorageError: if the folder is no registry.
        """
        found: dict[str, Metric] = {}
        for schema in {id(footer.schema): footer.schema for footer in self._reader.counted().values()}.values():
            for metric in filter(None, map(metric_of, schema)):
                if metric.name not in found or _rank(metric) > _rank(found[metric.name]):
                    found[metric.name] = metric
        return dict(sorted(found.items()))

    def merge(self, other: Registry) -> Merged:
        """Copy the packs and suites of another registry that this one lacks, byte for byte; nothing is overwritten.

        Args:
            other: the other registry, which is only read; its `faults` name what could not be used and was not copied.

        Returns:
            What was done.

        Raises:
            UsageError: if both are the same folder.
            StorageError: if the disk refuses, if the other is no registry or one of a newer format, or if both have a file of one name with
                other content: then nothing was copied.
        """
        other._reader.paths(COMMIT)
        self.prepare()
        return merge(self._layout, self._reader, other._layout, other._reader, self._system)

    def compact(self) -> Compacted:
        """Rewrite the many small files of each suite and profile as few large ones; every answer stays as it is.

        Returns:
            What was done; `faults` names the files that could not be read and stay as they are.

        Raises:
            StorageError: if the disk refuses, or the folder is no registry, or one of a newer or unknown format; no row is lost.
        """
        return compact(self._layout, self._reader, self._system)

    def strays(self) -> list[Stray]:
        """What lies in the registry's folders and no reader needs; `bench.registry.strays` says of what kinds.

        Returns:
            Files, and foreign folders, by path.

        Raises:
            StorageError: if the folder is no registry.
        """
        runs = self.runs(columns=["run_id", "status"])
        return strays(self._layout, self._reader, set(runs["run_id"][runs["status"].isin(["ok", "diverged"])]))

    def garbage(self) -> list[Stray]:
        """The strays that nobody wants, being old enough and no runner being at work; foreign ones are never among them.

        Returns:
            Files, by path.

        Raises:
            StorageError: if the folder is no registry, or one of a newer or unknown format, or cannot be written.
        """
        strays = self.strays()
        self._layout.check_format()
        return left(strays, files.clock(self.root, self._system))

    def remove(self, listed: Iterable[Stray]) -> None:
        """Remove what `garbage` has listed and nobody has written since, and nothing else.

        Raises:
            StorageError: if the disk refuses; no row is lost.
        """
        files.remove((stray.path for stray in listed if stray.stands), system=self._system)

    def holdings(self) -> dict[str, tuple[int, int]]:
        """How many files of each table can be opened, and how many rows they hold, of all generations and those of orphans too.

        Raises:
            StorageError: if the folder is no registry.
        """
        footers = {name: self._reader.footers(name, self._reader.paths(name)) for name in TABLES}
        return {name: (len(found), sum(footer.rows for footer in found.values())) for name, found in footers.items()}

    def verify(self) -> list[Fault]:
        """Read every file whole, and forget the faults of earlier reads.

        Returns:
            `faults`, now complete.

        Raises:
            StorageError: if the folder is no registry.
        """
        self._reader = Reader(self._layout)
        for name in TABLES:
            self._reader.load(name, self._reader.paths(name))
        self._reader.name_copies()
        for path in sorted(self._layout.folder(SUITES).glob("*.yaml")):
            self.suite_text(path.stem)
        for path in sorted(self._layout.folder(WEIGHTS).glob("*.*")):
            if DIGEST.fullmatch(path.stem):
                self._reader.named_by_content(path)
        return self.faults


def _rank(metric: Metric) -> tuple[int, bool]:
    """What is said of a metric counts more from a higher version, and among equals from a file that knows of families."""
    return metric.version, bool(metric.family)
