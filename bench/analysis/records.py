"""Rows of a frame as mappings that share its columns: what is not asked for is never made into objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

Row = Mapping[str, Any]


class _Columns(dict[str, list[Any]]):
    """Column -> its values as plain Python, made when first asked for; what is NULL or NaN is None."""

    def __init__(self, frame: pd.DataFrame) -> None:
        super().__init__()
        self._frame = frame
        self.names = tuple(map(str, frame.columns))
        self.known = frozenset(self.names)

    def __missing__(self, name: str) -> list[Any]:
        if name not in self.known:
            raise KeyError(name)
        column = self._frame[name]
        missing = column.isna()
        values: list[Any] = column.tolist()
        if missing.any():
            values = [None if absent else value for value, absent in zip(values, missing, strict=True)]
        self[name] = values
        return values


class Record(Row):
    """A row of a frame.

    Args:
        columns: the columns of the frame, shared by all its rows.
        index: the row's place in it.
    """

    __slots__ = ("_columns", "_index")

    def __init__(self, columns: _Columns, index: int) -> None:
        self._columns = columns
        self._index = index

    def __getitem__(self, name: str) -> Any:
        return self._columns[name][self._index]

    # The mixin's get is the same with a call more, and comparisons make millions of them.
    def get(self, name: str, default: Any = None) -> Any:
        """The value in a column, or a default where there is no such column."""
        try:
            return self._columns[name][self._index]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns.names)

    def __len__(self) -> int:
        return len(self._columns.names)


def records(frame: pd.DataFrame) -> list[Record]:
    """The rows of a frame, in its order; what is NULL or NaN is None.

    Args:
        frame: columns of numbers, truth values, texts or times.
    """
    columns = _Columns(frame)
    return [Record(columns, index) for index in range(len(frame))]


def column(rows: Sequence[Record], name: str) -> list[Any]:
    """What rows of one frame hold in a column, without a call for each of them.

    Args:
        rows: some of what `records` gave for a frame.
        name: the column; None throughout where the frame has none of this name.
    """
    if not rows:
        return []
    columns = rows[0]._columns
    if name not in columns.known:
        return [None] * len(rows)
    values = columns[name]
    return [values[row._index] for row in rows]
