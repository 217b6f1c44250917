"""Sharing a plan with other runners on the same registry: what this one may do, what others are at, what they have recorded meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import TypeVar

from bench.counted import counted
from bench.leases import Leases
from bench.packing import Pack
from bench.registry.store import Registry
from bench.train.looking import Looks

WAIT_SECONDS = 0.5
"""How often it is looked whether others are done."""

SomePack = TypeVar("SomePack", Pack, Looks)


class Sharing:
    """The part of a plan that falls to this runner, found pack by pack.

    Args:
        leases: those of this runner.
        registry: what others record in.
        codes: run_id -> code_id, of all that may be done.
        seen: the files of `runs` that the plan knows.

    Attributes:
        elsewhere: run_id -> who is at it; "" if it was recorded meanwhile.
    """

    def __init__(self, leases: Leases, registry: Registry, codes: Mapping[str, str], seen: Set[str]) -> None:
        self.elsewhere: dict[str, str] = {}
        self._leases, self._registry, self._codes = leases, registry, codes
        self._seen = set(seen)
        self._done: set[tuple[str, str]] = set()

    def claimed(self, packs: Iterable[SomePack]) -> Iterator[SomePack]:
        """The packs, without the runs that others are at or have recorded; each is looked at when it is asked for.

        Args:
            packs: what is to be done.

        Yields:
            What falls to this runner, and is marked so from now on.

        Raises:
            StorageError: if the disk refuses.
        """
        for pack in packs:
            mine = self._take([task.run.run_id for task in pack.tasks])
            if len(mine) == len(pack.tasks):
                yield pack
            elif mine:
                yield replace(pack, tasks=tuple(task for task in pack.tasks if task.run.run_id in mine))

    def ended(self, pack: Pack | Looks, stem: str) -> None:
        """A pack was recorded.

        Args:
            pack: the pack.
            stem: the name of its file.
        """
        self._seen.add(stem)
        self._leases.give_back(self._name(task.run.run_id) for task in pack.tasks)

    def describe(self) -> str:
        """What others are at, in a sentence."""
        owners = sorted({owner for owner in self.elsewhere.values() if owner})
        at = sum(bool(owner) for owner in self.elsewhere.values())
        return (
            f"{counted(at, 'run is', 'runs are')} running elsewhere ({', '.join(owners)}); waiting for them"
            if at
            else f"{counted(len(self.elsewhere), 'run was', 'runs were')} recorded elsewhere meanwhile"
        )

    def wait(self, asked: Callable[[], bool]) -> None:
        """Wait until others are done with what they are at, one of them is found dead, or it is asked to stop."""
        names = [self._name(run_id) for run_id, owner in self.elsewhere.items() if owner]
        while names and not asked() and not self._leases.settled(names):
            time.sleep(WAIT_SECONDS)

    def _take(self, run_ids: list[str]) -> set[str]:
        names = {self._name(run_id): run_id for run_id in run_ids}
        others = self._leases.take(names)
        self.elsewhere |= {names[name]: str(owner or "unknown") for name, owner in others.items()}
        # Looked at after the lease was taken: who had it before has recorded what it did.
        self._read_news()
        done = {name for name, run_id in names.items() if name not in others and (run_id, self._codes[run_id]) in self._done}
        self._leases.give_back(done)
        self.elsewhere |= {names[name]: "" for name in done}
        return {run_id for name, run_id in names.items() if name not in others and name not in done}

    def _read_news(self) -> None:
        fresh = self._registry.stems() - self._seen
        if fresh:
            self._done |= self._registry.finished(fresh)
            self._seen |= fresh

    def _name(self, run_id: str) -> str:
        return f"{run_id}-{self._codes[run_id][:16]}"
