"""Rows of a frame as mappings that share its columns: what is not asked for is never made into objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Row = Mapping[str, Any]


class Columns(dict[str, list[Any]]):
    """Column -> its values as plain Python, made when first asked for; what is NULL or NaN is None.

    Args:
        frame: columns of numbers, truth values, texts, categories of these, or times.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        super().__init__()
        self._frame = frame
        self._objects: dict[str, NDArray[Any]] = {}
        self.names = tuple(map(str, frame.columns))
        self.known = frozenset(self.names)

    def __missing__(self, name: str) -> list[Any]:
        if name not in self.known:
            raise KeyError(name)
        values: list[Any] = self.objects(name).tolist()
        self[name] = values
        return values

    def objects(self, name: str) -> NDArray[Any]:
        """A column's values as plain Python, shape (rows,); None throughout where there is no such column."""
        if name not in self._objects:
            if name not in self.known:
                return np.full(len(self._frame), None, dtype=object)
            self._objects[name] = (
                _of_categories(self._frame[name]) if isinstance(self._frame.dtypes[name], pd.CategoricalDtype) else _of_values(self._frame[name])
            )
        return self._objects[name]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, shape (rows,); NaN for what is NULL, and throughout where there is no such column."""
        if name not in self.known:
            return np.full(len(self._frame), np.nan)
        return pd.to_numeric(self._frame[name]).to_numpy(np.float64, na_value=np.nan)


def _of_categories(column: pd.Series[Any]) -> NDArray[Any]:
    # The code of what is missing is -1, the last.
    return np.array([*column.cat.categories, None], dtype=object)[column.cat.codes.to_numpy()]


def _of_values(column: pd.Series[Any]) -> NDArray[Any]:
    missing = column.isna()
    return column.astype(object).where(~missing, None).to_numpy() if missing.any() else column.to_numpy(object)


class Record(Row):
    """A row of a frame.

    Args:
        columns: the columns of the frame, shared by all its rows.
        index: the row's place in it.
    """

    __slots__ = ("_columns", "_index")

    def __init__(self, columns: Columns, index: int) -> None:
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
