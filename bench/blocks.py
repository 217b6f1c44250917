"""What the blocks of a suite file share: strictness, and types of values."""

from __future__ import annotations

from typing import Literal

import pydantic

Profile = Literal["quick", "paper"]
Scalar = str | int | float | bool | None


class Strict(pydantic.BaseModel):
    """A mapping whose keys are all known and whose values have the very type."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())
