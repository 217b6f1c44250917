"""Processes: one worker process per device. A worker that dies takes its own pack, and another takes its place."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from bench.executors import Advanced, Event, Failed, MakeTrainer, attempt, executors, late

GRACE_SECONDS = 5.0
"""How long a worker may take to end before it is killed."""


@executors.register("processes")
class Processes:
    """One worker process per device.

    Args:
        devices: a device for each worker; ``["cpu", "cpu"]`` makes two workers of one thread.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        self._devices = list(devices)

    def run(self, packs: Sequence[Any], make_trainer: MakeTrainer) -> Iterator[Event]:
        """See `bench.executors.Executor.run`."""
        context = multiprocessing.get_context("spawn")
        waiting = deque(packs)
        workers = [_Worker.start(context, number, device, make_trainer) for number, device in enumerate(self._devices[: len(packs)])]
        try:
            for worker in workers:
                worker.give(waiting.popleft())
            while busy := [worker for worker in workers if worker.pack is not None]:
                for worker in _ready(busy):
                    event = worker.receive()
                    yield event
                    if isinstance(event, Advanced):
                        continue
                    if waiting:
                        if not worker.process.is_alive():
                            worker.restart(context, make_trainer)
                        worker.give(waiting.popleft())
        finally:
            for worker in workers:
                worker.stop()


@dataclass
class _Worker:
    """A worker process and the pack that it has."""

    number: int
    device: str
    process: SpawnProcess
    connection: Connection[Any, Any]
    pack: Any = None

    @classmethod
    def start(cls, context: SpawnContext, number: int, device: str, make_trainer: MakeTrainer) -> _Worker:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, number, device, make_trainer), daemon=True, name=f"bench-worker-{number}")
        process.start()
        theirs.close()
        return cls(number, device, process, ours)

    def restart(self, context: SpawnContext, make_trainer: MakeTrainer) -> None:
        """Put a new process in the place of one that died."""
        self.stop()
        fresh = _Worker.start(context, self.number, self.device, make_trainer)
        self.process, self.connection = fresh.process, fresh.connection

    def give(self, pack: Any) -> None:
        """Hand over a pack; a worker that has died meanwhile is noticed when its answer is read."""
        self.pack = pack
        try:
            self.connection.send(pack)
        except ConnectionError:
            return

    def receive(self) -> Event:
        """The next thing the worker says, or that it died."""
        try:
            event: Event = self.connection.recv()
        except (EOFError, OSError):  # OSError: it died in the middle of a message
            self.process.join(GRACE_SECONDS)
            event = Failed(self.number, self.pack, "crashed", f"the worker died: {_cause(self.process.exitcode)}")
            self.process.kill()
            self.process.join()
        if not isinstance(event, Advanced):
            self.pack = None
        return event

    def stop(self) -> None:
        """End the process: an idle one ends by itself, and cleans up, once its connection is closed."""
        self.connection.close()
        if self.pack is not None:
            self.process.terminate()
        self.process.join(GRACE_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _ready(workers: Sequence[_Worker]) -> list[_Worker]:
    """The workers that have something to say."""
    by_connection = {worker.connection: worker for worker in workers}
    return [by_connection[ready] for ready in wait(list(by_connection)) if isinstance(ready, Connection)]


def _cause(code: int | None) -> str:
    if code is None:
        return "it closed its connection and hangs"
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"


def _serve(connection: Connection[Any, Any], number: int, device: str, make_trainer: MakeTrainer) -> None:
    """The worker's life: train what comes, until the connection closes. Ctrl-C is the runner's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    train = late(make_trainer, device)
    while True:
        try:
            pack = connection.recv()
        except EOFError:
            return
        connection.send(attempt(train, number, pack, lambda progress, pack=pack: connection.send(Advanced(number, pack, progress))))  # type: ignore[misc]  # a default argument binds the pack
