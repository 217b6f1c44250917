"""The schedule of the Transformer: a rise, then a fall with the square root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bench.parts.schedules import schedules


@schedules.register("noam", counts="steps")
@dataclass(frozen=True, kw_only=True)
class Noam:
    """The learning rate rises along a line to its largest at w, and falls as 1/√s: factor ``d^-0.5 min(s^-0.5, s w^-1.5)``.

    s counts steps from 1, of whatever batches. With the optimizer's learning rate 1 it is the source's.

    Attributes:
        d_model: d, units of a word in the model.
        warmup: w, the steps of the rise.

    Source: Vaswani et al., Attention is all you need (2017), section 5.3.
    """

    d_model: Annotated[int, Field(ge=1)] = 50
    warmup: Annotated[float, Field(gt=0)] = 4000

    def __call__(self, step: float, total: float) -> float:
        """The factor in a step, counted from 0; see `bench.parts.schedules.Schedule`."""
        place = step + 1
        return float(self.d_model**-0.5 * min(place**-0.5, place * self.warmup**-1.5))
