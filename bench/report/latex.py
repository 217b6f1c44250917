"""A table in LaTeX with booktabs: one that fits a page as a float, a longer one over several pages; texts are wrapped."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from bench.report import escape
from bench.report.table import Cell, Number, Table, cell_text

MOST_ROWS = 40
"""Of a float; what is longer than a page would be cut off, so it is broken into pages."""

# In characters: a cell that is broken into lines, and a text that is in a table that is wide; a line of the page in usual letters, and in small ones.
_WRAPPED, _WRAPPED_IF_WIDE = 28, 16
_WIDE, _LINE = 70, 90
# Shares of a line that a column of broken lines has.
_LEAST, _MOST = 0.14, 0.4
_TITLE = 14
# What is still wider than a line is made as wide as a line.
_SHRUNK = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
_SMALL = r"\footnotesize\setlength{\tabcolsep}{3pt}"
_EXPONENT = re.compile(r"(\d)e([+-])0*(\d+)")
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")


@dataclass(frozen=True)
class _Shape:
    """What decides how a table is set.

    Attributes:
        numeric: whether each column holds numbers.
        longest: the characters of each column's longest cell or longest word of its title.
        wrapped: the columns whose cells are broken into lines, and their shares of a line of the page.
        wide: whether lines are so long that letters must be small.
        long: whether there are more rows than on a page.
    """

    numeric: tuple[bool, ...]
    longest: tuple[int, ...]
    wrapped: Mapping[int, float]
    wide: bool
    long: bool

    @classmethod
    def of(cls, table: Table) -> _Shape:
        words = [[len(word) for word in column.title.split()] for column in table.columns]
        longest = tuple(max([0, *lengths, *(len(str(row[index])) for row in table.rows)]) for index, lengths in enumerate(words))
        wide = sum(min(length, _WRAPPED) + 2 for length in longest) > _WIDE
        # Square roots, so that one long remark does not squeeze all else.
        numeric = tuple(map(table.numeric, range(len(table.columns))))
        limits = [_WRAPPED_IF_WIDE if wide and not number else _WRAPPED for number in numeric]
        roots = {index: math.sqrt(length) for index, (length, limit) in enumerate(zip(longest, limits, strict=True)) if length > limit}
        rest = 1 - sum(length + 2 for index, length in enumerate(longest) if index not in roots) / _LINE
        shares = {index: (rest - 2 * len(roots) / _LINE) * root / sum(roots.values()) for index, root in roots.items()}
        wrapped = {index: min(_MOST, max(_LEAST, share)) for index, share in shares.items()}
        return cls(numeric, longest, wrapped, wide, len(table.rows) > MOST_ROWS)

    @property
    def columns(self) -> str:
        """The argument of the environment."""
        return "".join(map(self._column, range(len(self.numeric))))

    def _column(self, index: int) -> str:
        if index not in self.wrapped:
            return "r" if self.numeric[index] else "l"
        return rf">{{\ragged{'left' if self.numeric[index] else 'right'}\arraybackslash}}p{{{self.wrapped[index]:.2f}\linewidth}}"


def latex(table: Table) -> str:
    """A table for a document; comments at its top say which packages it needs.

    Args:
        table: what to write.
    """
    shape = _Shape.of(table)
    return "\n".join([*_needed(shape), *(_pages(table, shape) if shape.long else _float(table, shape))]) + "\n"


def _needed(shape: _Shape) -> Iterator[str]:
    yield "% The preamble of the document that this table is put into needs:"
    yield r"%   \usepackage[T1]{fontenc}"
    yield r"%   \usepackage{booktabs}"
    if shape.wrapped:
        yield r"%   \usepackage{array}"
    if shape.long:
        yield r"%   \usepackage{longtable}"
    elif shape.wide:
        yield r"%   \usepackage{graphicx}"


def _float(table: Table, shape: _Shape) -> Iterator[str]:
    yield r"\begin{table}"
    yield r"\centering"
    if shape.wide:
        yield _SMALL
    yield rf"\caption{{{escape.latex(table.title)}}}"
    if shape.wide:
        yield _SHRUNK
    yield rf"\begin{{tabular}}{{{shape.columns}}}"
    yield from (r"\toprule", *_heads(table, shape), r"\midrule", *_body(table), r"\bottomrule")
    yield r"\end{tabular}" + ("}" if shape.wide else "")
    yield from _notes(table)
    yield r"\end{table}"


def _pages(table: Table, shape: _Shape) -> Iterator[str]:
    yield r"\begingroup"
    if shape.wide:
        yield _SMALL
    yield rf"\begin{{longtable}}{{{shape.columns}}}"
    yield rf"\caption{{{escape.latex(table.title)}}} \\"
    yield from (r"\toprule", *_heads(table, shape), r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot", *_body(table))
    yield r"\end{longtable}"
    yield from _notes(table)
    yield r"\endgroup"


def _heads(table: Table, shape: _Shape) -> Iterator[str]:
    """A line of shared headings with rules below where there are any, then the line of titles, which are no wider than what is below."""
    spans, position = [], 1
    for group, members in groupby(table.columns, key=lambda column: column.group):
        width = len(list(members))
        spans.append((group, position, width))
        position += width
    if any(group for group, _, _ in spans):
        yield _line(rf"\multicolumn{{{width}}}{{c}}{{{escape.latex(group)}}}" for group, _, width in spans)
        yield "".join(rf"\cmidrule(lr){{{start}-{start + width - 1}}}" for group, start, width in spans if group)
    yield _line(_head(column.title, index, shape) for index, column in enumerate(table.columns))


def _head(title: str, index: int, shape: _Shape) -> str:
    lines = textwrap.wrap(escape.clean(title), max(shape.longest[index], _TITLE))
    if len(lines) < 2 or index in shape.wrapped:
        return escape.latex(title)
    joined = r"\\".join(map(escape.latex, lines))
    return rf"\shortstack[{'r' if shape.numeric[index] else 'l'}]{{{joined}}}"


def _body(table: Table) -> Iterator[str]:
    yield from (_line(map(_cell, row)) for row in table.rows)


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell) -> str:
    text = escape.latex(cell_text(cell))
    if isinstance(cell, Number):
        text = _MINUS.sub("$-$", text).replace(" = ", "~=~")
        text = _EXPONENT.sub(lambda match: rf"{match[1]}$\times 10^{{{match[2].strip('+')}{match[3]}}}$", text)
        return rf"\textbf{{{text}}}" if cell.best else text
    return text


def _notes(table: Table) -> Iterator[str]:
    yield from (rf"\par\smallskip{{\footnotesize {escape.latex(note)}\par}}" for note in table.notes)
