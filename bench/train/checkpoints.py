"""Checkpoints: one file for each run that is being trained, from which it goes on after an interruption."""

from __future__ import annotations

import hashlib
import io
import pickle
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bench import files
from bench.train.course import Checkpoint

_DIGEST = hashlib.sha256().digest_size


@dataclass
class Checkpoints:
    """Where runs are kept while they are trained.

    A file holds the SHA-256 of its content before the content; one that is torn or foreign is passed over.

    Args:
        folder: where the files lie; None keeps nothing.
        every: seconds between checkpoints.
        clock: seconds, for tests.
    """

    folder: Path | None = None
    every: float = 300.0
    clock: Callable[[], float] = time.monotonic
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    def due(self) -> bool:
        """Whether it is time; if so, the next is due after as many seconds again."""
        if self.folder is None or self.clock() - self._last < self.every:
            return False
        self._last = self.clock()
        return True

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        """Keep a run, in place of its last checkpoint.

        Args:
            name: what `checkpoint_name` gives.
            checkpoint: where the run is.

        Raises:
            StorageError: if the disk refuses.
        """
        if self.folder is not None:
            buffer = io.BytesIO()
            torch.save(vars(checkpoint), buffer)
            content = buffer.getvalue()
            files.check_writable(self.folder)
            files.replace(self.folder / name, hashlib.sha256(content).digest() + content)

    def load(self, name: str, device: torch.device) -> Checkpoint | None:
        """The last checkpoint of a run on its device, or None where there is none that is whole."""
        if self.folder is None:
            return None
        try:
            content = (self.folder / name).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            return None
        try:
            return Checkpoint(**torch.load(io.BytesIO(content[_DIGEST:]), map_location=device, weights_only=True))
        except (RuntimeError, TypeError, EOFError, LookupError, ValueError, pickle.UnpicklingError):
            return None

    def drop(self, run_ids: Collection[str]) -> None:
        """Forget runs whose rows are written."""
        if self.folder is not None and self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.name.partition(".")[0] in run_ids:
                    path.unlink(missing_ok=True)


def checkpoint_name(run_id: str, *way: str) -> str:
    """The name of a run's checkpoint: under another code, on another device, … it is not found, and the run starts anew.

    Args:
        run_id: the run.
        way: what its numbers depend on besides.
    """
    return f"{run_id}.{hashlib.sha256('/'.join(way).encode()).hexdigest()[:16]}"
