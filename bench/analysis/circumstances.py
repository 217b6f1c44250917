"""What else differs between two states than their numbers: machines, versions, uncommitted changes, reused rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from bench.analysis.records import Record, column
from bench.selection import text

COLUMNS = ("device", "hardware", "threads", "backend", "matmul", "lane", "bench_version", "python", "torch", "numpy", "platform")


def notes(pairs: Sequence[tuple[Record, Record]]) -> tuple[str, ...]:
    """Sentences on the circumstances of paired rows.

    Args:
        pairs: rows of base and head at one point with one seed.

    Returns:
        Notes on what differs, by column, then by measure, then on what is not clean or not new.
    """
    sides = [[rows[side] for rows in pairs] for side in (0, 1)]
    differing = [note for name in COLUMNS for note in _differing(name, zip(*(column(rows, name) for rows in sides), strict=True))]
    measured = list(zip(*(map(_measures, column(rows, "measures")) for rows in sides), strict=True))
    names = sorted({name for base, head in measured for name in base.keys() & head.keys()})
    changed = [
        f"{note}; its numbers may mean something else"
        for name in names
        for note in _differing(f"measure {name}", ((base[name], head[name]) for base, head in measured if name in base and name in head))
    ]
    return (*differing, *changed, *(note for side, rows in zip(("base", "head"), sides, strict=True) for note in _state(side, rows)))


def _differing(name: str, values: Iterable[tuple[Any, Any]]) -> Iterator[str]:
    counts = Counter(values)
    differing = [(text(base), text(head), count) for (base, head), count in counts.items() if base is not None and head is not None and base != head]
    for base, head, count in sorted(differing):
        yield f"{name}: {base} -> {head} in {count} {'pair' if count == 1 else 'pairs'} of runs"


@lru_cache(maxsize=256)
def _measures(text_: str | None) -> Mapping[str, str]:
    """Measure -> its version and parameters, as text."""
    taken = json.loads(text_ or "{}")
    return {name: json.dumps(details, sort_keys=True) for name, details in taken.items()}


def _state(side: str, rows: Sequence[Record]) -> Iterator[str]:
    dirty = sum(value is True for value in column(rows, "dirty"))
    reused = sum(value is not None for value in column(rows, "reused_from"))
    if dirty:
        yield f"{side}: {dirty} of {len(rows)} rows come from a tree with uncommitted changes"
    if reused:
        yield f"{side}: {reused} of {len(rows)} rows repeat a run that was trained before, with the same code"
