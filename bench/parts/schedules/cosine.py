"""A schedule that falls along half a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bench.parts.schedules import schedules


@schedules.register("cosine")
@dataclass(frozen=True, kw_only=True)
class Cosine:
    """The learning rate falls from 1 to a floor: factor ``floor + (1 - floor) (1 + cos(pi epoch / total)) / 2``.

    It falls at every step, since epochs have fractions.

    Attributes:
        floor: the share of the learning rate that remains at the end.

    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017), equation 5, without restarts.
    """

    floor: Annotated[float, Field(ge=0, le=1)] = 0.0

    def __call__(self, epoch: float, total: float) -> float:
        """The factor at an epoch; see `bench.parts.schedules.Schedule`."""
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * epoch / total)) / 2
