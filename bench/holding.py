"""Signals that ask to stop, held until everything is cleaned up."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType

GRACE_SECONDS = 60.0
"""How long a child process may take to stop before it is killed."""

TAIL = 12
"""How many last lines of a child are kept."""


class Holding:
    """Holds back Ctrl-C and SIGTERM, as a context, in the main thread; passes them on to a child, and at the end to who handled them before.

    An exception that a signal raises may strike anywhere, clean-up included; a signal that is held strikes nowhere.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._child: subprocess.Popen[str] | None = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Holding:
        self._before = {number: signal.signal(number, self._hold) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.number is not None:
            signal.raise_signal(self.number)

    def follow(self, command: Sequence[str], folder: Path, environment: Mapping[str, str], tell: Callable[[str], None]) -> tuple[int, list[str]]:
        """Run a command whose output does not matter, and tell what it says beside; signals are passed on to it.

        The first signal asks it to stop; a second one, or a minute, kills it and the processes that it started.

        Args:
            command: the words.
            folder: where.
            environment: its variables.
            tell: takes each line.

        Returns:
            Its exit code, negative for a signal, and its last lines.
        """
        last: deque[str] = deque(maxlen=TAIL)
        with (
            subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            ) as process,
            self._passing_on(process),
        ):
            for line in process.stderr or ():
                last.append(line.rstrip("\n"))
                tell(last[-1])
            code = process.wait()
        return code, list(last)

    @contextmanager
    def _passing_on(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """Pass signals on to a child, the leader of a process group; whatever happens, the group has ended at the end."""
        self._child = process
        try:
            if self.number is not None:
                self._ask()
            yield
        finally:
            self._child = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            _kill(process)
            process.wait()

    def _hold(self, number: int, frame: FrameType | None) -> None:
        first, self.number = self.number is None, number
        if self._child is not None:
            self._ask() if first else _kill(self._child)

    def _ask(self) -> None:
        if self._child is not None and self.number is not None and self._timer is None:
            self._child.send_signal(self.number)
            self._timer = threading.Timer(GRACE_SECONDS, _kill, [self._child])
            self._timer.daemon = True
            self._timer.start()


def _kill(leader: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
