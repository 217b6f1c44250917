"""Tables of a report as HTML: real headers, numbers that can be sorted, rows beyond the first hundred apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from bench.report.page.markup import Html, element, join
from bench.report.table import EMPTY, NONE, Cell, Column, Number, Table, cell_text

AT_ONCE = 100
"""Rows that stand in the page; the others wait in a template, which costs no layout, until a script asks for them."""

Link = Callable[[int, str], Html]
_LONG = 24
_ARROWS = ("↑", "↓")
_MARKED = ("verdict", "class", "status", "outcome")
_SAID = {
    **dict.fromkeys(("reproduced", "better", "ok", "held"), "good"),
    **dict.fromkeys(("contradicted", "worse", "crashed", "timeout", "out_of_memory", "crossed"), "bad"),
    **dict.fromkeys(("diverged", "interrupted", "missing", "never run", "changed", "undetectable"), "warn"),
}


def table_markup(table: Table, name: str, *, titled: bool = True, link: Link | None = None, stacked: bool = False) -> Html:
    """A table with its title and notes.

    Args:
        table: what to show.
        name: unique on the page.
        titled: whether the title is shown; else it only names the table for screen readers.
        link: (row, text of its last cell) -> what stands there instead.
        stacked: whether a narrow window shows each row as a block of lines with their titles; for few rows of long texts.
    """
    numeric = [table.numeric(index) for index in range(len(table.columns))]
    titles = [column.full_title if stacked else None for column in table.columns]
    rows = [list(map(_cell, row, [column.key for column in table.columns], numeric, titles)) for row in table.rows]
    if link is not None:
        rows = [[*cells[:-1], element("td", link(index, str(row[-1])))] for index, (cells, row) in enumerate(zip(rows, table.rows, strict=True))]
    return grid(name, table.title, _heads(table.columns, numeric), [element("tr", *cells) for cells in rows], table.notes, titled=titled, stacked=stacked)


def grid(name: str, title: str, heads: Html, rows: Sequence[Html], notes: Sequence[str] = (), *, titled: bool = True, stacked: bool = False) -> Html:
    """A table from its parts.

    Args:
        name: unique on the page.
        title: its caption.
        heads: the rows of headers.
        rows: the rows of the body.
        notes: what stands below.
        titled: whether the caption is seen.
        stacked: as for `table_markup`; cells then say their title.
    """
    caption = element("caption", title, class_=None if titled and title else "unseen")
    body = element("tbody", *rows[:AT_ONCE])
    later = element("template", *rows[AT_ONCE:]) if len(rows) > AT_ONCE else Html()
    whole = element("table", caption, element("thead", heads), body)
    scroll = element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=title or name)
    said = element("p", f"{EMPTY.capitalize()}.", class_="none") if not rows else Html()
    below = element("ul", *(element("li", note) for note in notes), class_="notes") if notes else Html()
    return element("div", scroll, later, said, below, class_="table stacked" if stacked else "table", id=name, data_rows=len(rows))


def column_head(title: str, *, numeric: bool = False, **attributes: str) -> Html:
    """The header of a column."""
    *words, last = title.rsplit(" ", 2)
    # An arrow is not left alone on a line.
    said = [*words[:-1], Html(" "), element("span", f"{words[-1]} {last}", class_="whole")] if last in _ARROWS and words else [title]
    return element("th", *said, scope="col", class_="number" if numeric else None, **attributes)


def badge(text: str) -> Html:
    """A verdict, a class or a status, coloured where its word is a known one; the word itself says it all."""
    return element("span", text, class_=f"badge {_SAID.get(text, 'open')}")


def _heads(columns: Sequence[Column], numeric: Sequence[bool]) -> Html:
    """A row of shared headings where there are any, then the row of titles."""
    titles = element("tr", *(column_head(column.title, numeric=number) for column, number in zip(columns, numeric, strict=True)))
    if not any(column.group for column in columns):
        return titles
    groups = [(group, len(list(members))) for group, members in groupby(columns, key=lambda column: column.group)]
    shared = [element("th", group, scope="colgroup", colspan=width) if group else element("td", colspan=width) for group, width in groups]
    return join([element("tr", *shared, class_="groups"), titles])


def _cell(cell: Cell, key: str, numeric: bool, title: str | None) -> Html:
    if isinstance(cell, Number):
        written = str(cell) if title is None else _pieces(cell)
        shown = element("strong", written) if cell.best else written
        return element("td", shown, class_="number", data_sort=None if cell.mean is None else repr(float(cell.mean)), data_title=title)
    if isinstance(cell, int):
        return element("td", cell_text(cell), class_="number", data_sort=str(cell), data_title=title)
    if cell == NONE:
        return element("td", cell, class_="nothing number" if numeric else "nothing", data_sort="", data_title=title)
    return element("td", badge(cell) if key in _MARKED else cell, class_="long" if len(cell) > _LONG else None, data_title=title)


def _pieces(number: Number) -> Html:
    """A number whose cell is broken into lines: not inside its interval."""
    first, *others = number.pieces
    return join([first, *(join([Html(" "), element("span", piece, class_="whole")]) for piece in others)])
