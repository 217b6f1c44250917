"""Float32 matrix products on a CPU: the faster of PyTorch's two ways, where it is as exact as float32 should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Precision = Literal["highest", "medium"]

LARGEST_ERROR = 1e-5
"""In units of the largest element; true float32 gives 1e-6, bfloat16 3e-3."""

_SIZE = 256


@contextmanager
def fast_products(device: torch.device, *, allowed: bool = True) -> Iterator[Precision]:
    """Within it, float32 products on a CPU take the way that PyTorch calls ``medium``, if a probe finds it exact.

    ``medium`` allows another library, which on some processors is twice as fast in true float32, and on others
    rounds factors to bfloat16: only a product tells. On a GPU it always rounds, and is left alone.

    Args:
        device: where the products are taken.
        allowed: whether the faster way may be taken at all.

    Yields:
        The way that is taken.
    """
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        chosen: Precision = "medium" if allowed and device.type == "cpu" and probe() <= LARGEST_ERROR else "highest"
        torch.set_float32_matmul_precision(chosen)
        yield chosen
    finally:
        torch.set_float32_matmul_precision(before)


def probe() -> float:
    """The error of one product of standard normal matrices as it is taken now, against double precision.

    Returns:
        The largest error of an element, divided by the largest element.
    """
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(_SIZE, _SIZE, generator=generator) for _ in range(2))
    exact = one.double() @ other.double()
    errors = [(product.double() - exact).abs().max() for product in (one @ other, torch.bmm(one.unsqueeze(0), other.unsqueeze(0))[0])]
    return float(max(errors) / exact.abs().max())
