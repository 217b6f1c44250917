"""What the statistics in a footer say of the rows, soundly: what they leave open may be there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

STATE = ("suite", "profile", "variant", "commit", "commit_time", "dirty", "diff_hash")
"""The columns of `runs` that say under which name and of which state of the code rows are."""

WHOLE_BOUNDS = "parquet-cpp"
"""How writers call themselves that never cut a bound short: they leave out one that is too long."""


@dataclass(frozen=True, slots=True)
class Group:
    """A row group of `runs`.

    Attributes:
        rows: how many rows it has.
        commits: bounds of the column ``commit``; empty if no row has one, None if unknown.
        state: the values of `STATE` if all rows have the same, and the latest of ``written``; else None.
    """

    rows: int
    commits: tuple[str, ...] | None
    state: tuple[Any, ...] | None

    def may_hold(self, commits: Collection[str]) -> bool:
        """Whether it may hold a row of one of these commits: False only if its bounds exclude every one of them."""
        if not self.commits:
            return self.commits is None
        low, high = self.commits
        # A bound that was cut is a beginning of the true one: a lower one stays a bound, an upper one may not.
        return any(low <= commit and commit[: len(high)] <= high for commit in commits)


def groups_of(metadata: pq.FileMetaData, names: Sequence[str]) -> tuple[Group, ...]:
    """What a footer says of the row groups of a file of `runs`.

    Args:
        metadata: the footer.
        names: the file's columns, none of them nested, in their order.

    Returns:
        The row groups, in their order.
    """
    places = {name: names.index(name) for name in (*STATE, "written") if name in names}
    exact = str(metadata.created_by).startswith(WHOLE_BOUNDS)
    return tuple(_group(metadata.row_group(index), places, exact) for index in range(metadata.num_row_groups))


def _group(group: pq.RowGroupMetaData, places: dict[str, int], exact: bool) -> Group:
    found = {name: group.column(place).statistics for name, place in places.items()}
    written = found.get("written")
    latest = written.max if written is not None and written.has_min_max else None
    constants = [_constant(found.get(name), group.num_rows) if name in places else (None,) for name in STATE]
    known = exact and latest is not None and all(constants)
    commits = _bounds(found["commit"], group.num_rows) if "commit" in places else ()
    return Group(group.num_rows, commits, (*(value for (value,) in constants), latest) if known else None)


def _constant(statistics: pq.Statistics | None, rows: int) -> tuple[Any, ...]:
    """The only value of a column, or nothing if it may have several."""
    if statistics is None or not statistics.has_null_count:
        return ()
    if statistics.null_count == rows:
        return (None,)
    low_is_high = statistics.has_min_max and statistics.min == statistics.max
    return (statistics.min,) if low_is_high and not statistics.null_count else ()


def _bounds(statistics: pq.Statistics | None, rows: int) -> tuple[str, ...] | None:
    if statistics is None:
        return None
    if statistics.has_null_count and statistics.null_count == rows:
        return ()
    bounded = statistics.has_min_max and isinstance(statistics.min, str)
    return (statistics.min, statistics.max) if bounded else None
