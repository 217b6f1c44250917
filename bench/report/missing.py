"""What a report lacks: runs that failed, seeds that other cells have, and cells that were never run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from bench.analysis.points import listed
from bench.report.content import Content
from bench.report.grid import GridCell, grid_cells, readable, setting
from bench.report.table import NONE, Table, plain_table
from bench.selection import text

MOST_NAMED = 50
"""Cells of an experiment that were never run; of more, the others are counted."""


def not_ok(content: Content) -> Table:
    """The runs that failed or are missing, by cell.

    Args:
        content: the report; a cell is known to be missing where the suite's file has a plain grid.
    """
    lines: list[tuple[str, ...]] = []
    for experiment, those in content.rows.groupby("experiment", sort=True):
        given = those["seed"].to_numpy(dtype=object)
        every, cells = set(given), grid_cells(those)
        for cell in cells:
            name = cell.name(list(cell.axes)) or NONE
            lines += [(str(experiment), name, *reason) for reason in _reasons(cell)]
            if missing := every.difference(given[cell.places]):
                lines.append((str(experiment), name, listed(missing), "missing", NONE))
        never = list(_never_run(content, str(experiment), cells))
        lines += [(str(experiment), name, "all", "never run", NONE) for name in never[:MOST_NAMED]]
        if len(never) > MOST_NAMED:
            lines.append((str(experiment), f"{len(never) - MOST_NAMED} more cells", "all", "never run", NONE))
    return plain_table("Runs that failed or are missing", ["experiment", "cell", "seeds", "status", "reason"], lines)


def _reasons(cell: GridCell) -> list[tuple[str, str, str]]:
    if len(cell.trained) == len(cell.places):
        return []
    bad = cell.runs[cell.runs["status"] != "ok"]
    grouped = bad.assign(reason=bad["reason"].map(lambda reason: setting(reason) or NONE)).groupby(["status", "reason"], sort=True)
    return [(listed(those["seed"]), str(status), str(reason)) for (status, reason), those in grouped]


def _never_run(content: Content, name: str, cells: Sequence[GridCell]) -> Iterator[str]:
    """The points of the suite's grid without a row; none are known where cases, exclusions or a variant make another set of cells of it."""
    experiment = content.experiment(name)
    if experiment is None or content.variant:
        return
    scales = [experiment, *(scale for profile, scale in experiment.profiles.items() if profile == content.profile)]
    axes = {axis: values for scale in scales for axis, values in (scale.grid or {}).items()}
    if not set(axes) <= set(cells[0].axes) or any(scale.cases or scale.exclude for scale in scales):
        return
    found = {tuple(cell.axes[axis] for axis in axes) for cell in cells}
    for point in itertools.product(*([text(value) for value in values] for values in axes.values())):
        if point not in found:
            yield ", ".join(f"{readable(axis)} = {value}" for axis, value in zip(axes, point, strict=True))
