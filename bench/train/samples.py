"""The samples of each step of a stack: batches of one size, whose rows beyond a member's own samples weigh nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.train.course import order
from bench.train.setup import Prepared
from bench.train.step import Batch

FINE = 16


def padded(samples: int) -> int:
    """The rows that a full batch is given, so that members of nearly as many samples fit together; less than a quarter more.

    Up to 16 the powers of two, above them four sizes for each doubling: 20, 24, 28, 32, 40, …
    """
    if samples <= FINE:
        return 1 << (samples - 1).bit_length()
    unit = 1 << ((samples - 1).bit_length() - 3)
    return -(-samples // unit) * unit


class Samples:
    """The batches of all members, in each member's own order.

    Args:
        members: what is trained; their batches have one size.
        rows: the rows of a batch, at least as many as any member needs.
        step: which step comes next.
    """

    def __init__(self, members: Sequence[Prepared], rows: int, step: int = 0) -> None:
        inputs = [member.data.train_inputs.flatten(1) for member in members]
        targets = [member.data.train_targets for member in members]
        self._full = members[0].length.full_batch
        longest = rows if self._full else len(inputs[0])
        same = all(other is inputs[0] or torch.equal(inputs[0], other) for other in inputs[1:])
        self._rows = rows
        self._inputs = torch.stack([_extended(each, longest) for each in (inputs[:1] if same else inputs)])
        self._targets = torch.stack([_extended(each, longest) for each in targets])
        self._orders = [order(member, step) for member in members]
        self._places = torch.arange(len(members), device=self._targets.device).unsqueeze(1)
        counts = torch.tensor([[len(each)] for each in inputs], device=self._targets.device)
        self._whole = Batch(self._inputs, self._targets, self._shares(counts))

    def next(self) -> Batch:
        """The batch of the next step."""
        if self._full:
            return self._whole
        picks = torch.stack([pick for each in self._orders if isinstance(pick := next(each), Tensor)])
        members, taken = picks.shape
        index = torch.cat([picks, picks.new_zeros(members, self._rows - taken)], dim=1)
        inputs = self._inputs[0][index] if len(self._inputs) == 1 else self._inputs[self._places, index]
        return Batch(inputs, self._targets[self._places, index], self._shares(torch.full_like(self._places, taken)))

    def _shares(self, counts: Tensor) -> Tensor:
        """1/n for the first n rows of each member, 0 for the others."""
        rows = torch.arange(self._rows, device=counts.device)
        return (rows < counts) / counts.to(self._inputs.dtype)


def _extended(rows: Tensor, count: int) -> Tensor:
    """Rows, and zeros behind them."""
    return rows if len(rows) == count else torch.cat([rows, rows.new_zeros(count - len(rows), *rows.shape[1:])])
