"""A claim, as a suite file makes it: which rows stand against which, and what the source says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from bench.blocks import Profile, Scalar, Strict
from bench.errors import did_you_mean
from bench.selection import Selection, text
from bench.statement import Number, Statement

Selected = dict[str, Scalar | list[Scalar]]
FEWEST_POSITIONS = 3
"""A trend over two values is a difference."""

_ONE_OF: dict[str, Any] = {"oneOf": [{"required": ["metric", "says"]}, {"required": ["all"]}, {"required": ["any"]}]}
_SPOKEN_OF: dict[str, tuple[Number, ...]] = {"contrast": ("difference", "ratio"), "value": ("value",), "trend": ("slope", "kendall")}


class Trend(Strict):
    """Along which axis: of all cells or of those `where` some settings have a value; slopes per unit or per doubling of the axis."""

    axis: str
    per: Literal["unit", "doubling"] = "unit"
    where: Selected = Field(default={})

    def levels(self, cells: Sequence[Mapping[str, Any]]) -> list[float] | str:
        """The values on the axis, ascending, or why there is no trend over them.

        Args:
            cells: the flat settings of cells.
        """
        if not any(self.axis in cell for cell in cells):
            return f"no cell has the setting {self.axis!r}. {did_you_mean(self.axis, {key for cell in cells for key in cell})}"
        selection = Selection.equal(self.where)
        values = {cell[self.axis] for cell in cells if cell.get(self.axis) is not None and selection.matches(cell)}
        if wrong := sorted(text(level) for level in values if isinstance(level, bool | str)):
            return f"it takes numbers, and {self.axis} is {', '.join(wrong)}"
        levels = sorted(float(level) for level in values)
        if self.per == "doubling" and levels and levels[0] <= 0:
            return f"from {text(levels[0])} nothing doubles; write per: unit"
        if len(levels) < FEWEST_POSITIONS:
            found = ", ".join(map(text, levels)) or "none"
            return f"it takes {FEWEST_POSITIONS} values of {self.axis}, and there are {found}; two are a contrast"
        return levels


Length = Annotated[int, Field(ge=1)]


class Budget(Strict):
    """The length of training that a claim is about; shorter runs say nothing of it.

    With `quick`, a length in the same unit, what the claim says is judged in that profile at that length; its size is not,
    as the source's figures are about the source's own length.
    """

    epochs: Length | None = None
    steps: Length | None = None
    quick: Length | None = None

    @pydantic.model_validator(mode="after")
    def _one(self) -> Budget:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("exactly one of epochs, steps must be given")
        if self.quick is not None and self.quick >= (self.steps or self.epochs or 0):
            raise ValueError(f"quick is a shorter length than {self}, got {self.quick}; leave it out where both are the same")
        return self

    def of(self, profile: str) -> Budget:
        """What it takes for a verdict in a profile."""
        if profile != "quick" or self.quick is None:
            return self
        return Budget(epochs=self.quick) if self.steps is None else Budget(steps=self.quick)

    def __str__(self) -> str:
        return f"{self.steps} steps" if self.epochs is None else f"{self.epochs} epochs"


class Subject(Strict):
    """Which rows are spoken of, and how."""

    contrast: Selected | None = None
    against: Selected | None = None
    value: Selected | None = None
    trend: str | Trend | None = None
    over: Literal["mean", "share_of_seeds"] = "mean"
    pool: list[str] = Field(default=[])
    times: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    size: Statement | None = None

    def check(self, says: Statement) -> None:
        """Check that rows and statements go together.

        Raises:
            ValueError: if not.
        """
        if (self.contrast is None) != (self.against is None):
            raise ValueError("contrast and against go together")
        given = [side for side in _SPOKEN_OF if getattr(self, side) is not None]
        if len(given) != 1:
            raise ValueError("either contrast and against, or value, or trend must be given")
        for statement in filter(None, (says, self.size)):
            if statement.number not in _SPOKEN_OF[given[0]]:
                raise ValueError(
                    "says and size speak of a difference or a ratio with contrast and against, of a value with value, of a slope or kendall with trend"
                )
            if self.times is not None and (self.against is None or statement.number != "difference"):
                raise ValueError("times goes with a difference: that of contrast, and of against so many times")
            if (statement.share is not None) != (self.over == "share_of_seeds"):
                raise ValueError("share in says and size goes together with 'over: share_of_seeds': what is true of a seed, and of how many")

    @property
    def along(self) -> Trend | None:
        """The trend, in its long form."""
        return Trend(axis=self.trend) if isinstance(self.trend, str) else self.trend


class Assertion(Subject):
    """One statement about one metric: a claim, or one of several that it makes together."""

    metric: str
    says: Statement

    @pydantic.model_validator(mode="after")
    def _form(self) -> Assertion:
        self.check(self.says)
        return self


class Claim(Subject):
    """A statement of the source, as a test over rows of the registry; with `all` or `any` several that are judged together."""

    model_config = pydantic.ConfigDict(json_schema_extra=_ONE_OF)

    text: str
    metric: str | None = None
    says: Statement | None = None
    all: Annotated[list[Assertion], Field(min_length=2)] | None = None
    any: Annotated[list[Assertion], Field(min_length=2)] | None = None
    source: dict[str, float] | None = None
    budget: Budget | None = None
    profiles: list[Profile] = Field(default=["paper"])

    @pydantic.model_validator(mode="after")
    def _whole(self) -> Claim:
        if self.joint:
            if self.model_fields_set & Assertion.model_fields.keys() or (self.all and self.any):
                raise ValueError("all or any stands alone: metric, rows, says and size go into each of its statements")
            return self
        if self.metric is None or self.says is None:
            missing = "metric" if self.metric is None else "says"
            raise ValueError(f"the key {missing!r} is missing; only a claim with all or any goes without")
        self.check(self.says)
        return self

    @property
    def joint(self) -> Literal["", "all", "any"]:
        """Whether all of several statements are to hold, any of them, or there is one."""
        return "all" if self.all else "any" if self.any else ""

    @property
    def assertions(self) -> tuple[Assertion, ...]:
        """What is to hold."""
        return tuple(self.all or self.any or [Assertion.model_validate({key: getattr(self, key) for key in Assertion.model_fields})])
