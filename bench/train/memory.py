"""Memory that was freed stays with the process: a step takes and frees the same buffers again and again."""

from __future__ import annotations

import ctypes

KEPT = 2**30
"""Bytes that are kept."""

LARGEST_BLOCK = 2**25
"""The size of a block from which the system is asked each time: the largest that every glibc takes."""

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed, instead of giving it back and having every page zeroed anew.

    With a stack's buffers of a few MB that would cost as much as the step itself, depending on what the process
    happened to free before.

    Returns:
        Whether the C library does so; others than glibc are left as they are.

    Source: mallopt(3), M_TRIM_THRESHOLD and M_MMAP_THRESHOLD.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # Where a block's size is refused the other setting must not be made: either one ends glibc's own adaptation.
    return mallopt is not None and mallopt(_MMAP_THRESHOLD, LARGEST_BLOCK) == 1 and mallopt(_TRIM_THRESHOLD, KEPT) == 1
