"""A table without a format: headers and rows of texts, counts and numbers; `bench.report.render` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

NONE = "—"
EMPTY = "nothing to list"
"""What stands for the rows of a table that has none."""


@dataclass(frozen=True)
class Number:
    """A mean over seeds with its interval, or a number that has none.

    Attributes:
        mean: the value; None where there is none.
        low: lower end of the interval, None where one seed gives none.
        high: upper end.
        n: how many seeds; None for a number that has no interval, as the source's.
        shown: as it stands (``number``), times 100 (``percent``), or in percentage points already (``points``).
        form: ``mean`` is written 97.1 ± 0.3, ``interval`` 97.1 [96.8, 97.4], ``effect`` +0.5 [+0.1, +0.9].
        unit: what is written behind the mean where the column's title does not say it.
        best: whether it is set in bold.
        note: what is written behind it all.
    """

    mean: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    shown: Literal["number", "percent", "points"] = "number"
    form: Literal["mean", "interval", "effect"] = "mean"
    unit: str = ""
    best: bool = False
    note: str = ""

    def __str__(self) -> str:
        return " ".join(self.pieces)

    @property
    def pieces(self) -> tuple[str, ...]:
        """Value with unit, interval, note: what is written, where it can be broken into lines."""
        if self.mean is None:
            return (NONE,)
        interval = "" if self.n is None else self._interval()
        return tuple(filter(None, (f"{self._digits(self.mean)} {self.unit}".rstrip(), interval, f"({self.note})" if self.note else "")))

    def _interval(self) -> str:
        if self.form == "mean":
            return f"± {NONE}" if self.low is None or self.high is None else f"± {self._digits((self.high - self.low) / 2, significant=2)}"
        return f"[{NONE}]" if self.low is None or self.high is None else f"[{self._digits(self.low)}, {self._digits(self.high)}]"

    def _digits(self, value: float, significant: int = 3) -> str:
        sign = "+" if self.form == "effect" else ""
        if self.shown == "number":
            rounded = float(f"{value:.{significant}g}")
            # Up to a million a reader takes in 16,300 sooner than 1.63e+04.
            return f"{rounded:{sign},.0f}" if 10**significant <= abs(rounded) < 1e6 else f"{value:{sign}#.{significant}g}".removesuffix(".")
        return f"{100 * value if self.shown == 'percent' else value:{sign}.2f}"


Cell = str | int | Number
"""A text, a count or a number."""


def cell_text(cell: Cell) -> str:
    """A cell as readers see it: 1200 things are 1,200."""
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def is_best(cell: Cell) -> bool:
    """Whether a cell is set in bold."""
    return isinstance(cell, Number) and cell.best


@dataclass(frozen=True)
class Column:
    """A column: a key for programs (CSV, JSON), a title for readers, and the heading that it shares with its neighbours."""

    key: str
    title: str
    group: str = ""

    @property
    def full_title(self) -> str:
        """The title with the shared heading before it."""
        return f"{self.group}: {self.title}" if self.group else self.title


@dataclass(frozen=True)
class Table:
    """What a renderer needs: a title, columns, rows of as many cells, and notes below."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def numeric(self, index: int) -> bool:
        """Whether a column holds numbers."""
        return any(isinstance(row[index], (int, Number)) for row in self.rows)

    def ranged(self, index: int) -> bool:
        """Whether a column holds means over seeds, which have intervals."""
        return any(isinstance(cell, Number) and cell.n is not None for cell in (row[index] for row in self.rows))


def plain_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str | int]], notes: Sequence[str] = ()) -> Table:
    """A table of texts and counts alone, as lists of parts are.

    Args:
        title: what stands above.
        headers: one title per column, which is its key as well.
        rows: as many cells each.
        notes: what stands below.
    """
    columns = tuple(Column(header, header) for header in headers)
    return Table(title, columns, tuple(tuple(row) for row in rows), tuple(notes))
