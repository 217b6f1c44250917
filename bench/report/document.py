"""One report as a Markdown page: claims, tables, figures, what failed, and where the numbers come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.power import POWER, detectable
from bench.report import escape, render
from bench.report.content import Content
from bench.report.grid import setting
from bench.report.missing import not_ok
from bench.report.table import NONE, Table, plain_table

_VERSIONS = ("bench_version", "python", "torch", "numpy", "platform")
_MACHINES = ("device", "hardware", "threads", "lane", "backend")


@dataclass(frozen=True)
class Illustration:
    """A figure of a page: its name, its experiment, whether there is one, and what is said of it."""

    name: str
    experiment: str
    title: str
    exists: bool
    notes: tuple[str, ...]


def document(content: Content, illustrations: Sequence[Illustration]) -> str:
    """The page of a suite at a profile.

    Args:
        content: claims and tables.
        illustrations: its figures, which lie in ``figures/`` beside the page.

    Returns:
        Markdown.
    """
    return "\n".join([*_head(content), *_claims(content), *_tables(content), *_experiments(content, illustrations), *_tail(content)])


def index(contents: Sequence[tuple[str, Content]], others: Sequence[str] = ()) -> str:
    """The page that links to all reports.

    Args:
        contents: folder below the index -> its content.
        others: what else to say.
    """
    lines = ["# Reports", ""]
    for folder, content in contents:
        lines.append(f"- [{escape.markdown(content.title)}]({folder}/report.md), {escape.markdown(in_short(content))}")
    return "\n".join([*lines, "", *(escape.markdown(other) for other in others)]).rstrip() + "\n"


def in_short(content: Content) -> str:
    """What an index says of a report: its profile, its variant, how many runs are ok."""
    ok, total = int((content.rows["status"] == "ok").sum()), len(content.rows)
    return f"{content.profile}{f', {content.variant}' if content.variant else ''}: {ok} of {total} runs are ok"


def remarks(content: Content) -> list[str]:
    """What a reader must know first: where the suite is from, how many runs are ok, what so many seeds can show."""
    variant = f", variant {content.variant}" if content.variant else ""
    return [f"Suite {content.name}, profile {content.profile}{variant}.", *_said_by_suite(content), *content.remarks, *_what_seeds_show(content.rows)]


def about(content: Content, experiment: str) -> list[str]:
    """What the suite says of an experiment: the figure of its source, and notes."""
    found = content.experiment(experiment)
    if found is None:
        return []
    return list(filter(None, (f"Figure or table of the source: {found.figure}" if found.figure else "", found.notes or "")))


def _head(content: Content) -> Iterator[str]:
    yield f"# {escape.markdown(content.title)}"
    yield ""
    yield from (f"- {escape.markdown(remark)}" for remark in remarks(content))
    yield ""


def _said_by_suite(content: Content) -> list[str]:
    if content.suite is None:
        return []
    file = content.suite.file
    return [*([f"Source: {file.source}"] if file.source else []), *([file.notes] if file.notes else [])]


def seed_counts(rows: pd.DataFrame) -> tuple[int, int]:
    """The fewest and the most seeds of an experiment; zeros without rows."""
    counts = rows.groupby("experiment")["seed"].nunique()
    return (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)


def _what_seeds_show(rows: pd.DataFrame) -> list[str]:
    n, _ = seed_counts(rows)
    if n < 2:
        return ["With one seed no difference can be shown."] if n else []
    smallest = detectable(n, 1.0)
    if smallest == float("inf"):
        return [f"With {n} seeds no difference can be shown."]
    return [f"With {n} seeds a difference is found with probability {POWER:g} if it is {smallest:.1f} standard deviations over seeds, or more."]


def _claims(content: Content) -> Iterator[str]:
    if content.claims is not None:
        yield from ("## Claims", "", _body(content.claims), _links("tables", "claims", ("md", "tex", "csv")), "")


def _tables(content: Content) -> Iterator[str]:
    if content.tables:
        yield from ("## Tables", "")
    for name, table in content.tables.items():
        yield from (render.markdown(table), _links("tables", name, ("md", "tex", "csv")), "")


def _experiments(content: Content, illustrations: Sequence[Illustration]) -> Iterator[str]:
    yield from ("## Experiments", "")
    for name, table in content.experiments.items():
        yield from (f"### {escape.markdown(table.title)}", "")
        yield from (f"{escape.markdown(line)}\n" for line in about(content, name))
        yield from (_body(table), _links("tables", f"cells-{name}", ("md", "tex", "csv")), "")
        for figure in illustrations:
            if figure.experiment == name:
                yield from _illustration(figure)


def _illustration(figure: Illustration) -> Iterator[str]:
    if figure.exists:
        yield f"![{escape.markdown(figure.title)}](figures/{figure.name}.png)"
        yield ""
        yield _links("figures", figure.name, ("png", "svg"))
    for note in figure.notes:
        yield f"- {escape.markdown(f'{figure.name}: {note}')}"
    yield ""


def _tail(content: Content) -> Iterator[str]:
    missing = not_ok(content)
    yield from ("## Runs that failed or are missing", "", _body(missing) if missing.rows else "None.\n")
    yield from ("## Where the numbers come from", "", _body(provenance(content.rows)))


def provenance(rows: pd.DataFrame) -> Table:
    """Commits, versions, machines and data of rows, with how many rows each stands for."""
    lines = [*_counted(rows, "commit", ("commit", "commit_time", "dirty", "diff_hash")), *_counted(rows, "code", ("code_id",))]
    lines += [line for name in _VERSIONS for line in _counted(rows, name.replace("_", " "), (name,))]
    lines += [*_counted(rows, "machine", _MACHINES), *_counted(rows, "data", ("hp.dataset", "data_checksum"))]
    reused = int(rows["reused_from"].notna().sum())
    lines += [["reused", "rows of runs that were trained before, with the same code", reused]] if reused else []
    return plain_table("Provenance", ["what", "value", "rows"], lines)


def _counted(rows: pd.DataFrame, what: str, columns: Sequence[str]) -> list[list[str | int]]:
    """A line per combination of values, with its number of rows."""
    known = [column for column in columns if column in rows]
    # Of many rows few differ; two that differ may still read alike.
    distinct = rows[known].astype(object).groupby(known, dropna=False, sort=False).size()
    counts: Counter[str] = Counter()
    for *values, count in distinct.reset_index().itertuples(index=False, name=None):
        counts[_joined(values, known)] += count
    return [[what, value, count] for value, count in sorted(counts.items())]


def _joined(values: Sequence[object], columns: Sequence[str]) -> str:
    named = [_value(column, value) for column, value in zip(columns, values, strict=True)]
    return ", ".join(filter(None, named)) or NONE


def _value(column: str, value: object) -> str:
    text = setting(value)
    if text is None or (column == "dirty" and text == "false"):
        return ""
    worded = {"dirty": "with changes not committed", "threads": f"threads: {text}"}.get(column)
    if worded:
        return worded
    return text[:12] if column in {"commit", "diff_hash", "code_id", "data_checksum"} else text


def _links(folder: str, name: str, endings: Sequence[str]) -> str:
    return "Files: " + ", ".join(f"[{ending}]({folder}/{name}.{ending})" for ending in endings)


def _body(table: Table) -> str:
    """A table below a heading that says its title."""
    return render.markdown(Table("", table.columns, table.rows, table.notes))
