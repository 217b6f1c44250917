"""What every page is: one file whose policy allows its own style and script, by their hashes, and nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources

from bench.report.page.markup import Html, element, join


def shell(title: str, body: Iterable[str], data: str = "{}") -> str:
    """A whole document.

    Args:
        title: the page's name.
        body: what stands in it.
        data: JSON for the script, made by `bench.report.page.data.script_json`.

    Returns:
        HTML.
    """
    style, script = _asset("page.css"), _asset("page.js")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
        element("script", script),
    )
    stored = element("script", Html(data), type="application/json", id="data")
    return f"<!DOCTYPE html>\n{element('html', head, element('body', join(body), stored), lang='en')}\n"


def _policy(style: str, script: str) -> str:
    """Nothing may be loaded or sent; no text may become markup or code, by scripts of the page either."""
    rules = (
        "default-src 'none'",
        f"script-src '{_digest(script)}'",
        f"style-src '{_digest(style)}'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
    return "; ".join(rules)


def _digest(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


@cache
def _asset(name: str) -> Html:
    return Html((resources.files("bench.report.page") / name).read_text(encoding="utf-8"))
