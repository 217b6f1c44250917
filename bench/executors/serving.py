"""The life of a worker process: it trains what comes, says that it is alive, and does not outlive the runner."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

from bench.executors import Advanced, MakeTrainer, attempt, late

BEAT_SECONDS = 5.0
"""How often a worker says that it is alive."""


@dataclass(frozen=True)
class Beat:
    """A sign of life; `cpu` is the processor time that the worker has used, in seconds."""

    cpu: float


@dataclass(frozen=True)
class Took:
    """The worker has taken its pack and begins."""


@dataclass
class _Wish:
    """Whether the worker was asked to stop, by SIGTERM."""

    stop: bool = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        self.stop = True

    def asked(self) -> bool:
        return self.stop


@dataclass
class _Link:
    """The connection to the runner, which two threads use."""

    connection: Connection[Any, Any]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message: Any) -> None:
        with self.lock:
            self.connection.send(message)


def serve(connection: Connection[Any, Any], output: Connection[Any, Any], number: int, device: str, make_trainer: MakeTrainer) -> None:
    """Train what comes until None does. Ctrl-C is the runner's business; SIGTERM asks to stop where the run can go on.

    Args:
        connection: to the runner.
        output: takes what this process, its libraries and its children write.
        number: the worker's number.
        device: what it trains on.
        make_trainer: makes what trains.
    """
    # A group of its own, so that whatever a run starts ends with it.
    os.setpgid(0, 0)
    for standard in (1, 2):
        os.dup2(output.fileno(), standard)
    output.close()
    faulthandler.enable()
    wish = _Wish()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, wish.ask)
    link = _Link(connection)
    threading.Thread(target=_live, args=(link,), daemon=True).start()
    made = late(make_trainer, device)
    while (pack := connection.recv()) is not None:
        link.send(Took())
        link.send(attempt(made, number, pack, lambda progress, pack=pack: link.send(Advanced(number, pack, progress)), wish.asked))  # type: ignore[misc]  # a default argument binds the pack


def _live(link: _Link) -> None:
    """Say that this process is alive; end it, and all that it started, when the runner is no more."""
    runner = multiprocessing.parent_process()
    assert runner is not None
    while not wait([runner.sentinel], BEAT_SECONDS):
        try:
            link.send(Beat(time.process_time()))
        except OSError:
            break
    os.killpg(0, signal.SIGKILL)
