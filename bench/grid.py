"""The grid of an experiment before it is expanded: counted first, then point by point."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.selection import Selection, text
from bench.settings import Layer, Locate
from bench.suite_file import Case


@dataclass(frozen=True)
class Value:
    """One value of an axis, made ready once for all the cells that have it.

    Attributes:
        axis: the axis.
        text: the value as selections write it.
        layer: what sets it.
    """

    axis: str
    text: str
    layer: Layer


@dataclass(frozen=True)
class Grid:
    """The grid of an experiment.

    Attributes:
        axes: axis -> its values.
        locate_axes: axis -> where one of its values stands in the file.
        cases: values of several keys that go together, each with where it stands.
        excludes: the cells that are left out.
    """

    axes: Mapping[str, Sequence[Any]]
    locate_axes: Mapping[str, Locate]
    cases: Sequence[tuple[Case, Locate]]
    excludes: Sequence[Selection]

    def count(self) -> int:
        """How many cells it has, those that are left out included."""
        return math.prod(len(values) for values in self.axes.values()) * max(1, len(self.cases))

    def points(self) -> Iterator[tuple[Value, ...]]:
        """Every combination of values, the last axis fastest."""
        return itertools.product(*([self._value(axis, index) for index in range(len(values))] for axis, values in self.axes.items()))

    def _value(self, axis: str, index: int) -> Value:
        value = self.axes[axis][index]
        return Value(axis, text(value), Layer({axis: value}, lambda below: self.locate_axes[axis]((index, *below[1:]))))
