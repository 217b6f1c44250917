"""A schedule that falls in steps at given epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bench.parts.schedules import schedules


@schedules.register("multi_step")
@dataclass(frozen=True, kw_only=True)
class MultiStep:
    """The learning rate is multiplied by gamma at each milestone: factor ``gamma^k`` after k of them.

    Attributes:
        milestones: the epochs at whose beginning the rate changes, in any order.
        gamma: what it is multiplied by.

    Source: Li, Xu, Taylor, Studer and Goldstein, Visualizing the loss landscape of neural nets (2018), section 5:
    divided by 10 at epochs 150, 225 and 275.
    """

    milestones: Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1)]
    gamma: Annotated[float, Field(gt=0)] = 0.1

    def __call__(self, epoch: float, total: float) -> float:
        """The factor at an epoch; see `bench.parts.schedules.Schedule`."""
        passed = sum(epoch >= milestone for milestone in self.milestones)
        return float(self.gamma**passed)
