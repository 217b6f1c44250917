"""Selections such as ``dropout>0,seed<3``: the grammar of ``--only``, of a table's columns and of a claim's cells."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.errors import UsageError

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"([A-Za-z_][\w.]*)\s*(<=|>=|!=|<|>|=)\s*([^<>=!\s].*)", re.DOTALL)
_COMMA = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True)
class Condition:
    """One comparison: a key, an operator, a value written as text."""

    key: str
    operator: str
    value: str

    def matches(self, *settings: Mapping[str, Any]) -> bool:
        """Whether flat settings meet the condition.

        Args:
            *settings: mappings such as ``{"dropout": 0.1, "optimizer.lr": 0.01}``. A key may stand in several, as a part's
                name in one and as its full text, ``sgd(lr=0.1)``, in another; one that matches is enough.

        Returns:
            Numbers are compared as numbers, everything else as text; an absent key meets no condition.
        """
        return any(self._holds(known[self.key]) for known in settings if known.get(self.key) is not None)

    def _holds(self, given: Any) -> bool:
        compare = OPERATORS[self.operator]
        number, wanted = _number(given), _number(self.value)
        if number is None or wanted is None:
            return compare(text(given), self.value)
        return compare(number, wanted)


@dataclass(frozen=True)
class Selection:
    """Conditions that must all hold."""

    conditions: tuple[Condition, ...] = ()

    @classmethod
    def parse(cls, expression: str) -> Selection:
        """Parse ``key<value,key=value``; an empty text selects everything, and a comma in parentheses joins nothing.

        Raises:
            UsageError: if a piece is no comparison.
        """
        conditions = []
        for piece in filter(None, (part.strip() for part in _COMMA.split(expression))):
            match = _CONDITION.fullmatch(piece)
            if match is None:
                raise UsageError(f"{piece!r} is no condition", hint="Write key=value; allowed are = != < <= > >=, joined by commas.")
            conditions.append(Condition(*match.groups()))
        return cls(tuple(conditions))

    @classmethod
    def equal(cls, settings: Mapping[str, Any]) -> Selection:
        """The selection in which each key equals a value, as a claim's ``contrast: {batch_size: 128}``."""
        return cls(tuple(Condition(key, "=", text(value)) for key, value in settings.items()))

    def matches(self, *settings: Mapping[str, Any]) -> bool:
        """Whether all conditions hold; see `Condition.matches`."""
        return all(condition.matches(*settings) for condition in self.conditions)

    def keys(self) -> set[str]:
        """The keys that are looked at."""
        return {condition.key for condition in self.conditions}


def text(value: Any) -> str:
    """A value as selections and axis columns write it: ``true``, ``0.1``, ``none``, ``crop+flip``, ``vgg9(width=8)``."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, Mapping):
        inner = ",".join(f"{key}={text(item)}" for key, item in value.items() if key != "name")
        name = str(value.get("name", ""))
        return f"{name}({inner})" if inner else name
    if isinstance(value, list | tuple):
        return "+".join(text(item) for item in value) or "none"
    return str(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
