"""Reads files of a registry: what cannot be used is remembered with its reason, and never hides the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StorageError
from bench.registry.footers import Footer, Footers
from bench.registry.layout import COMMIT, STEM, Layout
from bench.registry.parquet import ENCODED
from bench.registry.replaced import overlapping, replaced
from bench.registry.threads import in_threads
from bench.registry.unify import Votes, unify


@dataclass(frozen=True)
class Fault:
    """A file that cannot be used, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Wanted:
    """What of a table is wanted.

    Attributes:
        columns: which to load; all by default.
        rows: values of the column ``row`` to keep; all by default.
        commits: values of the column ``commit`` to keep, which must be among `columns`; all by default.
        encoded: whether texts come as `bench.registry.parquet.ENCODED`, which is far quicker where they repeat.
    """

    columns: Container[str] | None = None
    rows: Set[str] | None = None
    commits: Collection[str] | None = None
    encoded: bool = False

    def groups(self, footer: Footer) -> list[int]:
        """The row groups that may hold such rows."""
        return [index for index, group in enumerate(footer.groups) if self.commits is None or group.may_hold(self.commits)]

    def of(self, content: pa.Table) -> pa.Table:
        """Such rows of a file."""
        if self.commits is not None and "commit" in content.schema.names and not _only(content["commit"], self.commits):
            content = content.filter(pc.is_in(content["commit"].cast(pa.string()), value_set=pa.array(sorted(self.commits), pa.string())))
        return content if self.rows is None else _of_rows(content, self.rows)


EVERYTHING = Wanted()


@dataclass(frozen=True)
class Without(Container[str]):
    """All columns but some.

    Attributes:
        names: their names; one that ends in a dot stands for all that begin with it.
    """

    names: Collection[str]

    def __contains__(self, name: object) -> bool:
        head, dot, _ = str(name).partition(".")
        return name not in self.names and head + dot not in self.names


