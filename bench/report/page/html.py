"""The page of a suite at a profile: overview, experiments, runs, the last two commits, trends, where the numbers come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.counted import counted
from bench.report.content import Content
from bench.report.document import Illustration, about, in_short, provenance, remarks, seed_counts
from bench.report.missing import not_ok
from bench.report.page.data import cell_ids, script_json
from bench.report.page.history import History
from bench.report.page.markup import Html, element, join
from bench.report.page.picture import Picture, figure_markup
from bench.report.page.shell import shell
from bench.report.page.sparkline import MEANING, trend_markup
from bench.report.page.tables import badge, table_markup

_LONG = 24


@dataclass(frozen=True)
class Page:
    """What a page is made of.

    Attributes:
        content: claims and tables, as the other formats have them.
        runs: what `bench.report.page.data.runs_data` makes of its rows.
        illustrations: what is said of each figure.
        pictures: the figures that exist, by name.
        history: the commits.
    """

    content: Content
    runs: Mapping[str, Any]
    illustrations: Sequence[Illustration]
    pictures: Mapping[str, Picture]
    history: History


def page(parts: Page) -> str:
    """The page as one HTML file.

    Args:
        parts: what it is made of.
    """
    content = parts.content
    sections = [(name, title, body) for name, title, body in _sections(parts) if body]
    links = [element("li", element("a", title, href=f"#{name}"), _below(name, content)) for name, title, _ in sections]
    main = [element("section", element("h2", title), body, id=name, aria_label=title) for name, title, body in sections]
    body = [
        element("a", "Skip to the content", href="#content", class_="skip"),
        _glyphs(parts.pictures.values()),
        element("header", element("h1", content.title), element("p", in_short(content), class_="lead"), _theme()),
        element("nav", element("ul", *links), aria_label="Sections"),
        element("main", _without_script(), *main, id="content", tabindex=-1),
        element("dialog", id="run", aria_labelledby="run-title"),
    ]
    drawn = {name: picture.panels for name, picture in parts.pictures.items()}
    return shell(content.title, body, script_json({"runs": parts.runs, "figures": drawn}))


def index_page(contents: Sequence[tuple[str, Content]], others: Sequence[str] = ()) -> str:
    """The page that links to all reports.

    Args:
        contents: folder below the index -> its content.
        others: what else to say.
    """
    rows = [
        element("li", element("a", content.title, href=f"{folder}/report.html"), element("p", in_short(content)), _verdicts(content))
        for folder, content in contents
    ]
    said = element("ul", *(element("li", other) for other in others)) if others else Html()
    body = [
        element("header", element("h1", "Reports"), _theme()),
        element("main", element("ul", *rows, class_="reports"), said, id="content"),
    ]
    return shell("Reports", body)


def _sections(parts: Page) -> Iterator[tuple[str, str, Html]]:
    content = parts.content
    yield "overview", "Overview", _overview(parts)
    yield "claims", "Claims", table_markup(content.claims, "table-claims", titled=False, stacked=True) if content.claims is not None else Html()
    yield "tables", "Tables", join(table_markup(table, f"declared-{name}") for name, table in content.tables.items())
    yield "experiments", "Experiments", join(_experiment(parts, name) for name in content.experiments)
    yield "runs", "Runs", element("div", class_="table", id="all-runs")
    yield "comparison", "The last two commits", _comparison(parts.history)
    yield "trends", "Trends over commits", _trends(parts)
    failures = not_ok(content)
    yield (
        "failures",
        "Runs that failed or are missing",
        table_markup(failures, "table-failures", titled=False, stacked=True) if failures.rows else element("p", "None."),
    )
    yield "provenance", "Where the numbers come from", table_markup(provenance(content.rows), "table-provenance", titled=False)


def _overview(parts: Page) -> Html:
    content, rows = parts.content, parts.content.rows
    seeds = sorted(set(seed_counts(rows)))
    counts = [
        (f"{int((rows['status'] == 'ok').sum())} of {len(rows)}", "runs are ok"),
        _apart(counted(len(content.experiments), "experiment")),
        (" to ".join(map(str, seeds)), "seed" if seeds == [1] else "seeds"),
        _apart(counted(max(1, len(parts.history.states)), "commit")),
    ]
    tiles = element("dl", *(element("div", element("dt", words), element("dd", number)) for number, words in counts), class_="tiles")
    said = element("ul", *(element("li", remark) for remark in remarks(content)))
    return join([tiles, _verdicts(content), said])


def _apart(words: str) -> tuple[str, str]:
    """The number, and what it counts."""
    number, _, thing = words.partition(" ")
    return number, thing


def _verdicts(content: Content) -> Html:
    """How many claims came to each verdict."""
    if content.claims is None or not content.claims.rows:
        return Html()
    counts = Counter(str(row[0]) for row in content.claims.rows)
    return element("p", "Claims: ", join(join([badge(verdict), f" {count} "]) for verdict, count in counts.items()), class_="verdicts")


def _experiment(parts: Page, name: str) -> Html:
    content = parts.content
    table, cells = content.experiments[name], cell_ids(content, name)
    figures = [_figure(figure, parts.pictures.get(figure.name)) for figure in parts.illustrations if figure.experiment == name]
    return element(
        "section",
        element("h3", table.title),
        *(element("p", line) for line in about(content, name)),
        table_markup(table, f"cells-{name}", titled=False, link=lambda row, text: element("a", text, href=f"#cell={cells[row]}", title="List these runs")),
        element("div", *figures, class_="figures"),
        id=f"experiment-{name}",
        aria_label=table.title,
    )


def _figure(figure: Illustration, picture: Picture | None) -> Html:
    notes = [element("li", note) for note in figure.notes]
    caption = element("figcaption", figure.name, element("ul", *notes) if notes else Html())
    return element("figure", figure_markup(picture) if picture else Html(), caption, id=f"figure-{figure.name}")


def _comparison(history: History) -> Html:
    table = table_markup(history.comparison, "table-comparison", stacked=True) if history.comparison else Html()
    said = [element("p", remark) for remark in history.remarks]
    return join([*said, table])


def _trends(parts: Page) -> Html:
    titles = parts.content.experiments
    tables = (trend_markup(trend, parts.history.states, f"trend-{trend.experiment}", titles[trend.experiment].title) for trend in parts.history.trends)
    return join([element("p", MEANING), *tables]) if parts.history.trends else Html()


def _below(section: str, content: Content) -> Html:
    """The experiments, below their section in the list of links."""
    if section != "experiments" or not 1 < len(content.experiments) <= _LONG:
        return Html()
    return element("ul", *(element("li", element("a", table.title, href=f"#experiment-{name}")) for name, table in content.experiments.items()))


def _glyphs(pictures: Iterable[Picture]) -> Html:
    """The letters that figures share."""
    shared = {name: glyph for picture in pictures for name, glyph in picture.glyphs.items()}
    return element("svg", element("defs", *shared.values()), class_="glyphs", aria_hidden="true") if shared else Html()


def _theme() -> Html:
    return element("button", "Theme: auto", type="button", id="theme", hidden=True)


def _without_script() -> Html:
    return element("noscript", element("p", "Without scripts tables show their first hundred rows, and runs are not listed; report.md has all tables."))
