"""Executors: ways of running packs. They carry picklable packs and know nothing of torch or the registry."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.catalog import Catalog
from bench.errors import StorageError
from bench.executors.causes import Cause, cause_of
from bench.results import Interrupted, Progress, Status

Emit = Callable[[Progress], None]
Asked = Callable[[], bool]
Train = Callable[[Any, Emit, Asked], Any]
MakeTrainer = Callable[[str], Train]


class Work(Protocol):
    """What an executor must know of a pack."""

    @property
    def size(self) -> int:
        """How many runs it has."""

    def halves(self) -> Sequence[Work]:
        """Two packs that hold its runs, for a pack of several."""


@dataclass(frozen=True)
class Finished:
    """A pack was trained; `results` is what its trainer returned."""

    worker: int
    pack: Any
    results: Any


@dataclass(frozen=True)
class Failed:
    """A pack was not trained.

    Attributes:
        worker: which worker had it.
        pack: the pack.
        status: what became of its runs.
        reason: why, in a sentence.
        detail: the traceback, where there is one.
        cause: what it says of the worker and its device.
        made: whether there was a trainer; where there was none, the pack may not be to blame.
        signal: the name of the signal that ended the worker.
        log: the last that the worker wrote, to whatever it takes for a terminal.
        storage: the fault of the disk that ended it; no run is to blame, and nothing more can be kept.
    """

    worker: int
    pack: Any
    status: Status
    reason: str
    detail: str = ""
    cause: Cause = "program"
    made: bool = True
    signal: str | None = None
    log: str | None = None
    storage: StorageError | None = None

    @property
    def lost(self) -> bool:
        """Whether there is no trainer to be had for any pack: the device is no longer there, or the code is another one."""
        return not self.made and (self.cause == "device" or self.status == "interrupted")

    @property
    def splits(self) -> bool:
        """Whether half of the pack may succeed."""
        return self.cause == "memory" and self.pack.size > 1


@dataclass(frozen=True)
class Advanced:
    """A run of a pack is so far."""

    worker: int
    pack: Any
    progress: Progress


@dataclass(frozen=True)
class Notice:
    """Something that a user wants to know, in a sentence."""

    text: str


Event = Finished | Failed | Advanced | Notice


def never() -> bool:
    """Nobody asks to stop."""
    return False


class Executor(Protocol):
    """A way of running packs."""

    def __init__(self, devices: Sequence[str], timeout: float | None = None) -> None:
        """Make it for a list of devices, one worker each.

        Args:
            devices: the devices.
            timeout: seconds that a run may take; a pack has them for each of its runs. None: as long as it takes.
        """

    def run(self, packs: Iterable[Work], make_trainer: MakeTrainer, asked: Asked = never) -> Generator[Event, None, None]:
        """Run packs, and say what happens as it does.

        Args:
            packs: what to train, taken one at a time, when a worker is free. Each ends in exactly one `Finished` or `Failed`, in one for
                each part where memory did not suffice for it, or in none if it was asked to stop.
            make_trainer: makes what trains a pack, for a device; picklable.
            asked: whether to stop: no pack is begun then, and those under way end as soon as they can go on from there.

        Yields:
            What happens.

        Raises:
            MissingError: if packs are left, and no device that can be used.
            StorageError: if a worker cannot keep what it must.
        """


executors: Catalog[type[Executor]] = Catalog("executor", __name__)


def late(make_trainer: MakeTrainer, device: str) -> Callable[[], Train]:
    """A trainer that is made when the first pack comes, so that a fault in making it becomes that pack's reason.

    Args:
        make_trainer: makes what trains a pack; called until it succeeds, then no more.
        device: what it is made for.
    """
    made = functools.cache(make_trainer)
    return lambda: made(device)


def attempt(made: Callable[[], Train], worker: int, pack: Any, emit: Emit, asked: Asked) -> Finished | Failed:
    """Train a pack, and turn any failure into an event: the one place where a blind except stands.

    Args:
        made: gives what trains a pack.
        worker: the worker's number.
        pack: the pack.
        emit: told how far it is.
        asked: whether to stop.
    """
    train: Train | None = None
    try:
        train = made()
        return Finished(worker, pack, train(pack, emit, asked))
    except Interrupted as interrupted:
        return Failed(worker, pack, "interrupted", str(interrupted), made=train is not None)
    except StorageError as error:
        return Failed(worker, pack, "interrupted", error.message, traceback.format_exc(), "system", storage=error)
    except Exception as error:  # noqa: BLE001 - whatever a part raises must become a row with its reason, and not end the plan
        cause = cause_of(error)
        first = str(error).partition("\n")[0]
        reason = f"{type(error).__name__}: {first}" if first else type(error).__name__
        status: Status = "out_of_memory" if cause == "memory" else "crashed"
        return Failed(worker, pack, status, reason, traceback.format_exc(), cause, train is not None)


def split(failed: Failed) -> tuple[Sequence[Work], Notice]:
    """What to try in place of a pack for which memory did not suffice, and what to say."""
    halves = failed.pack.halves()
    sizes = " and ".join(str(half.size) for half in halves)
    return halves, Notice(f"memory did not suffice for {failed.pack.size} runs at once; they are tried again as {sizes} ({failed.reason})")
