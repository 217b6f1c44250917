"""Leases: marks on work that is under way, so that two runners on one folder share it and do nothing twice.

A lease is a file ``<name>.<number>`` that only one can create. It says who has it, and is touched as long as its owner
lives. One whose owner is dead is taken over by creating the next number, in which only one can succeed, and who then finds
a lease that was not there before yields. A lease avoids double work; the registry stays right without it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import uuid
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import psutil

from bench import files
from bench.errors import StorageError

BEAT_SECONDS = 15.0
"""How often leases are touched."""

EXPIRY_SECONDS = 120.0
"""How long a lease of another machine may go untouched before its owner is taken for dead, by the clock of the disk."""


@dataclass(frozen=True)
class Owner:
    """A process that has leases.

    Attributes:
        host: its machine's name.
        boot: which boot of which machine, and which processes can be seen from it; "" where that is not known.
        pid: its number.
        start: when it started, in ticks since the boot; another process may have its number later.
    """

    host: str
    boot: str
    pid: int
    start: str

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"

    @classmethod
    def this(cls) -> Owner:
        """This process."""
        return cls(socket.gethostname(), _boot(), os.getpid(), _start(os.getpid()) or "")

    def is_dead(self, here: Owner) -> bool | None:
        """Whether the process is no more; None where that cannot be seen from here."""
        if not self.boot or (self.host, self.boot) != (here.host, here.boot):
            return None
        return _start(self.pid) != self.start


@dataclass(frozen=True)
class _Lease:
    """A lease as it is on the disk; `owner` is None where the file does not say, being written just now or damaged."""

    path: Path
    number: int
    content: bytes
    owner: Owner | None


class Leases:
    """The leases of this process in a folder, as a context: at its end they are given back.

    Args:
        folder: where they lie; it is made when the first is taken.
        me: who takes them.
        beat: seconds between touches.
        expiry: seconds after which one that was not touched is stale, if its owner cannot be seen from here.
    """

    def __init__(self, folder: Path, me: Owner | None = None, *, beat: float = BEAT_SECONDS, expiry: float = EXPIRY_SECONDS) -> None:
        self._folder = folder
        self._me = me or Owner.this()
        self._beat, self._expiry = beat, expiry
        self._held: dict[str, Path] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Leases:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self.give_back(list(self._held))

    def take(self, names: Collection[str]) -> dict[str, Owner | None]:
        """Take what is free.

        Args:
            names: what is wanted; no dots.

        Returns:
            Those that others have, and who has them as far as that is known; the rest is held from now on.

        Raises:
            StorageError: if the disk refuses.
        """
        if self._thread is None:
            files.check_writable(self._folder)
            self._thread = threading.Thread(target=self._live, name="bench-leases", daemon=True)
            self._thread.start()
        before = self._present(names)
        others: dict[str, Owner | None] = {}
        created: dict[str, Path] = {}
        for name in names:
            leases = before.get(name, [])
            holder = next((lease for lease in leases if not self._is_stale(lease)), None)
            path = self._folder / f"{name}.{max((lease.number for lease in leases), default=-1) + 1}"
            if holder is None and files.claim(path, json.dumps({**asdict(self._me), "lease": uuid.uuid4().hex}).encode()):
                created[name] = path
            else:
                others[name] = holder.owner if holder is not None else None
        # Each creates, and then looks: of two that came between each other's looks, at least one sees the other, and yields.
        after = self._present(created)
        for name, path in created.items():
            stale = before.get(name, [])
            new = [lease for lease in after.get(name, []) if lease.path != path and lease not in stale]
            for leftover in [path] if new else [lease.path for lease in stale]:
                files.withdraw(leftover)
            if new:
                others[name] = new[-1].owner
            else:
                self._held[name] = path
        return others

    def give_back(self, names: Iterable[str]) -> None:
        """Give back what is held."""
        for name in names:
            path = self._held.pop(name, None)
            if path is not None:
                files.withdraw(path)

    def settled(self, names: Collection[str]) -> bool:
        """Whether all of them are free, or the owner of one is dead."""
        there = self._present(names)
        return not there or any(all(map(self._is_stale, leases)) for leases in there.values())

    def _present(self, names: Collection[str]) -> dict[str, list[_Lease]]:
        """The leases of each name that has one, by number. More than one is there when one is taken over, or a runner died doing so."""
        wanted = frozenset(names)
        found: dict[str, list[_Lease]] = {}
        for entry in os.listdir(self._folder) if self._folder.is_dir() else ():  # noqa: PTH208 - names, not paths
            name, _, number = entry.partition(".")
            if name in wanted and number.isdecimal():
                lease = _lease(self._folder / entry, int(number))
                found.setdefault(name, []).extend([lease] if lease is not None else [])
        return {name: sorted(leases, key=lambda lease: lease.number) for name, leases in found.items() if leases}

    def _is_stale(self, lease: _Lease) -> bool:
        dead = lease.owner.is_dead(self._me) if lease.owner is not None else None
        if dead is not None:
            return dead
        try:
            return files.clock(self._folder) - lease.path.stat().st_mtime > self._expiry
        except OSError:  # it was given back
            return False

    def _live(self) -> None:
        while not self._over.wait(self._beat):
            for path in list(self._held.values()):
                with suppress(StorageError):
                    files.renew(path)


def _lease(path: Path, number: int) -> _Lease | None:
    content = _content(path)
    return None if content is None else _Lease(path, number, content, _owner(content))


def _content(path: Path) -> bytes | None:
    """What a file holds; None if it is no more."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _owner(content: bytes) -> Owner | None:
    try:
        said = json.loads(content)
        return Owner(str(said["host"]), str(said["boot"]), int(said["pid"]), str(said["start"]))
    except (ValueError, TypeError, KeyError):
        return None


def _boot() -> str:
    # Two containers of one machine share its boot, but not their numbers of processes.
    with suppress(OSError):
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _start(pid: int) -> str | None:
    """When a process started; None if there is none, or it has ended and only its parent does not know yet."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        stat = Path(f"/proc/{pid}/stat")
        # The clock of the day may jump, and with it what is worked out from it.
        return stat.read_text().rpartition(")")[2].split()[19] if stat.exists() else str(process.create_time())
    except (psutil.Error, OSError):
        return None
