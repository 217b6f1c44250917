"""Takes measures: one that fails costs its own numbers, and says why; the run and the other measures stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bench.config import PartSpec
from bench.errors import StorageError
from bench.parts.measures import Measured, View, measures
from bench.results import FAILED, Interrupted

MOST_ROWS = 2**20
"""How many rows of a table a measure may give."""

NOT_ITS_OWN = (Interrupted, StorageError, MemoryError, torch.OutOfMemoryError, torch.AcceleratorError)
"""What is no fault of a measure: who runs the pack answers it."""


def take(spec: PartSpec, *views: View) -> Measured:
    """Take a measure.

    Args:
        spec: the measure and its parameters.
        *views: the trained run, or the two of a pair.

    Returns:
        What it gives, its values as floats; where it fails, a remark with the reason and nothing else.
    """
    try:
        return _checked(spec.name, measures[spec.name].target(*views, **spec.parameters))
    except NOT_ITS_OWN:
        raise
    except Exception as error:
        text = str(error).partition("\n")[0]
        if isinstance(error, RuntimeError) and any(word in text.lower() for word in ("cuda", "memory")):
            raise
        return Measured(remark=f"{FAILED}{type(error).__name__}: {text}" if text else f"{FAILED}{type(error).__name__}")


def _checked(name: str, measured: Any) -> Measured:
    """What the registry can hold.

    Raises:
        TypeError: if it is something else.
        ValueError: if there is too much of it, or a metric that the measure does not declare.
    """
    if not isinstance(measured, Measured):
        raise TypeError(f"it gives a {type(measured).__name__} instead of a Measured")
    declared = {metric.name for metric in measures[name].traits["metrics"]}
    if undeclared := sorted(set(measured.values) - declared):
        raise ValueError(f"it gives {undeclared[0]!r}, which it does not declare")
    if len(measured.rows) > MOST_ROWS:
        raise ValueError(f"it gives {len(measured.rows):,} rows; the most that are kept is {MOST_ROWS:,}")
    values = {metric: _number(metric, value) for metric, value in measured.values.items() if value is not None}
    return Measured(values, [_plain(row) for row in measured.rows], measured.remark)


def _number(metric: str, value: Any) -> float:
    if isinstance(value, str | bytes) or int(getattr(value, "ndim", 0)):
        raise TypeError(f"its {metric!r} is a {type(value).__name__} and no number")
    return float(value)


def _plain(row: Mapping[str, Any]) -> Mapping[str, Any]:
    for column, value in row.items():
        if not isinstance(value, str | int | float | None):
            raise TypeError(f"its column {column!r} holds a {type(value).__name__}")
    return row
