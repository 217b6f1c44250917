"""What a failure says of the process and the device in which it happened, told from the error alone."""

from __future__ import annotations

from typing import Literal

Cause = Literal["program", "system", "memory", "device"]
"""``program``: the pack's own doing. ``system``: files, pipes, shared memory. ``memory``: there was not enough of it.
``device``: the device reports an error, and takes no further work from this process."""

MEMORY = ("can't allocate memory", "not enough memory", "cannot allocate memory", "cuda error: out of memory", "cublas_status_alloc_failed", "bad_alloc")
"""How libraries say, in errors of no kind of its own, that memory ran out."""

DEVICE = ("cuda error", "cuda driver", "cudnn error", "cublas_status", "cufft_status", "no cuda gpus", "nvidia driver")
"""How PyTorch says that a device fails."""


def cause_of(error: BaseException) -> Cause:
    """The cause that an error speaks of."""
    kind, text = type(error).__name__, str(error).lower()
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or any(words in text for words in MEMORY):
        return "memory"
    if kind == "AcceleratorError" or (isinstance(error, RuntimeError) and any(words in text for words in DEVICE)):
        return "device"
    # What a library raises for a worker of its own, or for shared memory, is a RuntimeError around an error of the system.
    return "system" if isinstance(error, OSError) or isinstance(error.__cause__, OSError) or "dataloader worker" in text else "program"
