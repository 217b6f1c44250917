"""Steps recorded as CUDA graphs: a GPU replays a step without waiting for Python, which takes longer than a small step does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.parts.optimizers import State
from bench.train.compiler import Program
from bench.train.step import Batch, Draw, Terms

WARM_UP = 3
"""Calls before a recording: what is compiled, chosen or set up when it first runs must not be recorded."""

Run = Callable[[], Tensor]
Capture = Callable[[Run], tuple[Tensor, Callable[[], None]]]
"""Records a function, run or not meanwhile: where its result will lie, and what replays it."""


@dataclass
class _Recording:
    """A recorded step.

    Attributes:
        places: where it reads what differs from step to step.
        given: what was copied there last.
        losses: where it writes its result.
        replay: makes the step.
    """

    places: list[Tensor]
    given: list[Tensor]
    losses: Tensor
    replay: Callable[[], None]


class Recorded:
    """A program for one stack, recorded when it is first called, once for each set of shapes, and replayed from then on.

    Parameters and states are changed where they lie. All else is copied to where the recording reads it, unless it is the
    very tensor of the step before.

    Args:
        program: what is recorded; always called with the same parameters and states.
        capture: records it.
    """

    def __init__(self, program: Program, capture: Capture | None = None) -> None:
        self._program = program
        self._capture = capture or on_gpu
        self._recordings: dict[tuple[torch.Size, ...], _Recording] = {}

    def __call__(self, parameters: Sequence[Tensor], states: Sequence[State], batch: Batch, draw: Draw, numbers: Tensor, *terms: Terms) -> Tensor:
        """Make a step, as `bench.train.step.Step` does."""
        given = [*batch, *draw, numbers, *(tensor for each in terms for tensor in each)]
        key = tuple(tensor.shape for tensor in given)
        if key not in self._recordings:
            self._recordings[key] = self._record(parameters, states, given)
        recording = self._recordings[key]
        for place, new, old in zip(recording.places, given, recording.given, strict=True):
            if new is not old:
                place.copy_(new)
        recording.given = given
        recording.replay()
        return recording.losses.clone()

    def _record(self, parameters: Sequence[Tensor], states: Sequence[State], given: list[Tensor]) -> _Recording:
        places = [tensor.clone() for tensor in given]
        batch, draw, (numbers, *terms) = Batch(*places[:3]), Draw(*places[3:6]), places[6:]

        def run() -> Tensor:
            return self._program(parameters, states, batch, draw, numbers, *([Terms(*terms)] if terms else []))

        changed = [*parameters, *(tensor for state in states for tensor in state.values())]
        before = [tensor.clone() for tensor in changed]
        losses, replay = self._capture(run)
        for tensor, value in zip(changed, before, strict=True):
            tensor.copy_(value)
        return _Recording(places, given, losses, replay)


def on_gpu(run: Run) -> tuple[Tensor, Callable[[], None]]:
    """Record a function on the present GPU."""
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # PyTorch does not say
    present = torch.cuda.current_stream()
    aside.wait_stream(present)
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            run()
    present.wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        losses = run()
    return losses, graph.replay
