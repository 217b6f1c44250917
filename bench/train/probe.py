"""How many members of a stack pay on a GPU: a short probe, whose answer is kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from bench import files
from bench.config import Run
from bench.errors import StorageError
from bench.train.compiler import Programs
from bench.train.lanes.stacked import Agreement
from bench.train.setup import DataStore, prepare
from bench.train.stack import Stack

LADDER = (8, 32, 128, 512)
GAIN = 0.05
"""The share by which a step of a member must become shorter, for more members to pay."""
SHARE = 0.8
"""Of the free memory, what members may take."""
COPIES = 4
"""Of each parameter: itself, its gradient and two moments."""
ACTIVATIONS = 4
"""Of each activation, how many are in use at once."""
WARM_UP, TIMED = 20, 100


def members_that_pay(seconds: Callable[[int], float], most: int) -> int:
    """Climb the ladder of sizes as long as a step of one member becomes shorter.

    Args:
        seconds: how long so many members take for some steps; it raises `torch.OutOfMemoryError` where memory does not suffice.
        most: how many memory has room for.

    Returns:
        The last size that paid; 1 if none did.
    """
    best, shortest = 1, seconds(1)
    for members in (size for size in LADDER if size <= most):
        try:
            each = seconds(members) / members
        except torch.OutOfMemoryError:
            break
        if each > (1 - GAIN) * shortest:
            break
        best, shortest = members, each
    return best


def room(fit: Agreement, free: int) -> int:
    """How many members free memory has room for.

    Args:
        fit: what they agree on.
        free: bytes.
    """
    activations = fit.rows * sum(layer.outputs for layer in fit.layers)
    return max(1, int(SHARE * free) // (4 * (COPIES * fit.parameters + ACTIVATIONS * activations)))


class Probes:
    """Answers for one GPU, each found once on a machine.

    Args:
        device: as ``cuda:0``.
        data: the data folder.
        cache: the folder in which answers are kept.
    """

    def __init__(self, device: str, data: Path, cache: Path) -> None:
        self._device, self._data, self._cache = torch.device(device), data, cache

    def __call__(self, fit: Agreement, run: Run) -> int:
        """How many members pay.

        Args:
            fit: what they agree on.
            run: one of them.
        """
        file = self._cache / f"{self._key(fit)}.json"
        kept = _kept(file)
        if kept is not None:
            return kept
        free, _ = torch.cuda.mem_get_info(self._device)
        found = members_that_pay(lambda members: self._seconds(fit, run, members), room(fit, free))
        # Where nothing can be kept the next run asks again.
        with suppress(StorageError):
            files.check_writable(self._cache)
            files.replace(file, json.dumps({"members": found}).encode())
        return found

    def _key(self, fit: Agreement) -> str:
        told = repr((torch.cuda.get_device_name(self._device), torch.__version__, replace(fit, total_steps=0)))
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    def _seconds(self, fit: Agreement, run: Run, members: int) -> float:
        store = DataStore(self._data, self._device)
        made = [prepare(replace(run, seed=seed), store, self._device) for seed in range(members)]
        # What is compiled takes seconds for each size, and gains alike at all.
        stack = Stack(made, fit.layers, fit.rows, "eager", Programs(), fit)
        stack.advance(min(WARM_UP, fit.total_steps))
        torch.cuda.synchronize(self._device)
        start = time.perf_counter()
        stack.advance(min(WARM_UP + TIMED, fit.total_steps))
        torch.cuda.synchronize(self._device)
        return time.perf_counter() - start


def _kept(file: Path) -> int | None:
    """An answer that was found before."""
    try:
        members = json.loads(file.read_text())["members"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return members if isinstance(members, int) and members >= 1 else None
