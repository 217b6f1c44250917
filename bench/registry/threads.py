"""Many small pieces of reading at once: Arrow and the disk let other threads go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa

Given = TypeVar("Given")
Made = TypeVar("Made")


CHUNK = 32
"""Items that a thread takes at once at most, as handing one over takes as long as opening a small file."""


def in_threads(work: Callable[[Given], Made], items: Sequence[Given]) -> list[Made]:
    """What `work` makes of each item, in their order; as many at a time as Arrow uses processors."""
    threads = pa.cpu_count()
    size = min(CHUNK, max(1, -(-len(items) // threads)))
    chunks = [items[start : start + size] for start in range(0, len(items), size)]
    with ThreadPoolExecutor(threads) as pool:
        # Where one fails, or a signal comes, those not yet begun are given up.
        return [made for some in pool.map(lambda chunk: [work(item) for item in chunk], chunks) for made in some]
