"""Checkpoints: files of each run that is being trained, from which it goes on after an interruption."""

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
from bench.results import Interrupted
from bench.train.course import Checkpoint

KEPT = 2
"""How many checkpoints of a run are kept: the last, and one to go back to if that is damaged."""

_FORM = b"implicit-bench checkpoint 1\n"
_HEAD = len(_FORM) + hashlib.sha256().digest_size


def never() -> bool:
    """Nobody asks to stop."""
    return False


@dataclass
class Checkpoints:
    """Where runs are kept while they are trained.

    A file says its form and the SHA-256 of its content before the content; one that is torn, of another form or foreign
    is passed over, for an older one if there is one.

    Args:
        folder: where the files lie; None keeps nothing.
        every: seconds between checkpoints.
        clock: seconds, for tests.
        asked: whether training is asked to stop; then it is time for a last checkpoint.
    """

    folder: Path | None = None
    every: float = 300.0
    clock: Callable[[], float] = time.monotonic
    asked: Callable[[], bool] = never
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    def due(self) -> bool:
        """Whether it is time; if so, the next is due after as many seconds again."""
        if self.asked():
            return True
        if self.folder is None or self.clock() - self._last < self.every:
            return False
        self._last = self.clock()
        return True

    def leave(self) -> None:
        """Say that what is due is kept; the place where training ends if it is asked to.

        Raises:
            Interrupted: if so.
        """
        if self.asked():
            raise Interrupted("training was asked to stop")

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        """Keep a run, beside the checkpoint before.

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
            if not self.folder.is_dir():
                files.check_writable(self.folder)
            files.replace(self.folder / f"{name}.{checkpoint.step}", b"".join((_FORM, hashlib.sha256(content).digest(), content)))
            files.remove(path for _, path in self._of(name)[KEPT:])

    def load(self, name: str, device: torch.device) -> Checkpoint | None:
        """The last whole checkpoint of a run, on its device, or None where there is none."""
        return next(filter(None, (_read(path, device) for _, path in self._of(name))), None)

    def _of(self, name: str) -> list[tuple[int, Path]]:
        """The checkpoints of a run with their steps, the last first."""
        if self.folder is None or not self.folder.is_dir():
            return []
        numbered = ((path.suffix.removeprefix("."), path) for path in self.folder.iterdir() if path.stem == name)
        return sorted(((int(step), path) for step, path in numbered if step.isdecimal()), reverse=True)

    def drop(self, run_ids: Collection[str]) -> None:
        """Forget runs whose rows are written.

        Raises:
            StorageError: if the disk refuses.
        """
        if self.folder is not None and self.folder.is_dir():
            files.remove(path for path in self.folder.iterdir() if path.name.partition(".")[0] in run_ids)


def _read(path: Path, device: torch.device) -> Checkpoint | None:
    """What a file holds, or None if it is not whole."""
    try:
        file = path.read_bytes()
    except OSError:
        return None
    content = file[_HEAD:]
    if file[:_HEAD] != _FORM + hashlib.sha256(content).digest():
        return None
    try:
        return Checkpoint(**torch.load(io.BytesIO(content), map_location=device, weights_only=True))
    except (RuntimeError, TypeError, EOFError, LookupError, ValueError, pickle.UnpicklingError):
        return None


def checkpoint_name(run_id: str, *way: str) -> str:
    """The name of a run's checkpoint: under another code, on another device, … it is not found, and the run starts anew.

    Args:
        run_id: the run.
        way: what its numbers depend on besides.
    """
    return f"{run_id}.{hashlib.sha256('/'.join(way).encode()).hexdigest()[:16]}"
