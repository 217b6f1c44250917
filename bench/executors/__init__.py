"""Executors: ways of running packs. They carry picklable packs and know nothing of torch or the registry."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.catalog import Catalog
from bench.results import Progress, Status

Emit = Callable[[Progress], None]
Train = Callable[[Any, Emit], Any]
MakeTrainer = Callable[[str], Train]


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
    """

    worker: int
    pack: Any
    status: Status
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Advanced:
    """A run of a pack is so far."""

    worker: int
    pack: Any
    progress: Progress


Event = Finished | Failed | Advanced


class Executor(Protocol):
    """A way of running packs."""

    def __init__(self, devices: Sequence[str]) -> None:
        """Make it for a list of devices, one worker each."""

    def run(self, packs: Sequence[Any], make_trainer: MakeTrainer) -> Iterator[Event]:
        """Run packs, and say what happens as it does.

        Args:
            packs: what to train; each ends in exactly one `Finished` or `Failed`.
            make_trainer: makes what trains a pack, for a device; picklable.
        """


executors: Catalog[type[Executor]] = Catalog("executor", __name__)


def late(make_trainer: MakeTrainer, device: str) -> Train:
    """A trainer that is made when the first pack comes, so that a fault in making it becomes that pack's reason.

    Args:
        make_trainer: makes what trains a pack; called until it succeeds, then no more.
        device: what it is made for.
    """
    made = functools.cache(make_trainer)
    return lambda pack, emit: made(device)(pack, emit)


def attempt(train: Train, worker: int, pack: Any, emit: Emit) -> Finished | Failed:
    """Train a pack, and turn any failure into an event: the one place where a blind except stands.

    Args:
        train: trains a pack.
        worker: the worker's number.
        pack: the pack.
        emit: told how far it is.
    """
    try:
        return Finished(worker, pack, train(pack, emit))
    except Exception as error:  # noqa: BLE001 - whatever a part raises must become a row with its reason, and not end the plan
        memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        first = str(error).partition("\n")[0]
        reason = f"{type(error).__name__}: {first}" if first else type(error).__name__
        return Failed(worker, pack, "out_of_memory" if memory else "crashed", reason, traceback.format_exc())
