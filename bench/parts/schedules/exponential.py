"""A schedule that falls by the same factor after each epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bench.parts.schedules import schedules


@schedules.register("exponential")
@dataclass(frozen=True, kw_only=True)
class Exponential:
    """The learning rate is multiplied by gamma after each whole epoch: factor ``gamma^floor(epoch)``.

    Attributes:
        gamma: what it is multiplied by.

    Source: Zhang, Bengio, Hardt, Recht and Vinyals, Understanding deep learning requires rethinking generalization
    (2017), appendix A: 0.95 per epoch.
    """

    gamma: Annotated[float, Field(gt=0, le=1)] = 0.95

    def __call__(self, epoch: float, total: float) -> float:
        """The factor at an epoch; see `bench.parts.schedules.Schedule`."""
        return float(self.gamma ** math.floor(epoch))
