"""Reports on disk: every table and figure rebuilt from the registry alone, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import pandas as pd

from bench import files
from bench.errors import NothingError
from bench.metric import Metric
from bench.report import render, style
from bench.report.content import Content, gather
from bench.report.current import current
from bench.report.document import Illustration, document, index
from bench.report.figures import TABLES, draw
from bench.report.table import Table
from bench.suite import Suite
from bench.suite_file import PROFILES, SLUG

FindSuite = Callable[[str, str], Suite | None]
_ENDINGS: Mapping[str, Callable[[Table], str]] = {"md": render.markdown, "tex": render.latex, "csv": render.csv}


class Rows(Protocol):
    """The part of `bench.registry.store.Registry` that reports read."""

    def runs(self) -> pd.DataFrame:
        """The clean view."""

    def curves(self, name: str, runs: pd.DataFrame) -> pd.DataFrame:
        """The rows of another table that belong to rows of `runs`, with ``of``: the run's ``row``."""

    def metrics(self) -> Mapping[str, Metric]:
        """What is known of each metric."""


def write_report(registry: Rows, find_suite: FindSuite, out: Path, *, head: str | None = None, variant: str = "", only: str | None = None) -> list[Path]:
    """Write a page with tables and figures for each suite and profile, and an index.

    Args:
        registry: where the rows are.
        find_suite: (name, digest of the copy stored with the rows) -> the present suite file, else that copy, else None.
        out: the folder, ``<out>/<suite>/<profile>/report.md``; older files of the same names are replaced.
        head: the commit that is checked out, whose rows are shown where there are any.
        variant: which ``--set`` overrides.
        only: write the pages of this suite alone; the index still names all.

    Returns:
        The pages, the index first.

    Raises:
        NothingError: if the registry has no rows of this variant.
        StorageError: if a file cannot be written.
    """
    runs = registry.runs()
    mine = current(runs[runs["variant"] == variant], head)
    if mine.empty:
        raise NothingError(f"there are no rows of variant {variant!r}" if variant else "the registry has no rows", hint="Run a suite: bench run SUITE.")
    metrics = registry.metrics()
    contents, refused = [], []
    for (suite, profile), rows in mine.groupby(["suite", "profile"], sort=True):
        if SLUG.fullmatch(str(suite)) and profile in PROFILES:
            contents.append((folder_of(str(suite), str(profile), variant), gather(rows, find_suite(str(suite), _digest(rows)), metrics)))
        else:
            refused.append(f"Not shown, as its name is none: suite {suite!r}, profile {profile!r}.")
    pages = [_write(registry, content, out / folder, metrics) for folder, content in contents if only in (None, content.name)]
    _write_files(out, {"index.md": index(contents, refused).encode()})
    return [out / "index.md", *pages]


def folder_of(suite: str, profile: str, variant: str) -> str:
    """The folder of a page, relative to that of the reports."""
    return f"{suite}/{profile}" + (f".{hashlib.sha256(variant.encode()).hexdigest()[:8]}" if variant else "")


def _digest(rows: pd.DataFrame) -> str:
    """The suite file of the rows that were written last."""
    return str(rows.sort_values(["written", "row"])["suite_digest"].iloc[-1])


def _write(registry: Rows, content: Content, folder: Path, metrics: Mapping[str, Metric]) -> Path:
    named = {**{f"cells-{name}": table for name, table in content.experiments.items()}, **content.tables}
    _write_files(
        folder / "tables", {f"{name}.{ending}": render_table(table).encode() for name, table in named.items() for ending, render_table in _ENDINGS.items()}
    )
    illustrations = list(_illustrations(registry, content, folder / "figures", metrics))
    _write_files(folder, {"report.md": document(content, illustrations).encode()})
    return folder / "report.md"


def _illustrations(registry: Rows, content: Content, folder: Path, metrics: Mapping[str, Metric]) -> Iterable[Illustration]:
    points = {table: registry.curves(table, content.rows) for table in sorted({TABLES[spec.kind] for spec in content.figures.values()})}
    declared = set(content.suite.file.figures) if content.suite else set()
    for name, spec in content.figures.items():
        drawn = draw(spec, content.rows, points[TABLES[spec.kind]], metrics)
        if drawn.figure is not None:
            _write_files(folder, {f"{name}.png": style.png(drawn.figure), f"{name}.svg": style.svg(drawn.figure)})
        if drawn.figure is not None or name in declared:
            yield Illustration(name, spec.experiment, spec.title or spec.experiment, drawn.figure is not None, drawn.notes)


def _write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    files.check_writable(folder)
    for name, content in contents.items():
        files.replace(folder / name, content)
