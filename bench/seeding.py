"""Named streams of random numbers: everything random in a run starts here.

A stream is named by (seed, name, index), never by the cell: two optimizers with one seed share initial weights and the
order of the data, so that their comparison is paired.
"""

from __future__ import annotations

import hashlib

import numpy as np


def key(seed: int, stream: str, index: int = 0) -> int:
    """A 63-bit key for a stream: the first bytes of SHA-256 over its name.

    Args:
        seed: the run's seed.
        stream: what the numbers are for, as ``"initial-weights"``.
        index: the epoch, step or direction, where a stream has several parts.

    Returns:
        An integer in [0, 2^63), fit for ``torch.Generator.manual_seed``.
    """
    digest = hashlib.sha256(f"{seed}\x1f{stream}\x1f{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, stream: str, index: int = 0) -> np.random.Generator:
    """A NumPy generator (Philox) for a stream; see `key` for the arguments."""
    return np.random.Generator(np.random.Philox(key=key(seed, stream, index)))
