"""The plain loop: what a PyTorch user writes to fit a small network to n samples, a full batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn


def network(sizes: Sequence[int], rate: float) -> nn.Module:
    """Linear layers between the sizes, with tanh and dropout behind each hidden layer."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
        if rate > 0:
            layers.append(nn.Dropout(rate))
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


class PlainLoop:
    """nn.Module, mse_loss, backward, torch.optim.Adam; the loss is ``1/(2n) sum_i |f(x_i) - y_i|^2``.

    Args:
        model: the network.
        inputs: (n, …).
        targets: (n, outputs).
        lr: the learning rate.
        bf16: whether the network runs under autocast to bfloat16.
    """

    def __init__(self, model: nn.Module, inputs: Tensor, targets: Tensor, lr: float, *, bf16: bool = False) -> None:
        self.model = model
        self._inputs = inputs
        self._targets = targets
        self._optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self._bf16 = bf16

    def advance(self, steps: int) -> None:
        """Make steps."""
        self.model.train()
        for _ in range(steps):
            self._optimizer.zero_grad()
            with self._precision():
                outputs = self.model(self._inputs)
            # mse_loss divides by the number of outputs too.
            loss = nn.functional.mse_loss(outputs.to(self._targets.dtype), self._targets) * (self._targets.shape[1] / 2)
            loss.backward()
            self._optimizer.step()

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast("cpu", dtype=torch.bfloat16) if self._bf16 else nullcontext()


@contextmanager
def matmul_precision(name: str) -> Iterator[None]:
    """Let float32 matrix products run at a precision of torch's, and put back what was set before."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
