"""A suite and the registry's rows -> what is to be trained, in a stated order, and why each run is done, new or stale.

Order: experiments as the file has them; in each, cells as the grid multiplies out, last axis fastest; in each, seeds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from bench.cells import CATALOGS
from bench.config import Cell, Pair, PartSpec, Run
from bench.errors import UsageError
from bench.packing import Task
from bench.parts.measures import views_of
from bench.resolve import ResolvedExperiment
from bench.results import FAILED
from bench.selection import Selection
from bench.sources import Sources, changed, code_id

COLUMNS = (
    "row",
    "suite",
    "suite_digest",
    "profile",
    "variant",
    "experiment",
    "run_id",
    "commit",
    "diff_hash",
    "code_id",
    "code_files",
    "status",
    "reason",
    "measures",
    "remarks",
    "weights",
    "generation",
)
"""What a plan looks at in the rows of `runs`."""

State = Literal["done", "reuse", "new", "stale", "failed"]
Row = dict[str, Any]
FINISHED = ("ok", "diverged")
RETRIED = ("interrupted",)


@dataclass(frozen=True)
class Policy:
    """Which rows count as done.

    Attributes:
        force: none does.
        reuse_any: rows of other code do.
        retry_failed: runs that crashed, timed out or ran out of memory are trained again, and those a measure of which failed.
    """

    force: bool = False
    reuse_any: bool = False
    retry_failed: bool = False


@dataclass(frozen=True)
class Origin:
    """What a row says of where it comes from, besides its run: rows of different origins never mix.

    Attributes:
        suite: the suite's name.
        suite_digest: SHA-256 of the suite file.
        profile: the scale.
        variant: the overrides.
        commit: of the repository that holds the suite.
        diff_hash: of its uncommitted changes.
    """

    suite: str
    suite_digest: str
    profile: str
    variant: str
    commit: str | None
    diff_hash: str | None


@dataclass(frozen=True)
class PlannedRun:
    """A run or a pair as one experiment wants it, and what is to be done about it.

    Attributes:
        experiment: the experiment's name.
        axes: axis -> its value as text.
        run: the run, or the pair.
        measures: what is to be measured: of a run measures of one, of a pair measures of two.
        code: source -> hash, of the sources that the numbers depend on.
        code_id: one hash over them.
        state: ``done``: its row is there; ``reuse``: trained before, its row is written anew for this experiment and
            commit; ``new``, ``stale``: to be trained; ``failed``: failed before and not tried again.
        why: the reason for the state.
        row: the row that it is or repeats, in the columns `COLUMNS`.
        recorded: whether that row is of this very experiment and commit.
        generation: the generation of the row to write.
        keep: whether the final weights are kept.
        finished: a row of the same code that only lacks measures, in the columns `COLUMNS`.
    """

    experiment: str
    axes: Mapping[str, str]
    run: Run | Pair
    measures: tuple[PartSpec, ...]
    code: Mapping[str, str]
    code_id: str
    state: State
    why: str
    row: Mapping[str, Any] | None = None
    recorded: bool = False
    generation: int = 0
    keep: bool = False
    finished: Mapping[str, Any] | None = None

    @property
    def task(self) -> Task:
        """What is trained; a pair is not."""
        assert isinstance(self.run, Run)
        return Task(self.run, self.measures, self.code_id, self.keep)


@dataclass(frozen=True)
class Plan:
    """Every run of an invocation."""

    origin: Origin
    runs: tuple[PlannedRun, ...]

    def to_train(self) -> list[PlannedRun]:
        """The runs to train, each once: experiments may share runs.

        Raises:
            UsageError: if two experiments share a run and take one measure with different parameters.
        """
        return _each_once(planned for planned in self.runs if planned.state in ("new", "stale") and isinstance(planned.run, Run))

    def to_pair(self) -> list[PlannedRun]:
        """The pairs to measure once their runs are trained, each once.

        Raises:
            UsageError: if two experiments share a pair and take one measure with different parameters.
        """
        return _each_once(planned for planned in self.runs if planned.state in ("new", "stale") and isinstance(planned.run, Pair))

    def lacking(self) -> list[PlannedRun]:
        """The runs that were trained by the same code and only lack measures, or kept weights, each once; pairs are none of them.

        Raises:
            UsageError: if two experiments share a run and take one measure with different parameters.
        """
        return _each_once(planned for planned in self.runs if planned.finished is not None and isinstance(planned.run, Run))

    def to_repeat(self) -> list[PlannedRun]:
        """The runs that were trained before, whose rows are still to be written for this experiment and commit."""
        return [planned for planned in self.runs if planned.row is not None and not planned.recorded]

    def counts(self) -> Counter[State]:
        """How many runs are in each state."""
        return Counter(planned.state for planned in self.runs)


def plan(experiments: Sequence[ResolvedExperiment], rows: pd.DataFrame, origin: Origin, policy: Policy, only: Selection, sources: Sources) -> Plan:
    """Plan the runs of a suite.

    Args:
        experiments: the resolved experiments.
        rows: the registry's clean view, with the columns `COLUMNS`; empty if there is none.
        origin: where the new rows will come from.
        policy: which rows count as done.
        only: conditions on ``seed``; those on settings were applied when cells were resolved.
        sources: the sources that numbers depend on.
    """
    candidates = list(_candidates(experiments, only, sources))
    known = _Known(rows, {candidate.run.run_id for candidate in candidates}, origin, policy)
    return Plan(origin, tuple(map(known.judge, candidates)))


@dataclass(frozen=True)
class _Candidate:
    experiment: str
    axes: Mapping[str, str]
    run: Run | Pair
    measures: tuple[PartSpec, ...]
    code: Mapping[str, str]
    code_id: str
    keep: bool = False


def _candidates(experiments: Sequence[ResolvedExperiment], only: Selection, sources: Sources) -> Iterator[_Candidate]:
    codes: dict[frozenset[tuple[str, str]], tuple[Mapping[str, str], str]] = {}
    conditions = [condition for condition in only.conditions if condition.key == "seed"]

    def code_of(*cells: Cell) -> tuple[Mapping[str, str], str]:
        names = frozenset((kind, spec.name) for cell in cells for kind, spec in cell.parts())
        if names not in codes:
            hashes = sources.hashes(CATALOGS[kind][name].source for kind, name in names)
            codes[names] = hashes, code_id(hashes)
        return codes[names]

    for experiment in experiments:
        seeds = [seed for seed in experiment.seeds if all(condition.matches({"seed": seed}) for condition in conditions)]
        of_two = tuple(spec for spec in experiment.measures if views_of(spec.name) == 2)
        for resolved in experiment.cells:
            code = code_of(resolved.cell)
            of_one = tuple(spec for spec in resolved.measures if views_of(spec.name) == 1)
            for seed in seeds:
                yield _Candidate(experiment.name, resolved.axes, Run(resolved.cell, seed), of_one, *code, experiment.keep)
        for pair in experiment.pairs:
            code = code_of(pair.first, pair.second)
            for seed in seeds:
                yield _Candidate(experiment.name, pair.axes, Pair(Run(pair.first, seed), Run(pair.second, seed)), of_two, *code)


class _Known:
    """What the registry knows of the runs of a plan.

    Many rows hold the same long texts, of measures and of sources; what follows from such a text is worked out once.
    """

    def __init__(self, rows: pd.DataFrame, run_ids: Set[str], origin: Origin, policy: Policy) -> None:
        self._origin = origin
        self._policy = policy
        self._by_run: dict[str, list[Row]] = {}
        self._lacking: dict[tuple[str, ...], str] = {}
        self._changed: dict[tuple[str, str], str] = {}
        for row in _records(rows):
            if row["run_id"] in run_ids:
                self._by_run.setdefault(row["run_id"], []).append(row)

    def judge(self, wanted: _Candidate) -> PlannedRun:
        """The state of a run, and why."""
        rows = self._by_run.get(wanted.run.run_id, [])
        here = [row for row in rows if self._is_here(row, wanted.experiment)]
        generation = max((int(row["generation"]) for row in here), default=-1) + 1
        state, why, row = self._state(wanted, rows, here)
        identity = (wanted.experiment, wanted.axes, wanted.run, wanted.measures, wanted.code, wanted.code_id)
        # A row of a run that only lacks measures is none to repeat as it is.
        complete, finished = (row, None) if state != "stale" else (None, row)
        recorded = complete is not None and complete in here and complete["suite_digest"] == self._origin.suite_digest
        return PlannedRun(*identity, state, why, complete, recorded, generation, wanted.keep, finished)

    def _state(self, wanted: _Candidate, rows: list[Row], here: list[Row]) -> tuple[State, str, Row | None]:
        if self._policy.force:
            return "new", "forced", None
        if not rows:
            return "new", "never trained", None
        same_code = [row for row in rows if row["code_id"] == wanted.code_id or self._policy.reuse_any]
        finished = [row for row in same_code if row["status"] in FINISHED]
        complete = [row for row in finished if not self._lacks(row, wanted)]
        if complete:
            present = [row for row in complete if row in here and row["suite_digest"] == self._origin.suite_digest]
            return ("done", "its row is there", present[-1]) if present else ("reuse", _source(complete[-1]), complete[-1])
        if finished:
            return "stale", self._lacks(finished[-1], wanted), finished[-1]
        if same_code:
            return self._failed(same_code[-1])
        return "stale", self._stale(rows[-1], wanted), None

    def _lacks(self, row: Row, wanted: _Candidate) -> str:
        key = row["measures"], str(row.get("remarks")), *(spec.json for spec in wanted.measures)
        if key not in self._lacking:
            self._lacking[key] = next((why for _, why in lacking(row, wanted.measures, self._policy.retry_failed)), "")
        unkept = wanted.keep and row["status"] == "ok" and not isinstance(row.get("weights"), str)
        return self._lacking[key] or ("its final weights were not kept" if unkept else "")

    def _stale(self, row: Row, wanted: _Candidate) -> str:
        key = row["code_files"], wanted.code_id
        if key not in self._changed:
            files = changed(json.loads(row["code_files"]), wanted.code)
            self._changed[key] = f"changed since: {', '.join(files)}" if files else "trained by other code"
        return self._changed[key]

    def _failed(self, row: Row) -> tuple[State, str, Row | None]:
        why = f"{row['status']}: {row['reason']}" if row["reason"] else str(row["status"])
        if row["status"] in RETRIED or self._policy.retry_failed:
            return "new", f"tried again after {why}", None
        return "failed", why, row

    def _is_here(self, row: Mapping[str, Any], experiment: str) -> bool:
        origin = self._origin
        mine = (origin.suite, origin.profile, origin.variant, experiment, origin.commit, origin.diff_hash)
        return tuple(row[key] for key in ("suite", "profile", "variant", "experiment", "commit", "diff_hash")) == mine


def _records(rows: pd.DataFrame) -> Iterator[Row]:
    names = [name for name in COLUMNS if name in rows]
    for values in zip(*(rows[name].tolist() for name in names), strict=True):
        yield dict(zip(names, values, strict=True))


def lacking(row: Mapping[str, Any], wanted: Sequence[PartSpec], failed: bool = True) -> Iterator[tuple[PartSpec, str]]:
    """The measures that a row lacks of those wanted, each with the reason.

    Args:
        row: a row of `runs`, with its columns ``measures`` and ``remarks``.
        wanted: what should have been measured.
        failed: whether it lacks a measure that could not be taken.
    """
    taken = json.loads(row["measures"])
    said = json.loads(row["remarks"]) if failed and isinstance(row.get("remarks"), str) else {}
    for spec in wanted:
        if spec.name not in taken:
            yield spec, f"measure {spec.name} was not taken"
        elif taken[spec.name]["parameters"] != json.loads(json.dumps(dict(spec.parameters))):
            yield spec, f"measure {spec.name} was taken with other parameters"
        elif taken[spec.name]["version"] != measure_version(spec.name):
            yield spec, f"measure {spec.name} has a new version"
        elif said.get(spec.name, "").startswith(FAILED):
            yield spec, f"measure {spec.name} {said[spec.name]}"


def measure_version(name: str) -> int:
    """The version of a measure: the sum of those of its metrics."""
    return sum(metric.version for metric in CATALOGS["measure"][name].traits["metrics"])


def _source(row: Mapping[str, Any]) -> str:
    commit = row["commit"]
    return f"trained in {row['suite']}/{row['experiment']}" + (f" at commit {commit[:12]}" if isinstance(commit, str) else "")


def _each_once(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    """Each run once, with the measures of every experiment that has it."""
    first: dict[str, PlannedRun] = {}
    for planned in runs:
        kept = first.setdefault(planned.run.run_id, planned)
        if kept is not planned:
            first[planned.run.run_id] = _with_measures(kept, planned)
    return list(first.values())


def _with_measures(planned: PlannedRun, other: PlannedRun) -> PlannedRun:
    """The run with the measures of another experiment that shares it.

    Raises:
        UsageError: if both take one measure with different parameters, which would need one column twice.
    """
    extra = tuple(spec for spec in other.measures if spec not in planned.measures)
    for spec in extra:
        if spec.name in {taken.name for taken in planned.measures}:
            message = f"experiments {planned.experiment!r} and {other.experiment!r} share a run and take the measure {spec.name!r} with different parameters"
            raise UsageError(message, hint="Give the measure the same parameters in both.")
    return replace(planned, measures=(*planned.measures, *extra), keep=planned.keep or other.keep)
