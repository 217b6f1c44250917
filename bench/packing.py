"""Runs -> packs: what is trained together, as one program."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bench.config import PartSpec, Run


@dataclass(frozen=True)
class Task:
    """A run to train, and the measures to take of it.

    Attributes:
        run: the run.
        measures: what is measured.
        code_id: the hash of the code that can change its numbers; checkpoints belong to it.
        keep: whether the final weights are kept.
    """

    run: Run
    measures: tuple[PartSpec, ...]
    code_id: str = ""
    keep: bool = False


@dataclass(frozen=True)
class Pack:
    """Tasks that one worker trains together; the unit of writing.

    Attributes:
        name: unique; the stem of the pack's files in the registry.
        tasks: what is trained, in order.
    """

    name: str
    tasks: tuple[Task, ...]

    @property
    def size(self) -> int:
        """How many runs it has."""
        return len(self.tasks)

    def halves(self) -> tuple[Pack, Pack]:
        """Two packs of its runs, for a pack of several."""
        middle = -(-len(self.tasks) // 2)
        return Pack(f"{self.name}-a", self.tasks[:middle]), Pack(f"{self.name}-b", self.tasks[middle:])


class Fit(Protocol):
    """What tasks must agree on to be trained as one program; equal for those that fit together."""

    def __hash__(self) -> int: ...

    @property
    def members(self) -> int:
        """How many tasks pay in one pack on a CPU."""


def by_rule(fit: Fit, task: Task) -> int:
    """How many tasks pay in one pack, by what they agree on alone."""
    return fit.members


F = TypeVar("F", bound=Fit)


def pack(tasks: Sequence[Task], fits: Sequence[F | None], workers: int = 1, size: int | None = None, paying: Callable[[F, Task], int] = by_rule) -> list[Pack]:
    """Cut tasks into packs: those that fit together, in the order in which the first of each kind comes.

    Args:
        tasks: what is trained.
        fits: what each must agree on with its pack; None for a task that is trained alone.
        workers: how many packs are trained at once; tasks of one kind are spread over them.
        size: how many tasks a pack has at most, instead of what pays.
        paying: how many tasks pay in one pack, of what they agree on and one of them.
    """
    groups: dict[Hashable, tuple[F | None, list[Task]]] = {}
    for number, (task, fit) in enumerate(zip(tasks, fits, strict=True)):
        groups.setdefault(number if fit is None else fit, (fit, []))[1].append(task)
    packs = []
    for fit, group in groups.values():
        most = 1 if fit is None else size or min(paying(fit, group[0]), -(-len(group) // workers))
        packs += [Pack(uuid.uuid4().hex, tuple(group[start : start + most])) for start in range(0, len(group), most)]
    return packs
