"""Sides of a comparison, timed in turn in one process by the processor time that they take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ROUNDS = 7

Side = Callable[[], float]
"""Does one round of work, and returns the microseconds of processor time for one unit of it."""


@dataclass(frozen=True)
class Spread:
    """The median and the quartiles over the rounds."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Of two values or more."""
        return cls(*statistics.quantiles(values, n=4))

    def __str__(self) -> str:
        return f"{self.median:.2f} (quartiles {self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class Timed:
    """Microseconds for a unit of work: side -> one number per round."""

    microseconds: Mapping[str, list[float]]

    def of(self, side: str) -> Spread:
        """What a side took."""
        return Spread.of(self.microseconds[side])

    def ratio(self, slow: str, fast: str) -> Spread:
        """How many times as long one side took as another; both sides of a ratio are of the same round."""
        return Spread.of([one / other for one, other in zip(self.microseconds[slow], self.microseconds[fast], strict=True)])


def in_turn(sides: Mapping[str, Side], rounds: int = ROUNDS) -> Timed:
    """Let each side do a round, in turn, several times, so that what else the machine does falls on all alike."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            taken[name].append(side())
    return Timed(taken)


def microseconds(work: Callable[[], None]) -> float:
    """The processor time of a piece of work."""
    start = time.process_time()
    work()
    return 1e6 * (time.process_time() - start)
