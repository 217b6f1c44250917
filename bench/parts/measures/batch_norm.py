"""Population statistics of batch norms, taken anew for weights that were never trained, as on a line between two networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

_BATCH = 512
"""Samples per pass: the statistics of later layers depend on it, so that it is no matter of memory."""


def running_norms(model: nn.Module) -> list[_BatchNorm]:
    """The batch norms of a network that keep statistics for evaluation."""
    return [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]


@torch.no_grad()
def recompute(model: nn.Module, inputs: Tensor) -> None:
    """Set running means and variances to those of the network's own activations, dropout off.

    Statistics are averaged over batches, each weighed by its samples. The running values between two trained networks
    belong to neither: interpolated ones make a barrier where there is none.

    Args:
        model: in evaluation mode; its batch norms are changed.
        inputs: (n, …).
    """
    norms = running_norms(model)
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    seen = 0
    for norm in norms:
        norm.train()
    for batch in torch.split(inputs, _BATCH):
        seen += len(batch)
        for norm in norms:
            norm.momentum = len(batch) / seen
        model(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
