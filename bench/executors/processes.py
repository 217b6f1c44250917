"""Processes: one worker process per device. A worker that dies or hangs takes its own pack, and another takes its place."""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue

from bench.errors import MissingError
from bench.executors import Advanced, Asked, Event, Failed, Finished, MakeTrainer, Notice, Work, executors, never, split
from bench.executors.serving import Beat, Took
from bench.executors.worker import ENDED, Heard, Worker

TICK_SECONDS = 0.25
"""How often it is looked whether a worker takes too long, and whether to stop."""

DEAF_SECONDS = 5.0
"""Between two looks: if it was longer, the runner itself stood still, and no worker is blamed for the time."""

STOP_SECONDS = 25.0
"""How long packs under way have to keep where they are; schedulers kill what takes longer than 30 s."""


@executors.register("processes")
class Processes:
    """One worker process per device.

    Args:
        devices: a device for each worker; ``["cpu", "cpu"]`` makes two workers of one thread.
        timeout: seconds that a run may take, and a pack for each of its runs.
    """

    def __init__(self, devices: Sequence[str], timeout: float | None = None) -> None:
        self._devices = list(devices)
        self._timeout = timeout

    def run(self, packs: Iterable[Work], make_trainer: MakeTrainer, asked: Asked = never) -> Generator[Event, None, None]:
        """See `bench.executors.Executor.run`."""
        context = multiprocessing.get_context("spawn")
        inbox: SimpleQueue[Heard] = SimpleQueue()
        workers = [Worker(number, device, context, make_trainer, inbox) for number, device in enumerate(self._devices)]
        try:
            yield from _Shift(workers, iter(packs), inbox, asked).run(self._timeout)
        finally:
            for worker in workers:
                worker.leave()
            for worker in workers:
                worker.close()


class _Shift:
    """Workers, and the packs that are left for them."""

    def __init__(self, workers: Sequence[Worker], packs: Iterator[Work], inbox: SimpleQueue[Heard], asked: Asked) -> None:
        self._workers, self._packs, self._inbox, self._asked = workers, packs, inbox, asked
        self._again: deque[Work] = deque()
        self._lost: list[str] = []

    def run(self, timeout: float | None) -> Iterator[Event]:
        """Until nothing is left to do."""
        while True:
            if self._asked():
                yield from self._stop()
            else:
                self._hand_out()
            busy = [worker for worker in self._workers if worker.pack is not None]
            if not busy:
                return
            yield from self._listen()
            for worker in busy:
                worker.watch(timeout)

    def _hand_out(self) -> None:
        """Give packs to who is idle.

        Raises:
            MissingError: if there is a pack, and no device for it.
        """
        for worker in self._workers:
            if worker.pack is None and not worker.fenced:
                pack = self._next()
                if pack is None:
                    return
                worker.give(pack)
        if all(worker.fenced for worker in self._workers) and self._next() is not None:
            raise MissingError(f"no device is left: {'; '.join(self._lost)}", hint="See `bench doctor`; the same command goes on from here.")

    def _next(self) -> Work | None:
        return self._again.popleft() if self._again else next(self._packs, None)

    def _stop(self) -> Iterator[Event]:
        first = [worker.stop(STOP_SECONDS) for worker in self._workers]
        if any(first):
            yield Notice(f"stopping: what is under way is kept where it is, for {STOP_SECONDS:g} s at most; once more stops at once")

    def _listen(self) -> Iterator[Event]:
        """What comes within a tick."""
        start = time.monotonic()
        try:
            heard = self._inbox.get(timeout=TICK_SECONDS)
        except Empty:
            pass
        else:
            yield from self._take(heard)
        if (deaf := time.monotonic() - start) > DEAF_SECONDS:
            for worker in self._workers:
                worker.excuse(deaf)

    def _take(self, heard: Heard) -> Iterator[Event]:
        worker = next((worker for worker in self._workers if worker.owns(heard.process)), None)
        if worker is None:
            return
        if heard.message is ENDED:
            pack = worker.died()
            if isinstance(pack, Failed):
                yield from self._settle(worker, pack)
            elif pack is not None:
                self._again.appendleft(pack)
        elif isinstance(heard.message, Finished | Failed):
            yield from self._settle(worker, worker.ended(heard.message))
        elif isinstance(heard.message, Advanced):
            yield heard.message
        elif isinstance(heard.message, Beat):
            worker.beat(heard.message)
        elif isinstance(heard.message, Took):
            worker.begin()

    def _settle(self, worker: Worker, event: Finished | Failed) -> Iterator[Event]:
        """Try again what can succeed, and tell the rest.

        Raises:
            StorageError: if a worker cannot keep what it must.
        """
        if isinstance(event, Finished):
            yield event
        elif event.storage is not None:
            raise event.storage
        elif event.lost:
            worker.fenced = True
            self._lost.append(f"{worker.device}: {event.reason}")
            self._again.appendleft(event.pack)
            yield Notice(f"{worker.device} is not used any more: {event.reason}")
        elif event.splits:
            halves, notice = split(event)
            self._again.extendleft(reversed(halves))
            yield notice
        elif event.status != "interrupted" or not self._asked():
            yield event
