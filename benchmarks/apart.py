"""The plain loop in a process of its own, where PyTorch and the C library are as they come."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import torch

from benchmarks.interleaved import Side, microseconds
from benchmarks.plain import PlainLoop, matmul_precision, network

WARM_UP = 30
PROBE = 10


@contextmanager
def apart(sizes: list[int], rate: float, precision: str, round_microseconds: float, **loop: Any) -> Iterator[Side]:
    """A side that makes its steps in another process, while this one waits.

    Args:
        sizes: of the network.
        rate: its drop rate.
        precision: of float32 matrix products.
        round_microseconds: how long a round takes, about.
        **loop: the arguments of `PlainLoop` behind the model.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs, sizes, rate, precision, round_microseconds, loop), daemon=True)
    child.start()
    try:
        yield lambda: _ask(ours)
    finally:
        ours.send(False)
        child.join()


def _ask(connection: Connection) -> float:
    connection.send(True)
    answer: float = connection.recv()
    return answer


def _serve(connection: Connection, sizes: list[int], rate: float, precision: str, round_microseconds: float, loop: dict[str, Any]) -> None:
    """Do a round whenever asked."""
    torch.set_num_threads(1)
    plain = PlainLoop(network(sizes, rate), **loop)
    with matmul_precision(precision):
        plain.advance(WARM_UP)
        steps = max(1, round(round_microseconds / (microseconds(lambda: plain.advance(PROBE)) / PROBE)))
        while connection.recv():
            connection.send(microseconds(lambda: plain.advance(steps)) / steps)
