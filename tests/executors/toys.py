"""Trainers without torch, for executors: what a pack says is what becomes of it. Workers import this file by its name."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench.results import Progress


@dataclass(frozen=True)
class Toy:
    """A pack: its name, what to do, and an argument of that."""

    name: str
    do: str = "work"
    argument: str = ""


class UnpicklableError(Exception):
    """An error that cannot be sent to another process."""

    def __init__(self, lock):
        super().__init__("it holds a lock")
        self.lock = lock


@dataclass(frozen=True)
class ToyTrainer:
    """What `make` gives."""

    device: str

    def __call__(self, pack, emit):
        return getattr(self, pack.do)(pack, emit)

    def work(self, pack, emit):
        for done in (0.5, 1.0):
            emit(Progress(pack.name, done, 1.0 - done))
        return [pack.name, self.device, os.getpid()]

    def raises(self, pack, emit):
        raise ValueError(pack.argument)

    def raises_unpicklable(self, pack, emit):
        raise UnpicklableError(threading.Lock())

    def out_of_memory(self, pack, emit):
        raise MemoryError

    def out_of_device_memory(self, pack, emit):
        raise type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2.00 GiB\nand more")

    def returns_unpicklable(self, pack, emit):
        return threading.Lock()

    def exits(self, pack, emit):
        os._exit(3)

    def leaves(self, pack, emit):
        raise SystemExit(4)

    def is_killed(self, pack, emit):
        os.kill(os.getpid(), signal.SIGKILL)

    def faults(self, pack, emit):
        ctypes.string_at(0)

    def is_killed_in_the_middle_of_a_message(self, pack, emit):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
        emit(Progress("x", 0.1, 0.0))
        emit(Progress("x" * 50_000_000, 0.2, 0.0))

    def closes_its_connection(self, pack, emit):
        for link in Path("/proc/self/fd").iterdir():
            if link.is_socket():
                os.close(int(link.name))
        time.sleep(60)

    def waits(self, pack, emit):
        emit(Progress(pack.name, 0.0, 0.0))
        time.sleep(60)

    def leaves_a_note_at_its_end(self, pack, emit):
        atexit.register(Path(pack.argument).touch)

    def counts(self, pack, emit):
        with Path(pack.argument).open("a") as file:
            file.write(f"{os.getpid()}\n")


def make(device):
    """Make a trainer."""
    return ToyTrainer(device)


def make_nothing(device):
    """Fail to make a trainer."""
    raise RuntimeError(f"{device} has gone")