class Reader:
    """Reads tables and remembers faults.

    Args:
        layout: the registry's names.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._reasons: dict[Path, str] = {}
        self._footers = Footers()

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

    def counted(self, suite: str | None = None, profile: str | None = None) -> dict[Path, Footer]:
        """The files of `runs` that count, being sound and not replaced by a compacted one; the arguments are those of `paths`."""
        footers = self.footers(COMMIT, self.paths(COMMIT, suite, profile))
        gone = replaced({path.stem: footer.replaces for path, footer in footers.items() if footer.replaces})
        return {path: footer for path, footer in footers.items() if path.stem not in gone} if gone else footers

    def recorded(self, table: str, suite: str | None = None, profile: str | None = None) -> list[Path]:
        """The files of a table whose pack has a file of `runs` that counts; the arguments are those of `paths`."""
        counted = {path.name: path for path in self.counted(suite, profile)}
        return list(counted.values()) if table == COMMIT else [path for path in self.paths(table, suite, profile) if path.name in counted]

    def sharing(self, paths: Iterable[Path]) -> frozenset[Path]:
        """The files of `runs`, of those opened, that hold rows which another one of them holds too."""
        sharing = overlapping(self._lists(paths))
        return frozenset(path for path in paths if path.stem in sharing) if sharing else frozenset()

    def footers(self, table: str, paths: Sequence[Path]) -> dict[Path, Footer]:
        """The footers of those files that can be used; each file is opened once as long as it does not change.

        Args:
            table: a key of `bench.registry.schema.TABLES`.
            paths: the files.

        Returns:
            File -> footer, in their order.
        """
        return {path: footer for path, (footer, _) in self._visit(table, paths, None).items()}

    def load(self, table: str, paths: Sequence[Path], wanted: Wanted = EVERYTHING, votes: Votes | None = None) -> pa.Table:
        """The contents of files as one table; each row counts once.

        Args:
            table: a key of `bench.registry.schema.TABLES`.
            paths: the files; of `runs`, those that another one of them replaces are left out.
            wanted: what of them.
            votes: as `bench.registry.unify.unify` takes them; those of these files by default.

        Returns:
            A table as `bench.registry.unify.unify` makes it. Its columns are those of all files, also of those without a row that is wanted.
        """
        visited = self._visit(table, paths, wanted)
        lists = self._lists(visited)
        gone = replaced(lists)
        counted = {path: content for path, (_, content) in visited.items() if path.stem not in gone}
        contents = _once(counted, overlapping({stem: packs for stem, packs in lists.items() if stem not in gone}))
        own = [(visited[path][0].schema, visited[path][0].rows) for path in counted]
        unified, reasons = unify(table, contents, wanted.columns, own if votes is None else votes, encoded=wanted.encoded)
        self._reasons.update(reasons)
        return unified

    def name_copies(self) -> None:
        """Remember as faults the files of `runs` that hold rows which an earlier one holds: copies under another name.

        Raises:
            StorageError: if the folder is no registry.
        """
        paths = list(self.counted())
        allowed = self.sharing(paths)
        owners: dict[str, Path] = {}
        for path in paths:
            names = self.load(COMMIT, [path], Wanted({"row"}))["row"].to_pylist()
            first = next((owners[name] for name in names if name in owners), None)
            if first is None:
                owners |= dict.fromkeys(names, path)
            elif path not in allowed:
                self._reasons[path] = f"foreign: it holds rows that {first.name} holds too; one of them is a copy under another name"

    def suite_text(self, digest: str) -> str | None:
        """The sound copy of a suite file, or None."""
        path = self._layout.suite_file(digest)
        content = self.named_by_content(path)
        try:
            return None if content is None else content.decode()
        except ValueError as error:
            self._reasons[path] = str(error)
            return None

    def named_by_content(self, path: Path) -> bytes | None:
        """The content of a file whose name is its SHA-256, or None if it is not there or not sound."""
        self._reasons.pop(path, None)
        if not path.is_file():
            return None
        try:
            content = path.read_bytes()
        except OSError as error:
            self._reasons[path] = str(error)
            return None
        if hashlib.sha256(content).hexdigest() == path.stem:
            return content
        self._reasons[path] = "damaged: its content is not what its name says"
        return None

    def _visit(self, table: str, paths: Sequence[Path], wanted: Wanted | None) -> dict[Path, tuple[Footer, pa.Table | None]]:
        """The footers of sound files, and what is wanted of them; None where that is nothing."""
        known = {path: self._footers.known(path) for path in paths}
        idle = {path: footer for path, footer in known.items() if footer is not None and (wanted is None or not wanted.groups(footer))}
        opened = [path for path in paths if path not in idle]
        found = dict(zip(opened, in_threads(lambda path: self._attempt(path, table, wanted), opened), strict=True))
        sound: dict[Path, tuple[Footer, pa.Table | None]] = {}
        for path in paths:
            result = found[path] if path in found else (idle[path], None)
            if wanted is not None:
                self._reasons.pop(path, None)
            if isinstance(result, StorageError):
                self._reasons[path] = result.message
            else:
                sound[path] = result
        return sound

    def _attempt(self, path: Path, table: str, wanted: Wanted | None) -> tuple[Footer, pa.Table | None] | StorageError:
        try:
            footer, opened = self._footers.look(path, table)
            groups = wanted.groups(footer) if wanted is not None else []
            return footer, wanted.of(opened().read(wanted.columns, groups, encoded=wanted.encoded)) if wanted is not None and groups else None
        except StorageError as error:
            return error

    def _lists(self, paths: Iterable[Path]) -> dict[str, frozenset[str]]:
        """Stem -> the packs that it replaces, of compacted files that were opened."""
        runs = self._layout.folder(COMMIT)
        known = ((path, self._footers.latest(path if path.parent == runs else runs / path.name)) for path in paths)
        return {path.stem: footer.replaces for path, footer in known if footer is not None and footer.replaces}

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


def _once(contents: Mapping[Path, pa.Table | None], doubtful: Set[str]) -> dict[Path, pa.Table]:
    """What there is, but for rows of doubtful files that an earlier one of these holds."""
    seen: set[str] = set()
    once: dict[Path, pa.Table] = {}
    for path, content in contents.items():
        if content is None:
            continue
        once[path] = content
        if path.stem in doubtful:
            once[path] = without(content, seen)
            seen.update(content["row"].unique().to_pylist())
    return once


def without(content: pa.Table, names: Set[str]) -> pa.Table:
    """A table without the rows of these names.

    Args:
        content: has a column ``row``.
        names: values of it.

    Returns:
        The others.
    """
    return content.filter(pc.invert(pc.is_in(content["row"], value_set=pa.array(sorted(names), pa.string()))))


def _only(texts: pa.ChunkedArray, allowed: Collection[str]) -> bool:
    """Whether encoded texts are seen at once to be some of those allowed, as they mostly are: to leave out no row takes as long as to leave out some."""
    encoded = texts.type == ENCODED and not texts.null_count
    return encoded and all(text in allowed for chunk in texts.chunks for text in chunk.dictionary.to_pylist())


def _of_rows(content: pa.Table, rows: Set[str]) -> pa.Table:
    names = content["row"].unique().to_pylist()
    kept = [name for name in names if name in rows]
    # Mostly all are wanted; to look for each value of a long column costs as much as to read it.
    return content if len(kept) == len(names) else content.filter(pc.is_in(content["row"], value_set=pa.array(kept, pa.string())))
