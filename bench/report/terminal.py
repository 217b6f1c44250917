"""A table on a terminal: in columns where they fit, else row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import rich.box
import rich.table
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from bench.report import escape
from bench.report.table import EMPTY, NONE, Cell, Table, cell_text, is_best

_SAMPLE = 50
"""How many rows decide between columns and row by row: drawing a row takes a millisecond."""

_MORE = 1.5
"""How many times as many lines columns may take, as numbers are compared more easily in them."""

_WIDE = 10_000
"""A width in which everything fits."""


@dataclass(frozen=True)
class Terminal:
    """A table for a console of rich, the best values in bold; nothing in it is read as markup.

    It stands in columns unless the console is so narrow that a word had to be broken, or that rows had many more lines than
    if each of them was told by itself: its first cell, then the others behind their titles, without those that are empty.

    Attributes:
        table: what is shown.
    """

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich draws in the width that there is."""
        if not self._told_by_rows(console, options):
            yield self._columns()
            return
        yield Text(escape.clean(self.table.title), style="italic")
        yield from self._rows(console, options.max_width)
        if self.table.notes:
            yield Text(self._notes, style="dim italic")

    @property
    def _notes(self) -> str:
        return "\n".join(escape.clean(note) for note in self.table.notes)

    def _told_by_rows(self, console: Console, options: ConsoleOptions) -> bool:
        """Whether a word does not fit in its column, or rows in columns have `_MORE` times as many lines."""
        if not self.table.rows:
            return True
        some = Terminal(replace(self.table, title="", rows=self.table.rows[:_SAMPLE], notes=()))
        columns = some._columns()
        needed = console.measure(columns, options=options.update(max_width=_WIDE))
        if needed.maximum <= options.max_width:
            return False
        columns.show_header = columns.show_edge = False
        lines = len(console.render_lines(columns, options, pad=False))
        return needed.minimum > options.max_width or lines > _MORE * sum(1 for _ in some._rows(console, options.max_width))

    def _columns(self) -> rich.table.Table:
        caption = Text(self._notes) if self.table.notes else None
        drawn = rich.table.Table(box=rich.box.SIMPLE, title=Text(escape.clean(self.table.title)), caption=caption, title_justify="left", caption_justify="left")
        for index, column in enumerate(self.table.columns):
            heading = "\n".join(escape.clean(line) for line in (column.group, column.title) if line)
            drawn.add_column(Text(heading), justify="right" if self.table.numeric(index) else "left", overflow="fold")
        for row in self.table.rows:
            drawn.add_row(*map(_text, row))
        return drawn

    def _rows(self, console: Console, width: int) -> Iterator[Text]:
        """The lines of all rows; those behind the first of a row are indented, and break between two cells where they can."""
        if not self.table.rows:
            yield Text(EMPTY)
        titles = [escape.clean(column.full_title) for column in self.table.columns]
        for first, *others in self.table.rows:
            pieces = [Text(escape.clean(cell_text(first)), style="bold")]
            pieces += [Text.assemble((f"{title} ", "dim"), _text(cell)) for title, cell in zip(titles[1:], others, strict=True) if cell not in (NONE, "")]
            yield from _flow(pieces, console, width)


def _flow(pieces: list[Text], console: Console, width: int) -> Iterator[Text]:
    """Pieces one after the other, in lines."""
    line, *others = pieces
    for piece in others:
        joined = Text.assemble(line, " · ", piece)
        if joined.cell_len <= width:
            line = joined
            continue
        yield line
        *full, line = (Text.assemble("  ", part) for part in piece.wrap(console, width - 2))
        yield from full
    yield line


def _text(cell: Cell) -> Text:
    return Text(escape.clean(cell_text(cell)), style="bold" if is_best(cell) else "")
