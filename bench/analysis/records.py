"""Rows of a frame as mappings that share its columns: what is not asked for is never made into objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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

    def objects(self, name: str) -> NDArray[Any]:
        """A column's values as plain Python; None throughout where there is no such column."""
        values = np.full(len(self._frame), None, dtype=object)
        if name in self.known:
            values[:] = self[name]
        return values

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers; NaN for what is NULL, and throughout where there is no such column."""
        if name not in self.known:
            return np.full(len(self._frame), np.nan)
        return pd.to_numeric(self._frame[name]).to_numpy(np.float64, na_value=np.nan)


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


class Selected:
    """Many rows of one frame, whose columns come as arrays of shape (rows,).

    Args:
        rows: some of what `records` gave for a frame.
    """

    def __init__(self, rows: Sequence[Record]) -> None:
        self._columns = rows[0]._columns if rows else _Columns(pd.DataFrame())
        self._places = np.fromiter((row._index for row in rows), np.int64, len(rows))

    def objects(self, name: str) -> NDArray[Any]:
        """What they hold in a column; None where that is nothing."""
        return self._columns.objects(name)[self._places]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """What they hold in a column of numbers; NaN where that is nothing."""
        return self._columns.numbers(name)[self._places]
