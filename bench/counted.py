"""Numbers of things in words."""

from __future__ import annotations


def counted(count: int, thing: str, several: str = "") -> str:
    """A number with what it counts, as ``1 run`` and ``1,200 runs``.

    Args:
        count: how many there are.
        thing: what one is called.
        several: what more are called; with an s by default.
    """
    return f"{count:,} {thing if count == 1 else several or f'{thing}s'}"
