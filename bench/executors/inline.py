"""Inline: packs are trained one after the other in this process; the way to debug and to test."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence

from bench.errors import MissingError, UsageError
from bench.executors import Asked, Event, Failed, MakeTrainer, Work, attempt, executors, late, never, split


@executors.register("inline")
class Inline:
    """Trains in this process, on the first device.

    Args:
        devices: the devices; the first is used.
        timeout: None; nobody could end a run here that takes too long.

    Raises:
        UsageError: if there is a timeout.
    """

    def __init__(self, devices: Sequence[str], timeout: float | None = None) -> None:
        if timeout is not None:
            raise UsageError("the executor inline cannot end a run that takes too long", hint="Leave --timeout out, or use --executor processes.")
        self._device = devices[0]

    def run(self, packs: Iterable[Work], make_trainer: MakeTrainer, asked: Asked = never) -> Generator[Event, None, None]:
        """See `bench.executors.Executor.run`; progress within a pack is not told.

        Raises:
            MissingError: if the device is no longer there.
            StorageError: if something cannot be kept.
        """
        made = late(make_trainer, self._device)
        source = iter(packs)
        halves: deque[Work] = deque()
        while not asked():
            pack = halves.popleft() if halves else next(source, None)
            if pack is None:
                return
            event = attempt(made, 0, pack, lambda progress: None, asked)
            if isinstance(event, Failed):
                if event.storage is not None:
                    raise event.storage
                if event.lost:
                    raise MissingError(f"{self._device} cannot be used: {event.reason}", hint="See `bench doctor`; the same command goes on from here.")
                if event.splits:
                    parts, notice = split(event)
                    halves.extendleft(reversed(parts))
                    yield notice
                    continue
                if event.status == "interrupted" and asked():
                    return
            yield event
