"""The cells of an experiment as its rows show them: which axes there are, their values in order, and a name for each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.selection import text

AXIS = "axis."
SETTING = "hp."

Places = NDArray[np.intp]
"""Rows of a frame, by their number."""


@dataclass(frozen=True)
class GridCell:
    """One cell of an experiment.

    Attributes:
        axes: axis -> the cell's value, as text; None where the axis does not apply to it.
        frame: rows of `runs`, of this cell and others.
        places: which of them are its own, one per seed.
    """

    axes: Mapping[str, str | None]
    frame: pd.DataFrame
    places: Places

    @cached_property
    def runs(self) -> pd.DataFrame:
        """Its rows of `runs`."""
        return self.frame.iloc[self.places]

    @cached_property
    def trained(self) -> Places:
        """The places of its runs that are ok."""
        ok: NDArray[np.bool_] = self.frame["status"].to_numpy(dtype=object)[self.places] == "ok"
        return self.places[ok]

    def name(self, axes: list[str]) -> str:
        """The cell's values on some axes, as ``model = fnn, dropout = 0.2``."""
        return ", ".join(f"{readable(axis)} = {self.axes[axis]}" for axis in axes if self.axes[axis] is not None)


def axes_of(runs: pd.DataFrame) -> list[str]:
    """The axes that an experiment's rows have a value on."""
    return [str(column).removeprefix(AXIS) for column in runs.columns if str(column).startswith(AXIS) and runs[column].notna().any()]


def varying(cells: list[GridCell]) -> list[str]:
    """The axes on which cells differ."""
    axes = list(cells[0].axes) if cells else []
    return [axis for axis in axes if len({cell.axes[axis] for cell in cells}) > 1]


def grid_cells(runs: pd.DataFrame) -> list[GridCell]:
    """The cells of one experiment, in the order of their values.

    Args:
        runs: rows of one experiment at one commit.
    """
    columns = {axis: runs[f"{AXIS}{axis}"].to_numpy(dtype=object) for axis in axes_of(runs)}
    groups = [np.asarray(places, dtype=np.intp) for places in runs.groupby("cell_id", sort=True).indices.values()]
    cells = [GridCell({axis: setting(values[places[0]]) for axis, values in columns.items()}, runs, places) for places in groups]
    return sorted(cells, key=lambda cell: [order(value) for value in cell.axes.values()])


def setting(value: Any) -> str | None:
    """A value of a column as selections write it; None for NULL."""
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return None
    return text(value.item() if hasattr(value, "item") and not isinstance(value, str) else value)


def settings(row: Mapping[str, Any]) -> dict[str, str | None]:
    """What selections see of a row: its axes, its parameters and its seed."""
    axes = {key.removeprefix(AXIS): setting(value) for key, value in row.items() if key.startswith(AXIS)}
    parameters = {key.removeprefix(SETTING): setting(value) for key, value in row.items() if key.startswith(SETTING)}
    return {**axes, **parameters, "seed": setting(row["seed"])}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as mappings."""
    return [{str(column): value for column, value in row.items()} for row in frame.to_dict("records")]


def order(value: str | None) -> tuple[int, float, str]:
    """A key for sorting: numbers by size, then texts, then what does not exist."""
    if value is None:
        return (2, 0.0, "")
    number = as_number(value)
    return (1, 0.0, value) if number is None else (0, number, "")


def as_number(value: str | None) -> float | None:
    """The number that a text writes, if it writes one."""
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def readable(name: str) -> str:
    """A name in words: ``batch_size`` is batch size."""
    return name.replace("_", " ")
