"""What else differs between two states than their numbers: machines, versions, uncommitted changes, reused rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.measured import Cells
from bench.counted import counted
from bench.selection import text

COLUMNS = ("device", "hardware", "threads", "backend", "matmul", "lane", "bench_version", "python", "torch", "numpy", "platform")


def notes(cells: Cells) -> tuple[str, ...]:
    """Sentences on the circumstances of rows that are paired by seed.

    Args:
        cells: the cells whose rows these are.

    Returns:
        Notes on what differs, by column, then by measure, then on what is not clean or not new.
    """
    differing = [note for name in COLUMNS for note in _differing(name, ((base.get(name), head.get(name)) for base, head in cells.differing(name)))]
    measured = [(_measures(base.get("measures")), _measures(head.get("measures"))) for base, head in cells.differing("measures")]
    names = sorted({name for base, head in measured for name in base.keys() & head.keys()})
    changed = [
        f"{note}; its numbers may mean something else"
        for name in names
        for note in _differing(f"measure {name}", ((base[name], head[name]) for base, head in measured if name in base and name in head))
    ]
    states = zip(("base", "head"), cells.both("dirty"), cells.both("reused_from"), strict=True)
    return (*differing, *changed, *(note for side, dirty, reused in states for note in _state(side, dirty, reused)))


def _differing(name: str, values: Iterable[tuple[Any, Any]]) -> Iterator[str]:
    counts = Counter(values)
    differing = [(text(base), text(head), count) for (base, head), count in counts.items() if base is not None and head is not None and base != head]
    for base, head, count in sorted(differing):
        yield f"{name}: {base} -> {head} in {counted(count, 'pair')} of runs"


@lru_cache(maxsize=256)
def _measures(text_: str | None) -> Mapping[str, str]:
    """Measure -> its version and parameters, as text."""
    taken = json.loads(text_ or "{}")
    return {name: json.dumps(details, sort_keys=True) for name, details in taken.items()}


def _state(side: str, dirty: NDArray[Any], reused: NDArray[Any]) -> Iterator[str]:
    changed, repeated = int(np.equal(dirty, True).sum()), int(pd.notna(reused).sum())
    if changed:
        yield f"{side}: {changed} of {len(dirty)} rows come from a tree with uncommitted changes"
    if repeated:
        yield f"{side}: {repeated} of {len(reused)} rows repeat a run that was trained before, with the same code"
