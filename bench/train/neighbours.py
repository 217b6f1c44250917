"""Whether a GPU is shared with other processes: then timings tell little, whatever the numbers."""

from __future__ import annotations

import torch

OWN_BYTES = 2**30
"""What a process holds of a GPU at most besides its tensors: the context, libraries, their workspaces."""


def shared(device: torch.device) -> bool | None:
    """Whether other processes hold memory of a device.

    Args:
        device: the device.

    Returns:
        That; None on a CPU, and where the device does not say.
    """
    if device.type != "cuda":
        return None
    try:
        free, total = torch.cuda.mem_get_info(device)
    except RuntimeError:
        return None
    return total - free - torch.cuda.memory_reserved(device) > OWN_BYTES
