"""What a worker writes: read as it comes, so that the worker never waits, and only the end of it kept."""

from __future__ import annotations

import os
import threading

TAIL_BYTES = 2**16
"""How much is kept."""


class Tail:
    """The end of what comes out of a pipe, read by a thread of its own.

    Args:
        descriptor: the end to read; it is closed at the end of the stream.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = bytearray()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def clear(self) -> None:
        """Forget what was written so far."""
        with self._lock:
            self._kept.clear()

    def text(self, seconds: float = 0.0) -> str | None:
        """What is kept; None if that is nothing.

        Args:
            seconds: how long to wait for the end of the stream.
        """
        self._thread.join(seconds)
        with self._lock:
            return self._kept.decode(errors="replace").replace("\0", "\ufffd").strip() or None

    def _read(self) -> None:
        with os.fdopen(self._descriptor, "rb", buffering=0) as stream:
            while chunk := stream.read(TAIL_BYTES):
                with self._lock:
                    self._kept += chunk
                    del self._kept[:-TAIL_BYTES]
