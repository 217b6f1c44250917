"""A worker as the runner sees it: a process, the pack that it has, and what becomes of both."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from typing import Any

import psutil

from bench.executors import Failed, Finished, MakeTrainer, Work
from bench.executors.causes import Cause
from bench.executors.killer import kills
from bench.executors.output import Tail
from bench.executors.serving import Beat, serve
from bench.results import Status

GRACE_SECONDS = 5.0
"""How long a process may take to end before it is killed."""

SILENT_SECONDS = 60.0
"""How long a worker that uses no processor time may say nothing: it says that it is alive every few seconds."""

START_SECONDS = 120.0
"""The same for one that is starting: libraries are loaded, perhaps from a slow disk."""

SETTLE_SECONDS = 0.05
"""How long what a living worker has written may take to be read."""

BUFFER_BYTES = 2**15
"""What a connection takes before anyone reads it."""

ENDED = None
"""What is heard of a process when it has ended."""

UNREADABLE = (EOFError, OSError, pickle.UnpicklingError, AttributeError, ImportError, IndexError)
"""What reading a message raises when its sender died in the middle of it, or sent what cannot be loaded here."""


@dataclass(frozen=True)
class Heard:
    """What a process said, or `ENDED`."""

    process: Process
    message: Any


@dataclass(eq=False)
class Process:
    """A process that trains packs, in a group of its own, and what comes from it."""

    handle: SpawnProcess
    connection: Connection[Any, Any]
    output: Tail
    inbox: SimpleQueue[Heard]

    @classmethod
    def start(cls, context: SpawnContext, number: int, device: str, make_trainer: MakeTrainer, inbox: SimpleQueue[Heard]) -> Process:
        """Start it; what it says comes into the inbox."""
        ours, theirs = context.Pipe()
        reading, writing = context.Pipe(duplex=False)
        handle = context.Process(target=serve, args=(theirs, writing, number, device, make_trainer), name=f"bench-worker-{number}")
        handle.start()
        theirs.close()
        writing.close()
        output = Tail(os.dup(reading.fileno()))
        reading.close()
        process = cls(handle, ours, output, inbox)
        threading.Thread(target=process._listen, daemon=True).start()
        return process

    def send(self, message: Any) -> None:
        """Send without waiting until it is read; of a process that has died meanwhile, its end is heard."""
        content = ForkingPickler.dumps(message)
        if len(content) <= BUFFER_BYTES:
            self._send(content)
        else:
            threading.Thread(target=self._send, args=(content,), daemon=True).start()

    def ask(self) -> None:
        """Ask it to stop where the run can go on."""
        with suppress(ProcessLookupError):
            os.kill(self.handle.pid or 0, signal.SIGTERM)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to it and to all that it started."""
        pid = self.handle.pid or 0
        try:
            os.killpg(pid, number)
        except ProcessLookupError:  # it has ended with all its kin, or has no group of its own yet
            if self.handle.is_alive():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def end(self, seconds: float) -> int | None:
        """See that it has ended, and all that it started.

        Args:
            seconds: how long it may take to end by itself.

        Returns:
            Its exit code, negative for a signal; None if it had to be killed.
        """
        self.handle.join(seconds)
        code = self.handle.exitcode
        self.kill()
        self.handle.join()
        return code

    def cpu(self) -> float:
        """The processor time that it has used, in seconds; 0 if it is no more."""
        try:
            times = psutil.Process(self.handle.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def _send(self, content: memoryview) -> None:
        with suppress(OSError):
            self.connection.send_bytes(content)

    def _listen(self) -> None:
        message: Any = ...
        while message is not ENDED:
            try:
                message = self.connection.recv()
            except UNREADABLE:
                message = ENDED
                self.connection.close()
            self.inbox.put(Heard(self, message))


@dataclass
class Worker:
    """A place on a device: the process there now, and its pack.

    Attributes:
        number: its number.
        device: the device.
        context: how processes are started.
        make_trainer: makes what trains a pack.
        inbox: takes what processes say.
        pack: what it trains; None while it is idle.
        fenced: whether the device is lost.
    """

    number: int
    device: str
    context: SpawnContext
    make_trainer: MakeTrainer
    inbox: SimpleQueue[Heard]
    pack: Work | None = None
    fenced: bool = False
    _process: Process | None = None
    _used: bool = False
    _took: bool = False
    _began: float = 0.0
    _heard: float = 0.0
    _cpu: float = 0.0
    _ending: tuple[Status, str] | None = None
    _until: float = 0.0
    _kills: int = 0

    def give(self, pack: Work) -> None:
        """Hand over a pack, to a fresh process if there is none."""
        if self._process is None:
            self._process = Process.start(self.context, self.number, self.device, self.make_trainer, self.inbox)
            self._used, self._cpu = False, 0.0
        self._heard = time.monotonic()
        self.pack, self._took, self._ending, self._kills = pack, False, None, kills()
        self._process.output.clear()
        self._process.send(pack)

    def owns(self, process: Process) -> bool:
        """Whether this is the process that is here now."""
        return process is self._process

    def begin(self) -> None:
        """The process has begun with its pack."""
        self._took, self._began, self._heard = True, time.monotonic(), time.monotonic()

    def beat(self, beat: Beat) -> None:
        """The process is alive."""
        self._heard, self._cpu = time.monotonic(), beat.cpu

    def excuse(self, seconds: float) -> None:
        """For so long nobody listened, or this whole machine slept."""
        self._began += seconds
        self._heard += seconds
        self._until += seconds

    def ended(self, event: Finished | Failed) -> Finished | Failed:
        """The process has ended its pack: what is made of it."""
        assert self._process is not None
        process, self.pack, self._used = self._process, None, True
        sound = isinstance(event, Finished) or event.cause == "program"
        if self._ending is not None or not sound:
            # Memory that is in pieces, a device in error, files left open: the next pack has a process of its own.
            self._process = None
            process.end(0)
        if isinstance(event, Finished):
            return event
        if self._ending is not None:
            event = replace(event, status=self._ending[0], reason=self._ending[1], cause="program")
        return replace(event, log=process.output.text(SETTLE_SECONDS))

    def died(self) -> Failed | Work | None:
        """The process has ended by itself.

        Returns:
            What became of its pack; the pack itself if it was not begun, and can be given to another; None if there was no pack.
        """
        assert self._process is not None
        process, pack = self._process, self.pack
        self._process, self.pack = None, None
        code = process.end(GRACE_SECONDS)
        if pack is None or (self._used and not self._took and self._ending is None):
            return pack
        log = process.output.text(GRACE_SECONDS)
        name = signal.Signals(-code).name if code is not None and code < 0 else None
        status, reason, cause = self._ending_or(code, name, log or "")
        return Failed(self.number, pack, status, reason, cause=cause, signal=name, log=log)

    def watch(self, timeout: float | None) -> None:
        """End a pack that takes too long, and a process that gives no sign of life; kill what does not end.

        Args:
            timeout: seconds for each run.
        """
        if self._process is None or self.pack is None:
            return
        now = time.monotonic()
        if self._ending is not None:
            if now > self._until:
                self._process.kill()
        elif not self._process.handle.is_alive():
            self._process.kill()  # a child of its own may hold its connection open
        elif self._took and timeout is not None and now - self._began > timeout * self.pack.size:
            runs = "it" if self.pack.size == 1 else f"the pack of {self.pack.size} runs"
            self._expect("timeout", f"{runs} took longer than {timeout * self.pack.size:g} s", GRACE_SECONDS)
            self._process.kill(signal.SIGTERM)
        elif now - self._heard > (silent := SILENT_SECONDS if self._took else START_SECONDS):
            if (cpu := self._process.cpu()) < self._cpu + 1:
                self._expect("timeout", f"the worker gave no sign of life for {silent:g} s", GRACE_SECONDS)
                self._process.kill()
            else:
                self._heard, self._cpu = now, cpu

    def stop(self, seconds: float) -> bool:
        """Ask for the pack to be kept where it is; kill the process after so many seconds.

        Returns:
            Whether there is a pack, and this is the first time.
        """
        if self._process is None or self.pack is None or self._ending is not None:
            return False
        self._expect("interrupted", "the command was stopped", seconds)
        self._process.ask()
        return True

    def leave(self) -> None:
        """Let an idle process end by itself, and clean up; kill a busy one."""
        if self._process is not None:
            if self.pack is None:
                self._process.send(None)
            else:
                self._process.kill()

    def close(self) -> None:
        """See that the process has ended."""
        if self._process is not None:
            self._process.end(GRACE_SECONDS)
        self._process, self.pack = None, None

    def _expect(self, status: Status, reason: str, seconds: float) -> None:
        """From now on the end of the pack means this."""
        self._ending, self._until = (status, reason), time.monotonic() + seconds

    def _ending_or(self, code: int | None, name: str | None, log: str) -> tuple[Status, str, Cause]:
        """What the end of a process means."""
        if self._ending is not None:
            return *self._ending, "program"
        if name == "SIGKILL" and kills() > self._kills:
            return "out_of_memory", "the system killed the worker, as the memory of the machine or container ran out", "memory"
        if name == "SIGABRT" and "bad_alloc" in log:
            return "out_of_memory", "the worker died: std::bad_alloc", "memory"
        if name is not None:
            return "crashed", f"the worker died: signal {name}", "program"
        if code is None:
            return "crashed", "the worker died: it closed its connection and hangs", "program"
        return "crashed", f"the worker died: exit status {code}" if code else "the worker ended without a result", "program"
