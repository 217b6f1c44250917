"""HTML from elements: what is not markup already is escaped on its way in, so no text of others can become any."""

from __future__ import annotations

import html
from collections.abc import Iterable

from bench.report import escape

Attribute = str | int | float | bool | None

_VOID = frozenset({"input", "link", "meta", "br"})


class Html(str):
    """Markup; every other text is escaped when it enters an element."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: Attribute) -> Html:
    """An element.

    Args:
        name: its tag.
        children: markup, or text that is to stand as it is.
        attributes: ``scope="row"``; an underscore at the end is dropped, others become hyphens; True gives the bare name,
            False and None nothing.
    """
    inner = "".join(text(child) for child in children)
    start = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Html(start if name in _VOID else f"{start}{inner}</{name}>")


def join(parts: Iterable[str]) -> Html:
    """Markup and texts, one after the other."""
    return Html("".join(map(text, parts)))


def text(value: str) -> Html:
    """Text as markup that shows it: without control characters and without those that change the direction of writing."""
    return value if isinstance(value, Html) else Html(html.escape(escape.clean(value)))


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    key = name.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{html.escape(escape.clean(str(value)))}"'
