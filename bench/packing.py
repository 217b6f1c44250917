"""Runs -> packs: what is trained together, as one program."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from bench.config import PartSpec, Run


@dataclass(frozen=True)
class Task:
    """A run to train, and the measures to take of it."""

    run: Run
    measures: tuple[PartSpec, ...]


@dataclass(frozen=True)
class Pack:
    """Tasks that one worker trains together; the unit of writing.

    Attributes:
        name: unique; the stem of the pack's files in the registry.
        tasks: what is trained, in order.
    """

    name: str
    tasks: tuple[Task, ...]


def pack(tasks: Sequence[Task]) -> list[Pack]:
    """Cut tasks into packs, in their order; the resident lane trains one run at a time, so each is a pack of its own."""
    return [Pack(uuid.uuid4().hex, (task,)) for task in tasks]
