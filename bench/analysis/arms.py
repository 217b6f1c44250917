"""The rows that a claim speaks of: which cells stand against which, and their values by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.analysis.points import Point, Seeds, complete_seeds, failures, listed, settings, value
from bench.analysis.statistics import Values
from bench.claim import Assertion
from bench.errors import did_you_mean
from bench.selection import Selection, text

Coordinates = tuple[tuple[str, str], ...]
Grid = Mapping[Point, Seeds]
Cells = Mapping[Coordinates, Seeds]


@dataclass(frozen=True)
class Arm:
    """What one side of a claim selects.

    Attributes:
        name: ``contrast``, ``against`` or ``value``; of a trend the place on its axis, as ``dropout=0.5``.
        cells: coordinates of a cell -> coordinates on the pooled axes -> its rows by seed.
        problem: why it is of no use, or an empty text.
    """

    name: str
    cells: Mapping[Coordinates, Cells]
    problem: str = ""


@dataclass(frozen=True)
class Sample:
    """The values of one cell of a claim, over the seeds that are complete.

    Attributes:
        cell: the values on the axes that the claim leaves open, as ``model=fnn``; empty if there are none.
        arms: one table of shape (seeds, pooled cells) for a value, two (contrast, against) for an effect, one per position
            for a trend.
        rows: every row that it rests on.
        remark: seeds that failed or are not complete.
        problem: why there are no values, or an empty text.
        positions: of a trend, where on the axis its arms stand; base-2 logarithms where it is per doubling.
        per: of a trend, what a step of its positions is.
    """

    cell: str
    arms: tuple[Values, ...]
    rows: tuple[Mapping[str, Any], ...] = ()
    remark: str = ""
    problem: str = ""
    positions: tuple[float, ...] = ()
    per: str = ""


def samples(assertion: Assertion, grid: Grid) -> list[Sample]:
    """The samples of a claim: one per cell that differs on an axis which the claim neither names nor pools.

    Args:
        assertion: the claim, or one of several statements that it makes.
        grid: the rows of its experiment.

    Returns:
        One sample or more; those without values say why.
    """
    grid = _of_kind(grid, assertion.metric)
    trend = assertion.along
    if trend is None:
        return [_taken_times(sample, assertion.times) for sample in _samples(assertion, grid, _sides(assertion))]
    levels = trend.levels([settings(next(iter(seeds.values()))) for seeds in grid.values()])
    if isinstance(levels, str):
        return [Sample("", (), problem=f"trend: {levels}")]
    sides = {f"{trend.axis}={text(level)}": {**trend.where, trend.axis: level} for level in levels}
    positions = tuple(math.log2(level) if trend.per == "doubling" else level for level in levels)
    return [replace(sample, positions=positions, per=trend.per) for sample in _samples(assertion, grid, sides)]


def _taken_times(sample: Sample, times: float | None) -> Sample:
    """The sample with its second arm so many times."""
    if times is None or not sample.arms:
        return sample
    contrast, against = sample.arms
    return replace(sample, arms=(contrast, times * against))


def _of_kind(grid: Grid, metric: str) -> Grid:
    """The rows of pairs for a metric of pairs, those of runs for others: a claim leaves no axis open that only the others have."""
    pairs = {point: seeds for point, seeds in grid.items() if any(row.get("pair") for row in seeds.values())}
    if not pairs:
        return grid
    of_pairs = any(value(row, metric) is not None for seeds in pairs.values() for row in seeds.values())
    return pairs if of_pairs else {point: seeds for point, seeds in grid.items() if point not in pairs}


def _samples(assertion: Assertion, grid: Grid, sides: Mapping[str, Mapping[str, Any]]) -> list[Sample]:
    axes = {axis for point in grid for axis, _ in point.axes}
    named = {key for side in sides.values() for key in side}
    arms = [_arm(name, wanted, named, assertion.pool, grid) for name, wanted in sides.items()]
    problems = [f"{arm.name}: {arm.problem}" for arm in arms if arm.problem]
    problems += [f"pool: {axis!r} is no axis. {did_you_mean(axis, axes)}" for axis in assertion.pool if axis not in axes]
    if problems:
        return [Sample("", (), problem="; ".join(problems))]
    return [_sample(cell, arms, assertion.metric) for cell in sorted({cell for arm in arms for cell in arm.cells})]


def _sides(assertion: Assertion) -> dict[str, Mapping[str, Any]]:
    sides = {"contrast": assertion.contrast, "against": assertion.against, "value": assertion.value}
    return {name: wanted for name, wanted in sides.items() if wanted is not None}


def _arm(name: str, wanted: Mapping[str, Any], named: set[str], pool: Sequence[str], grid: Grid) -> Arm:
    selection = Selection.equal(wanted)
    cells: dict[Coordinates, dict[Coordinates, Seeds]] = {}
    known: set[str] = set()
    for point, seeds in grid.items():
        given = settings(next(iter(seeds.values())))
        known |= given.keys()
        if selection.matches(given):
            cell, member = _coordinates(point, given, named, set(pool))
            if member in cells.setdefault(cell, {}):
                return Arm(name, {}, f"{_shown(wanted)} selects several cells{f' at {_label(cell)}' if cell else ''}; name what tells them apart, or pool it")
            cells[cell][member] = seeds
    if cells:
        return Arm(name, cells)
    unknown = sorted(wanted.keys() - known)
    return Arm(name, {}, f"no cell has {_shown(wanted)}{f'. {did_you_mean(unknown[0], known)}' if unknown else ''}")


def _coordinates(point: Point, given: Mapping[str, Any], named: set[str], pooled: set[str]) -> tuple[Coordinates, Coordinates]:
    """Where a cell stands on the axes that a claim leaves open, and on those that it pools.

    An axis that a claim names is not open. Of an axis of parts (``optimizer``) of which it names a parameter
    (``optimizer.lr``), the name and the other parameters are.
    """
    cell: list[tuple[str, str]] = []
    member: list[tuple[str, str]] = []
    for axis, shown in point.axes:
        if axis in named:
            continue
        inside = any(key.startswith(f"{axis}.") for key in named)
        open_ = _open_settings(axis, given, named) if inside else [(axis, shown)]
        (member if axis in pooled else cell).extend(open_)
    return tuple(cell), tuple(member)


def _open_settings(axis: str, given: Mapping[str, Any], named: set[str]) -> list[tuple[str, str]]:
    below = sorted(key for key in given if key == axis or key.startswith(f"{axis}."))
    return [(key, text(given[key])) for key in below if key not in named]


def _sample(cell: Coordinates, arms: Sequence[Arm], metric: str) -> Sample:
    label = _label(cell)
    missing = [arm.name for arm in arms if cell not in arm.cells]
    if missing:
        return Sample(label, (), problem=f"no cell {label} in {' and '.join(missing)}")
    members = sorted({member for arm in arms for member in arm.cells[cell]})
    common = [member for member in members if all(member in arm.cells[cell] for arm in arms)]
    if not common:
        return Sample(label, (), problem=f"{' and '.join(arm.name for arm in arms)} have no cell in common on the pooled axes")
    remarks = [f"left out, in one arm only: {_label(member)}" for member in members if member not in common]
    tables = [[arm.cells[cell][member] for member in common] for arm in arms]
    everything = [seeds for table in tables for seeds in table]
    complete = complete_seeds(everything, metric)
    remarks += [remark for arm, table in zip(arms, tables, strict=True) if (remark := _left_out(arm.name, table, metric, complete))]
    rows = tuple(seeds[seed] for seeds in everything for seed in complete)
    values = tuple(np.array([[seeds[seed][metric] for seeds in table] for seed in complete], dtype=np.float64) for table in tables)
    return Sample(label, values, rows, "; ".join(remarks), "" if complete else "no seed is complete")


def _left_out(name: str, table: Sequence[Seeds], metric: str, complete: Sequence[int]) -> str:
    """Which seeds of an arm do not count, and why."""
    failed = {seed for seeds in table for seed, row in seeds.items() if row["status"] != "ok"}
    unmeasured = {seed for seeds in table for seed, row in seeds.items() if row["status"] == "ok" and value(row, metric) is None}
    counts = failures(row for seeds in table for row in seeds.values())
    others = {seed for seeds in table for seed in seeds} - failed - unmeasured - set(complete)
    pieces = (
        f"{counts} (seeds {listed(failed)})" if failed else "",
        f"no value: seeds {listed(unmeasured)}" if unmeasured else "",
        f"without a partner: seeds {listed(others)}" if others else "",
    )
    said = ", ".join(filter(None, pieces))
    return f"{name}: {said}" if said else ""


def _label(coordinates: Coordinates) -> str:
    return ", ".join(f"{key}={shown}" for key, shown in coordinates)


def _shown(wanted: Mapping[str, Any]) -> str:
    return _label(tuple((key, text(value_)) for key, value_ in wanted.items()))
