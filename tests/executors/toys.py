"""Trainers without torch, for executors: what a pack says is what becomes of it. Workers import this file by its name."""

from __future__ import annotations

import atexit
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench.results import Interrupted, Progress

KEPT_OPEN: list[int] = []
"""Descriptors that a toy leaves open in its process."""


@dataclass(frozen=True)
class Toy:
    """A pack: its name, what to do, and an argument of that."""

    name: str
    do: str = "work"
    argument: str = ""
    size: int = 1

    def halves(self):
        smaller = self.size // 2
        return [Toy(f"{self.name}{half}", self.do, self.argument, size) for half, size in (("a", self.size - smaller), ("b", smaller))]


class UnpicklableError(Exception):
    """An error that cannot be sent to another process."""

    def __init__(self, lock):
        super().__init__("it holds a lock")
        self.lock = lock


class Deadly:
    """A data set that kills who loads it."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class ToyTrainer:
    """What `make` gives."""

    device: str

    def __call__(self, pack, emit, asked):
        return getattr(self, pack.do)(pack, emit if pack.do != "goes_on_later" else asked)

    def work(self, pack, emit):
        for done in (0.5, 1.0):
            emit(Progress(pack.name, done, 1.0 - done))
        return [pack.name, self.device, os.getpid()]

    def goes_on_later(self, pack, asked):
        Path(pack.argument).touch()
        while not asked():
            time.sleep(0.01)
        raise Interrupted("kept at step 7")

    def raises(self, pack, emit):
        raise ValueError(pack.argument)

    def raises_as_a_device_does(self, pack, emit):
        raise type("AcceleratorError", (RuntimeError,), {})(pack.argument)

    def raises_with_files_open(self, pack, emit):
        KEPT_OPEN.extend(os.open("/dev/null", os.O_RDONLY) for _ in range(20))
        raise OSError(24, "Too many open files")

    def counts_files(self, pack, emit):
        return len(KEPT_OPEN), os.getpid()

    def fits_alone(self, pack, emit):
        with Path(pack.argument).open("a") as file:
            file.write(f"{pack.size} {os.getpid()}\n")
        if pack.size > 1:
            raise MemoryError(f"for {pack.size}")
        return [pack.name]

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

    def ends_without_a_result(self, pack, emit):
        os._exit(0)

    def aborts(self, pack, emit):
        os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
        os.abort()

    def reserves(self, pack, emit):
        resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
        return len(bytearray(2**33))

    def writes_and_is_killed(self, pack, emit):
        sys.stdout.write("to the one\n")
        sys.stdout.flush()
        sys.stderr.write("to the other\n")
        subprocess.run(["echo", "from a child"], check=True)
        os.kill(os.getpid(), signal.SIGKILL)

    def writes_much(self, pack, emit):
        chunk = bytes(range(256)) * 2**12
        for _ in range(int(pack.argument) * 2**20 // len(chunk)):
            os.write(1, chunk)
        os.write(2, b"the end")
        raise ValueError("enough")

    def hangs_with_children(self, pack, emit):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(
            [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"]
        )
        copy = os.fork()
        if copy == 0:
            time.sleep(600)
        note = Path(pack.argument)
        note.with_suffix(".new").write_text(f"{os.getpid()} {child.pid} {copy}")
        note.with_suffix(".new").rename(note)
        time.sleep(600)

    def dies_before_its_child(self, pack, emit):
        if os.fork() == 0:
            time.sleep(600)
        os._exit(5)

    def stands_still(self, pack, emit):
        os.kill(os.getpid(), signal.SIGSTOP)

    def advances_and_sleeps(self, pack, emit):
        emit(Progress(pack.name, 0.5, 0.0))
        return self.sleeps(pack, emit)

    def sleeps(self, pack, emit):
        time.sleep(float(pack.argument))
        return [pack.name]

    def loads_with_a_worker_that_dies(self, pack, emit):
        from torch.utils.data import DataLoader

        return list(DataLoader(Deadly(), num_workers=1))

    def leaves(self, pack, emit):
        raise SystemExit(4)

    def is_killed(self, pack, emit):
        os.kill(os.getpid(), signal.SIGKILL)

    def faults(self, pack, emit):
        ctypes.string_at(0)

    def is_killed_in_the_middle_of_a_message(self, pack, emit):
        emit(Progress("x", 0.1, 0.0))
        for link in Path("/proc/self/fd").iterdir():
            if link.is_socket():
                os.write(int(link.name), (1000).to_bytes(4, "big") + b"ten of 1000")
        os.kill(os.getpid(), signal.SIGKILL)

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


def make_on_a(device):
    """Make a trainer where there is a device, as PyTorch says when there is none."""
    if device != "a":
        raise RuntimeError("CUDA error: GPU is lost\nCUDA kernel errors might be asynchronously reported")
    return ToyTrainer(device)


def make_under_other_code(device):
    """Find that the code is not that of the plan."""
    raise Interrupted("changed since the plan was made: models/fnn.py")
