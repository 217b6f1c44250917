"""Garbage that is not looked for: what reads much and makes few cycles of objects."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def littering() -> Iterator[None]:
    """Leave cycles of objects lying meanwhile, and once more when the process ends.

    To look for them among millions of objects takes a tenth of a report's time, a fifth of a comparison's; and the memory
    that they take at the end is given back with the process.
    """
    collecting = gc.isenabled()
    gc.disable()
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        if collecting:
            gc.enable()
