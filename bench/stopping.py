"""The first Ctrl-C or SIGTERM asks to stop; the second strikes at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Stopping:
    """Remembers the first signal that asks to stop, as a context, and at its end passes it on to who handled it before.

    A second signal is passed on at once. Outside of the main thread there are no signals, and nothing happens.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hold) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._restore()
        if self.number is not None and value is None:
            signal.raise_signal(self.number)

    def asked(self) -> bool:
        """Whether to stop."""
        return self.number is not None

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _hold(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            self._restore()
            signal.raise_signal(number)
        self.number = number
