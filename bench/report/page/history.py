"""What a page says of several commits: the last two compared, and each cell's means over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.compare import compare
from bench.analysis.revisions import rows_at
from bench.errors import BenchError
from bench.metric import Metric
from bench.report.changes import comparison_table, telling
from bench.report.grid import AXIS, axes_of, order, setting
from bench.report.summary import shown_metrics
from bench.report.table import NONE, Number, Table

MOST_COMMITS = 30


@dataclass(frozen=True)
class State:
    """The rows of one commit, and the commit in a reader's words."""

    name: str
    rows: pd.DataFrame


@dataclass(frozen=True)
class Course:
    """A cell's means of one metric: per commit, by its place among the states, the mean over the seeds that are ok."""

    places: tuple[int, ...]
    means: tuple[float, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Trend:
    """An experiment over commits.

    Attributes:
        experiment: its name.
        axes: the axes of its grid.
        metrics: the columns.
        cells: per cell its values on the axes, and per metric its course.
    """

    experiment: str
    axes: tuple[str, ...]
    metrics: tuple[Metric, ...]
    cells: tuple[tuple[tuple[str, ...], tuple[Course, ...]], ...]


@dataclass(frozen=True)
class History:
    """What several commits show; empty with one.

    Attributes:
        states: the commits, the oldest first; at most the last `MOST_COMMITS`.
        comparison: the last two, as ``bench compare`` has them; None if they cannot be compared.
        trends: each experiment over the commits.
        remarks: what a reader must know.
    """

    states: tuple[State, ...] = ()
    comparison: Table | None = None
    trends: tuple[Trend, ...] = ()
    remarks: tuple[str, ...] = ()


def history(runs: pd.DataFrame, metrics: Mapping[str, Metric], experiments: Sequence[str]) -> History:
    """Read the commits of one suite, profile and variant.

    Args:
        runs: its rows at all commits.
        metrics: what the registry says of its metrics.
        experiments: those that the page shows, in its order.
    """
    dated = runs[runs["commit"].notna()].sort_values(["commit_time", "written", "row"])
    commits = [str(commit) for commit in dated["commit"].drop_duplicates(keep="last")][-MOST_COMMITS:]
    if len(commits) < 2:
        return History()
    found = [rows_at(dated, commit, lambda revision: revision) for commit in commits]
    states = tuple(State(_named(commit, rows), rows) for commit, (rows, _) in zip(commits, found, strict=True))
    comparison, problem = _last_two(states, metrics)
    trends = tuple(filter(None, (_trend(name, states, metrics) for name in experiments)))
    return History(states, comparison, trends, tuple(filter(None, (*(remark for _, remark in found), problem))))


def _named(commit: str, rows: pd.DataFrame) -> str:
    when = rows["commit_time"].iloc[-1]
    return commit[:12] if pd.isna(when) else f"{commit[:12]} ({when:%Y-%m-%d})"


def _last_two(states: Sequence[State], metrics: Mapping[str, Metric]) -> tuple[Table | None, str]:
    base, head = states[-2:]
    try:
        comparison = compare(base.rows, head.rows, metrics)
    except BenchError as error:
        return None, f"{base.name} and {head.name} are not compared: {error}"
    return comparison_table(comparison, telling(comparison), f"{base.name} → {head.name}"), ""


def _trend(experiment: str, states: Sequence[State], metrics: Mapping[str, Metric]) -> Trend | None:
    parts = [state.rows[(state.rows["experiment"] == experiment) & (state.rows["status"] == "ok")].assign(state=place) for place, state in enumerate(states)]
    rows = pd.concat(parts, ignore_index=True)
    if rows["state"].nunique() < 2:
        return None
    axes, shown = axes_of(rows), shown_metrics(rows, metrics)
    keys = pd.DataFrame({axis: [setting(value) or NONE for value in rows[f"{AXIS}{axis}"]] for axis in axes}, dtype=object)
    cell = pd.Series(list(keys.itertuples(index=False, name=None)), dtype=object) if axes else pd.Series([()] * len(rows), dtype=object)
    values = rows[[metric.name for metric in shown]].apply(pd.to_numeric).assign(cell=cell, state=rows["state"])
    means = values.groupby(["cell", "state"], sort=False).mean()
    cells = [(key, tuple(_courses(those.droplevel("cell"), shown))) for key, those in means.groupby(level="cell", sort=False)]
    return Trend(experiment, tuple(axes), tuple(shown), tuple(sorted(cells, key=lambda one: [order(value) for value in one[0]])))


def _courses(means: pd.DataFrame, metrics: Sequence[Metric]) -> Iterator[Course]:
    for metric in metrics:
        known = means[metric.name].dropna().sort_index()
        shown = "percent" if metric.scale == "points" else "number"
        texts = tuple(str(Number(float(mean), shown=shown)) for mean in known)  # type: ignore[arg-type]  # the two values of `shown`
        yield Course(tuple(int(place) for place in known.index), tuple(float(mean) for mean in known), texts)
