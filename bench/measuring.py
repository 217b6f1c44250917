"""What can be measured of weights that were kept: looks at pairs, and at runs whose rows lack a measure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.config import Pair, PartSpec, Run
from bench.metric import COURSE
from bench.parts.measures import History, measures
from bench.plan import Origin, Plan, PlannedRun, lacking
from bench.registry.schema import TABLES
from bench.registry.store import Registry
from bench.results import RunResult
from bench.train.looking import Kept, Look, Looks

Row = Mapping[str, Any]

MOST_LOOKS = 8
"""Looks whose rows are written into one file."""

_FACTS = ("row", "run_id", "suite", "profile", "variant", "experiment", "commit", "diff_hash", "status", "reason", "weights", "reused_from")


@dataclass(frozen=True)
class Lacking:
    """A run that was trained and lacks measures.

    Attributes:
        planned: the run.
        wanted: the measures that its row lacks.
        obstacle: why they cannot be taken of kept weights; empty if they can.
    """

    planned: PlannedRun
    wanted: tuple[PartSpec, ...]
    obstacle: str


def lacking_runs(plan: Plan) -> list[Lacking]:
    """The runs of a plan that were trained by the same code and lack measures or kept weights, each once, with what stands in the way."""
    return [_lacking(planned, planned.finished) for planned in plan.lacking() if planned.finished is not None]


def _lacking(planned: PlannedRun, row: Row) -> Lacking:
    wanted = tuple(spec for spec, _ in lacking(row, planned.measures))
    early = next((spec.name for spec in wanted if spec.parameters.get("snapshots")), "")
    obstacle = ""
    if row["status"] != "ok":
        obstacle = f"it {row['status']}, and has no final weights"
    elif not isinstance(row["weights"], str):
        obstacle = "its weights were not kept"
    elif early:
        obstacle = f"measure {early!r} looks at training as it goes, and only final weights are kept"
    return Lacking(planned, wanted, obstacle)


def looks_at_runs(found: Iterable[Lacking], registry: Registry) -> list[Looks]:
    """Looks at runs that lack measures and have weights.

    Args:
        found: the runs.
        registry: has their histories.
    """
    rows = [(each, each.planned.finished) for each in found if not each.obstacle]
    histories = _histories(registry, registry.rows({str(row["row"]) for _, row in rows if row is not None}))
    looks = [
        Look(each.planned.run, each.wanted, (Kept(each.planned.run, row["weights"], histories[row["row"]]),))
        for each, row in rows
        if row is not None and isinstance(each.planned.run, Run)
    ]
    return _cut(looks)


def looks_at_pairs(pairs: Sequence[PlannedRun], origin: Origin, registry: Registry) -> tuple[list[Looks], list[tuple[PlannedRun, RunResult]]]:
    """Looks at pairs whose runs are trained, and the results of those a run of which failed.

    Args:
        pairs: the pairs; one is passed over that has no rows of its runs in its experiment, or none with kept weights.
        origin: where these rows come from.
        registry: has these rows.
    """
    rows = _of_origin(registry, origin, {planned.experiment for planned in pairs})
    histories = _histories(registry, rows)
    known: dict[tuple[str, str], Row] = {(row["experiment"], row["run_id"]): dict(row) for row in rows.to_dict("records")}  # type: ignore[arg-type]  # columns are texts
    looks: list[Look] = []
    failed: list[tuple[PlannedRun, RunResult]] = []
    for planned in pairs:
        pair = planned.run
        assert isinstance(pair, Pair)
        found = [(run, row) for run in (pair.first, pair.second) if (row := known.get((planned.experiment, run.run_id))) is not None]
        kept = [Kept(run, row["weights"], histories[row["row"]]) for run, row in found if isinstance(row["weights"], str)]
        bad = next((row for _, row in found if row["status"] != "ok"), None)
        if bad is not None:
            reason = f"a run of the pair is {str(bad['status']).replace('_', ' ')}: {bad['run_id'][:8]}"
            failed.append((planned, RunResult(pair.run_id, bad["status"], reason)))
        elif len(kept) == 2:
            looks.append(Look(pair, planned.measures, tuple(kept)))
    return _cut(looks), failed


def tables_of(registry: Registry, row: Row, anew: Iterable[PartSpec]) -> dict[str, list[dict[str, Any]]]:
    """The rows of other tables that belong to a run, without those of measures that are taken anew.

    Args:
        registry: has them.
        row: the run's row of `runs`.
        anew: the measures.

    Returns:
        Table -> rows, without the columns ``row`` and ``run_id``.
    """
    # A table of its own goes with a measure; the course of training stays, to which one may have added.
    gone = {measures[spec.name].traits["table"] for spec in anew if f'"{spec.name}"' in row["measures"]} - {"history"}
    owner = pd.DataFrame([{"row": row["row"], "reused_from": row["reused_from"]}], dtype=object)
    tables = {name: registry.curves(name, owner) for name in TABLES if name != "runs" and name not in gone}
    return {name: _plain(table.drop(columns=["of", "row", "run_id"])) for name, table in tables.items() if len(table)}


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): None if pd.isna(value) else value for name, value in row.items()} for row in table.to_dict("records")]


def _of_origin(registry: Registry, origin: Origin, experiments: set[str]) -> pd.DataFrame:
    rows = registry.runs(origin.suite, origin.profile, columns=_FACTS)
    same = rows["variant"].eq(origin.variant) & rows["experiment"].isin(experiments)
    for column, wanted in (("commit", origin.commit), ("diff_hash", origin.diff_hash)):
        same &= rows[column].isna() if wanted is None else rows[column].eq(wanted)
    return rows[same]


def _histories(registry: Registry, rows: pd.DataFrame) -> dict[str, History]:
    """The course of training of each row of `runs`."""
    curves = registry.curves("history", rows)
    return {str(name): _history(those) for name, those in curves.groupby("of", sort=False, observed=True)} | {
        name: History([], [], {}) for name in set(rows["row"]) - set(curves["of"])
    }


def _history(points: pd.DataFrame) -> History:
    ordered = points[points["metric"].isin(COURSE)].sort_values("step", kind="stable")
    course = ordered.drop_duplicates("step")
    values = {str(metric): those["value"].astype(float).tolist() for metric, those in ordered.groupby("metric", sort=False)}
    return History(course["step"].tolist(), course["epoch"].tolist(), values)


def _cut(looks: Sequence[Look]) -> list[Looks]:
    return [Looks(uuid.uuid4().hex, tuple(looks[start : start + MOST_LOOKS])) for start in range(0, len(looks), MOST_LOOKS)]
