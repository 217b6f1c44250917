"""What changed between the configurations of two cells, setting by setting."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.analysis.records import Row
from bench.selection import text

ABSENT = "absent"


@dataclass(frozen=True)
class Setting:
    """A setting that differs between base and head in cells of one experiment.

    Attributes:
        suite: the suite.
        experiment: the experiment.
        key: the setting, as ``optimizer.lr``.
        base: its value in base, as suites write it; ``absent`` where there is none.
        head: its value in head.
        cells: in how many pairs of cells.
    """

    suite: str
    experiment: str
    key: str
    base: str
    head: str
    cells: int

    def __str__(self) -> str:
        return f"{self.key}: {self.base} -> {self.head}"


def changed_settings(pairs: Iterable[tuple[Row, Row]]) -> tuple[Setting, ...]:
    """What differs between the cells of paired rows.

    Args:
        pairs: rows of base and head at one point with one seed.

    Returns:
        Every setting that differs, once per experiment and pair of values, sorted.
    """
    cells = {(base["suite"], base["experiment"], base["cell"], head["cell"]) for base, head in pairs}
    counts = Counter((suite, experiment, *difference) for suite, experiment, one, other in cells for difference in _differences(one, other))
    return tuple(Setting(*key, cells=count) for key, count in sorted(counts.items()))


def flatten(cell: str) -> dict[str, str]:
    """The settings in a cell's canonical JSON: dotted key -> value as suites write it."""
    flat: dict[str, str] = {}
    for key, value in json.loads(cell).items():
        flat.update(_flat(key, value))
    return flat


def _differences(one: str, other: str) -> list[tuple[str, str, str]]:
    base, head = flatten(one), flatten(other)
    both = sorted(base.keys() | head.keys())
    return [(key, base.get(key, ABSENT), head.get(key, ABSENT)) for key in both if base.get(key) != head.get(key)]


def _flat(key: str, value: Any) -> dict[str, str]:
    if _is_part(value):
        return {key: value["name"], **_below(key, value["parameters"])}
    if isinstance(value, Mapping):
        return _below(key, value)
    if isinstance(value, list) and value and all(_is_part(item) for item in value):
        names = {key: text([item["name"] for item in value])}
        return names | {below: shown for item in value for below, shown in _below(f"{key}.{item['name']}", item["parameters"]).items()}
    return {key: text(value)}


def _below(key: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {below: shown for name, item in values.items() for below, shown in _flat(f"{key}.{name}", item).items()}


def _is_part(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"name", "parameters"}
