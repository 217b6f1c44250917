"""A statement about one number, as a claim's ``says`` and ``size`` make it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import pydantic
from pydantic import Field

from bench.blocks import Strict

Number = Literal["difference", "ratio", "value", "slope", "kendall"]
NUMBERS: tuple[Number, ...] = get_args(Number)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Bound:
    """An interval in which a number should lie; its ends are infinite where nothing is said."""

    low: float
    high: float
    text: str

    @classmethod
    def parse(cls, text: str) -> Bound:
        """Parse ``> 0``, ``<= 0.02`` or ``0.09 .. 0.11``.

        Raises:
            ValueError: if it is none of these.
        """
        number = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
        if match := re.fullmatch(rf"\s*(>=|>|<=|<)\s*{number}\s*", text):
            limit = float(match[2])
            return cls(limit, math.inf, text) if match[1].startswith(">") else cls(-math.inf, limit, text)
        if match := re.fullmatch(rf"\s*{number}\s*\.\.\s*{number}\s*", text):
            low, high = float(match[1]), float(match[2])
            if low < high:
                return cls(low, high, text)
        raise ValueError(f"{text!r} is no bound; write '> 0', '>= 0.02', '< 1' or '0.09 .. 0.11'")

    @property
    def ends(self) -> tuple[float, ...]:
        """The ends that are finite."""
        return tuple(end for end in (self.low, self.high) if math.isfinite(end))

    def holds(self, value: float) -> bool:
        """Whether a number that is known exactly is inside; an end itself is, unless it is written with < or >."""
        open_ = self.text.strip()[0] in "<>" and "=" not in self.text
        on_end = any(math.isclose(value, end, rel_tol=_ROUNDING, abs_tol=_ROUNDING) for end in self.ends)
        return not open_ if on_end else self.low < value < self.high


class Equivalence(Strict):
    """Two arms alike: their difference within ±`within`, or their ratio within a factor of `within`."""

    within: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    effect: Literal["difference", "ratio"] = "difference"

    @pydantic.model_validator(mode="after")
    def _factor(self) -> Equivalence:
        if self.effect == "ratio" and self.within <= 1:
            raise ValueError(f"a ratio lies within a factor above 1, got {self.within:g}; 1.05 stands for 1/1.05 .. 1.05")
        return self

    @property
    def bound(self) -> Bound:
        """Where the effect should lie."""
        if self.effect == "ratio":
            return Bound(1 / self.within, self.within, f"within a factor of {self.within:g}")
        return Bound(-self.within, self.within, f"within ±{self.within:g}")


class Statement(Strict):
    """A statement about one number: exactly one of the keys, with a bound such as ``"> 0"``.

    With `share` it is about single seeds, and the share of the seeds of which it is true has the bound.
    """

    difference: str | None = None
    ratio: str | None = None
    value: str | None = None
    slope: str | None = None
    kendall: str | None = None
    equivalent: Equivalence | None = None
    share: str | None = None

    @pydantic.model_validator(mode="after")
    def _one(self) -> Statement:
        if len(self.model_fields_set - {"share"}) != 1:
            raise ValueError(f"exactly one of {', '.join(NUMBERS)}, equivalent must be given")
        bound = self.bound
        if self.number == "ratio" and not (bound.low > 0 or (bound.high > 0 and bound.low == -math.inf)):
            raise ValueError(f"a ratio is positive, and so are its bounds; got {bound.text!r}. A ratio of 1 is no effect")
        if self.number == "kendall" and any(abs(end) >= 1 for end in bound.ends):
            raise ValueError(f"Kendall's τ lies between -1 and 1, and so do its bounds; got {bound.text!r}")
        if "share" in self.model_fields_set and not all(0 < end < 1 for end in Bound.parse(self.share or "").ends):
            raise ValueError(f"a share lies between 0 and 1, and so do its bounds; got {self.share!r}. Write '>= 0.8' for four seeds in five")
        return self

    @property
    def number(self) -> Number:
        """Which number is spoken of."""
        if self.equivalent is not None:
            return self.equivalent.effect
        return next((name for name in NUMBERS if getattr(self, name) is not None), "value")

    @property
    def bound(self) -> Bound:
        """What is said of it."""
        return self.equivalent.bound if self.equivalent is not None else Bound.parse(getattr(self, self.number) or "")

    @property
    def share_bound(self) -> Bound | None:
        """What is said of the share of the seeds; None where the statement is about the mean over seeds."""
        return None if self.share is None else Bound.parse(self.share)

    def __str__(self) -> str:
        seeds = "" if self.share is None else f" in a share {self.share.strip()} of seeds"
        return f"{self.number} {self.bound.text.strip()}{seeds}"
