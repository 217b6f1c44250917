"""Garbage that is not looked for: what reads much and makes few cycles of objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def littering() -> Iterator[None]:
    """Leave cycles of objects lying meanwhile: to look for them among millions of objects takes a tenth of a report's time, a fifth of a comparison's."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
