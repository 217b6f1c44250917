"""Layers of settings: what stands higher wins, a part replaces a part wholesale, a dotted key amends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.errors import Place, UsageError
from bench.yaml import KeyPath

Locate = Callable[[KeyPath], Place]
LENGTHS = ("epochs", "steps")


@dataclass(frozen=True)
class Layer:
    """One block of settings.

    Attributes:
        values: key -> raw value, dotted keys included.
        locate: where a key of the block, or something below it, stands.
    """

    values: Mapping[str, Any]
    locate: Locate


@dataclass
class Settings:
    """The settings of one cell while its layers are laid on top of each other."""

    values: dict[str, Any] = field(default_factory=dict)
    _places: dict[str, tuple[Locate, KeyPath]] = field(default_factory=dict)
    problems: list[UsageError] = field(default_factory=list)

    def copy(self) -> Settings:
        """A copy that further layers do not share."""
        return Settings(dict(self.values), dict(self._places), list(self.problems))

    def lay(self, layer: Layer) -> None:
        """Lay a block on top: whole values first, then dotted keys."""
        for length, other in (LENGTHS, LENGTHS[::-1]):
            if length in layer.values and other not in layer.values:
                self.values.pop(other, None)
        for key in sorted(layer.values, key=lambda name: "." in name):
            self._set(key, layer.values[key], layer.locate)

    def _set(self, key: str, value: Any, locate: Locate) -> None:
        head, dot, parameter = key.partition(".")
        if not dot:
            self.values[key] = value
            for below in [known for known in self._places if known.startswith(f"{key}.")]:
                del self._places[below]
        else:
            amended = self._amend(head, parameter, value)
            if amended is None:
                self.problems.append(UsageError(f"there is no {head} whose {parameter!r} could be set", locate((key,)), f"Set {head} first."))
                return
            self.values[head] = amended
        self._places[key] = (locate, (key,))

    def _amend(self, head: str, parameter: str, value: Any) -> Any:
        current = self.values.get(head)
        if head == "dropout" and isinstance(current, int | float | list):
            return {"rate": current, parameter: value}
        if isinstance(current, str):
            return {"name": current, parameter: value}
        return {**current, parameter: value} if isinstance(current, dict) else None

    def place(self, key: str, below: tuple[str | int, ...] = ()) -> Place:
        """Where the value of a key, or of something below it, was set last.

        Args:
            key: a key of a cell.
            below: the steps from it, as ``("lr",)``.
        """
        if below and (dotted := self._places.get(f"{key}.{below[0]}")):
            locate, path = dotted
            return locate((*path, *below[1:]))
        if key in self._places:
            locate, path = self._places[key]
            return locate((*path, *below))
        return Place(key=".".join(str(step) for step in (key, *below)))
