"""Reports on disk: every table and figure rebuilt from the registry alone, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench import files
from bench.errors import NothingError
from bench.garbage import littering
from bench.metric import Metric
from bench.report import render
from bench.report.content import Content, gather
from bench.report.current import current
from bench.report.document import Illustration, document, index
from bench.report.drawing import Draw, Sheet, Task, drawing, processes_for
from bench.report.figures import TABLES
from bench.report.latex import latex
from bench.report.lines import FEW_PANELS, MOST_PANELS
from bench.report.outdated import outdated
from bench.report.page.data import runs_data
from bench.report.page.history import history
from bench.report.page.html import Page, index_page, page
from bench.report.source import Rows
from bench.report.table import Table
from bench.sources import Sources
from bench.suite import Suite
from bench.suite_file import PROFILES, SLUG

FindSuite = Callable[[str, str], Suite | None]
_ENDINGS: Mapping[str, Callable[[Table], str]] = {"md": render.markdown, "tex": latex, "csv": render.csv}


@littering()
def write_report(
    registry: Rows,
    find_suite: FindSuite,
    out: Path,
    *,
    head: str | None = None,
    variant: str = "",
    only: str | None = None,
    published: Rows | None = None,
) -> list[Path]:
    """Write pages with tables and figures for each suite and profile, as HTML and as Markdown, and an index of each.

    Args:
        registry: where the rows are.
        find_suite: (name, digest of the copy stored with the rows) -> the present suite file, else that copy, else None.
        out: the folder, ``<out>/<suite>/<profile>/report.html`` and ``.md``; older files of the same names are replaced.
        head: the commit that is checked out, whose rows are shown where there are any.
        variant: which ``--set`` overrides.
        only: write the pages of this suite alone; the index still names all.
        published: the registry of published results, which stand beside ours.

    Returns:
        The pages, the index first.

    Raises:
        NothingError: if the registry has no rows of this variant.
        StorageError: if a file cannot be written.
    """
    every = registry.runs()
    known = sorted(set(every["variant"]))
    runs = every[every["variant"] == variant]
    mine = current(runs, head)
    if mine.empty:
        raise NothingError(*_nothing(variant, known))
    metrics = registry.metrics()
    contents, refused, sources = [], [], Sources()
    with drawing(processes_for(mine if only is None else mine[mine["suite"] == only])) as draw:
        for (suite, profile), rows in mine.groupby(["suite", "profile"], sort=True):
            if SLUG.fullmatch(str(suite)) and profile in PROFILES:
                content = gather(rows, find_suite(str(suite), _digest(rows)), metrics, published)
                changed = filter(None, [outdated(content.rows, sources)])
                contents.append((folder_of(str(suite), str(profile), variant), replace(content, remarks=(*content.remarks, *changed))))
            else:
                refused.append(f"Not shown, as its name is none: suite {suite!r}, profile {profile!r}.")
        shown = [(folder, content) for folder, content in contents if only in (None, content.name)]
        pages = [path for folder, content in shown for path in _write(registry, content, _all_commits(runs, content), out / folder, metrics, draw)]
    remarks = [*refused, *_of_other_variants(every, variant)]
    _write_files(out, {"index.md": index(contents, remarks).encode(), "index.html": index_page(contents, remarks).encode()})
    return [out / "index.html", out / "index.md", *pages]


def _nothing(variant: str, known: list[str]) -> tuple[str, None, str]:
    """What is wrong where there are no rows of a variant, and what to do."""
    if not known:
        return "the registry has no rows", None, "Run a suite: bench run SUITE."
    there = ", ".join(map(repr, filter(None, known))) or "none but the default"
    return f"there are no rows {f'of variant {variant!r}' if variant else 'without --set'}", None, f"Its variants, as --variant takes them: {there}."


def _of_other_variants(runs: pd.DataFrame, variant: str) -> list[str]:
    """What an index says of rows that it does not show."""
    others = runs.loc[runs["variant"] != variant, ["suite", "profile", "variant"]].drop_duplicates()
    shown = {name: f"bench report --variant {shlex.quote(name)}" if name else "bench report" for name in others["variant"]}
    return [
        f"Not shown: {suite}, {profile}, {f'variant {name}' if name else 'without --set'}; {shown[name]} shows it."
        for suite, profile, name in sorted(others.itertuples(index=False, name=None))
    ]


def folder_of(suite: str, profile: str, variant: str) -> str:
    """The folder of a page, relative to that of the reports."""
    return f"{suite}/{profile}" + (f".{hashlib.sha256(variant.encode()).hexdigest()[:8]}" if variant else "")


def _digest(rows: pd.DataFrame) -> str:
    """The suite file of the rows that were written last."""
    return str(rows.sort_values(["written", "row"])["suite_digest"].iloc[-1])


def _all_commits(runs: pd.DataFrame, content: Content) -> pd.DataFrame:
    """The rows of a report's suite and profile at every commit."""
    return runs[(runs["suite"] == content.name) & (runs["profile"] == content.profile)]


def _write(registry: Rows, content: Content, runs: pd.DataFrame, folder: Path, metrics: Mapping[str, Metric], draw: Draw) -> list[Path]:
    claims = {"claims": content.claims} if content.claims is not None else {}
    named = {**claims, **{f"cells-{name}": table for name, table in content.experiments.items()}, **content.tables}
    sheets = draw(_tasks(registry, content, metrics))
    for name, table in named.items():
        _write_files(folder / "tables", {f"{name}.{ending}": render_table(table).encode() for ending, render_table in _ENDINGS.items()})
    past, data = history(runs, metrics, list(content.experiments)), runs_data(content, metrics)
    drawn: dict[str, Sheet] = {}
    for sheet in sheets:
        drawn[sheet.name] = sheet
        if sheet.files:
            _write_files(folder / "figures", sheet.files)
    illustrations = list(_illustrations(content, drawn))
    pictures = {name: shown for name in content.figures if (shown := drawn[name].picture) is not None}
    whole = Page(content, data, illustrations, pictures, past)
    _write_files(folder, {"report.md": document(content, illustrations).encode(), "report.html": page(whole).encode()})
    return [folder / "report.html", folder / "report.md"]


def _tasks(registry: Rows, content: Content, metrics: Mapping[str, Metric]) -> list[Task]:
    """The figures to draw, each with the rows of its experiment."""
    points = {table: registry.curves(table, content.rows) for table in sorted({TABLES[spec.kind] for spec in content.figures.values()})}
    declared = _declared(content)
    rows = {name: content.rows[content.rows["experiment"] == name] for name in {spec.experiment for spec in content.figures.values()}}
    tasks = []
    for name, spec in content.figures.items():
        own, those = rows[spec.experiment], points[TABLES[spec.kind]]
        tasks.append(Task(name, spec, own, those[those["of"].isin(own["row"])], metrics, MOST_PANELS if name in declared else FEW_PANELS))
    return tasks


def _declared(content: Content) -> set[str]:
    """The figures that the suite names."""
    return set(content.suite.file.figures) if content.suite else set()


def _illustrations(content: Content, drawn: Mapping[str, Sheet]) -> Iterator[Illustration]:
    """What is said of each figure; one that nobody asked for and that has no points is passed over."""
    declared = _declared(content)
    for name, spec in content.figures.items():
        exists = drawn[name].picture is not None
        if exists or name in declared:
            yield Illustration(name, spec.experiment, spec.title or spec.experiment, exists, drawn[name].notes)


def _write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    files.check_writable(folder)
    for name, content in contents.items():
        files.replace(folder / name, content)
