"""How many rows other code trained than is here now: their numbers stand, and the present code may give others."""

from __future__ import annotations

import json

import pandas as pd

from bench.counted import counted
from bench.report import escape
from bench.sources import Sources

NAMED = 3
"""How many of the changed files are named."""


def outdated(rows: pd.DataFrame, sources: Sources) -> str:
    """A sentence on the runs that were trained by code that has changed since; empty if there are none.

    Args:
        rows: rows of `runs`.
        sources: the present code.
    """
    if "code_files" not in rows:
        return ""
    runs = rows["code_files"].value_counts()
    changed = {text: sources.outdated(then) for text in runs.index if isinstance(then := _parsed(text), dict)}
    old = sum(int(runs[text]) for text, files in changed.items() if files)
    if not old:
        return ""
    files = sorted({file for those in changed.values() for file in those})
    named = ", ".join(map(escape.clean, files[:NAMED])) + (f" and {len(files) - NAMED} more" if len(files) > NAMED else "")
    return f"Trained by code that has changed since ({named}): {counted(old, 'run')} of {len(rows):,}; bench plan says which, bench run trains them anew."


def _parsed(text: str) -> object:
    """What a column of a foreign registry holds, if it is JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None
