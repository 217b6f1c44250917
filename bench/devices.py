"""Which devices there are, and how many workers they take."""

from __future__ import annotations

import os

import psutil
import torch

from bench.errors import MissingError, UsageError

WORKER_BYTES = 1_500_000_000
"""Memory that a worker is taken to need."""


def devices(kind: str, jobs: int | None) -> list[str]:
    """One device for each worker.

    Args:
        kind: ``auto``: the GPUs, or else the CPU; ``cpu``; ``cuda``; ``cuda:0``.
        jobs: how many workers at most; on a CPU as many as cores and memory allow, by default.

    Raises:
        UsageError: if the kind is none of these.
        MissingError: if a GPU is asked for and there is none.
    """
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if kind in ("cuda", *gpus) or (kind == "auto" and gpus):
        if not gpus:
            raise MissingError("there is no CUDA device", hint="Use --device cpu, or see `bench doctor`.")
        return ([kind] if ":" in kind else gpus)[:jobs]
    if kind.startswith("cuda:"):
        raise MissingError(f"there is no device {kind!r}; there are {len(gpus)} GPUs", hint="See `bench doctor`.")
    if kind not in ("auto", "cpu"):
        raise UsageError(f"{kind!r} is no device; use auto, cpu, cuda or cuda:0")
    fitting = max(1, min(len(os.sched_getaffinity(0)), psutil.virtual_memory().available // WORKER_BYTES))
    return ["cpu"] * (jobs or int(fitting))
