"""What ``--set`` gives, and the name of the variant that it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import yaml
from bench.errors import UsageError
from bench.selection import text


@dataclass(frozen=True)
class Overrides:
    """What ``--set`` gives: key -> value, as YAML reads it."""

    values: Mapping[str, Any]

    @classmethod
    def parse(cls, assignments: Sequence[str]) -> Overrides:
        """Parse ``key=value`` texts.

        Raises:
            UsageError: if one is no assignment.
        """
        values: dict[str, Any] = {}
        for assignment in assignments:
            key, equals, value = assignment.partition("=")
            if not equals or not key.strip():
                raise UsageError(f"--set {assignment!r} is no assignment", hint="Write --set key=value, as --set optimizer.lr=0.1")
            values[key.strip()] = yaml.scalar(value)
        return cls(values)

    @property
    def variant(self) -> str:
        """The sorted overrides as text; rows of a variant never mix with others."""
        return " ".join(f"{key}={text(value)}" for key, value in sorted(self.values.items()))
