"""Inline: packs are trained one after the other in this process; the way to debug and to test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.executors import Event, MakeTrainer, attempt, executors, late


@executors.register("inline")
class Inline:
    """Trains in this process, on the first device.

    Args:
        devices: the devices; the first is used.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        self._device = devices[0]

    def run(self, packs: Sequence[Any], make_trainer: MakeTrainer) -> Iterator[Event]:
        """See `bench.executors.Executor.run`; progress within a pack is not told."""
        train = late(make_trainer, self._device)
        for pack in packs:
            yield attempt(train, 0, pack, lambda progress: None)
