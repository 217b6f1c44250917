"""What all benchmarks share: one thread, and how what was measured is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from bench.train.memory import keep_freed_memory

Keep = Callable[..., None]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(1)
    # As the trainer does; the sides in this process, plain ones too, are faster for it.
    keep_freed_memory()
    yield
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)


class Clock:
    """A clock that stands still until it is told that time has passed."""

    __name__ = "microseconds of processor time for a unit of work"

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """The seconds on the clock."""
        return self._now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Clock:
    """The clock of pytest-benchmark's fixture, which must come after this one in a list of arguments."""
    made = Clock()
    request.node.add_marker(pytest.mark.benchmark(timer=made))
    return made


@pytest.fixture
def keep(clock: Clock, benchmark: Any) -> Keep:
    """Hand measured times over to pytest-benchmark, which times no code here: it would not do so in turn.

    ``pytest-benchmark compare`` then sets processor time per unit of work beside that of another commit, whatever the
    length of a round or the number of members was.
    """

    def record(microseconds: list[float], /, **facts: Any) -> None:
        rounds = iter(microseconds)
        benchmark.extra_info |= facts
        benchmark.pedantic(lambda: clock.forward(next(rounds) / 1e6), rounds=len(microseconds), iterations=1)

    return record
