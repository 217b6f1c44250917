"""The constant schedule."""

from __future__ import annotations

from bench.parts.schedules import schedules


@schedules.register("constant")
class Constant:
    """The learning rate stays as it is: factor 1."""

    def __call__(self, epoch: float, total: float) -> float:
        """The factor 1."""
        return 1.0
