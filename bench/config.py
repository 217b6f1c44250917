"""Cells and runs: what identifies a configuration, and nothing that does not change its numbers.

Identity is the SHA-256 of canonical JSON (sorted keys, shortest floats) of the fully resolved cell. Devices, packs,
executors, paths, library versions and commits never enter it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

Precision = Literal["float32", "bf16"]
Mask = Literal["per_sample", "shared"]


@dataclass(frozen=True)
class PartSpec:
    """A part by name, with all its parameters, defaults filled in."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Dropout:
    """Drop rates (one, or one per place in the model) and whether samples share a mask."""

    rate: float | tuple[float, ...] = 0.0
    mask: Mask = "per_sample"


@dataclass(frozen=True)
class Cell:
    """One point of a grid: everything that can change the numbers except the seed.

    Exactly one of `epochs` and `steps` is set. `batch_size` is a number of samples or ``"full"``.
    """

    model: PartSpec
    dataset: PartSpec
    objective: PartSpec
    optimizer: PartSpec
    schedule: PartSpec
    initializer: PartSpec
    augmentation: tuple[PartSpec, ...]
    dropout: Dropout
    batch_size: int | Literal["full"]
    epochs: int | None
    steps: int | None
    precision: Precision

    @cached_property
    def json(self) -> str:
        """The canonical JSON text."""
        return canonical(asdict(self))

    @cached_property
    def cell_id(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return hashlib.sha256(self.json.encode()).hexdigest()

    def parts(self) -> Iterator[tuple[str, PartSpec]]:
        """Every part that the cell names, with its key."""
        for key in ("model", "dataset", "objective", "optimizer", "schedule", "initializer"):
            yield key, getattr(self, key)
        for spec in self.augmentation:
            yield "augmentation", spec

    def flat(self) -> dict[str, Any]:
        """The settings as selections and the columns ``hp.*`` see them: ``{"model": "fnn", "model.width": 64, …}``."""
        columns: dict[str, Any] = {}
        for key, spec in self.parts():
            if key == "augmentation":
                continue
            columns[key] = spec.name
            columns.update({f"{key}.{name}": value for name, value in spec.parameters.items()})
        columns["augmentation"] = [spec.name for spec in self.augmentation]
        columns["dropout"] = self.dropout.rate
        columns["dropout.mask"] = self.dropout.mask
        for name in ("batch_size", "epochs", "steps", "precision"):
            columns[name] = getattr(self, name)
        return columns


@dataclass(frozen=True)
class Run:
    """One cell trained with one seed: the unit of resuming, of failure and of statistics."""

    cell: Cell
    seed: int

    @cached_property
    def run_id(self) -> str:
        """SHA-256 of the cell's id and the seed."""
        return hashlib.sha256(f"{self.cell.cell_id}/{self.seed}".encode()).hexdigest()


def cell_from_json(text: str) -> Cell:
    """Rebuild a cell from its canonical JSON; the inverse of `Cell.json`."""
    raw = json.loads(text)
    for key in ("model", "dataset", "objective", "optimizer", "schedule", "initializer"):
        raw[key] = PartSpec(**raw[key])
    raw["augmentation"] = tuple(PartSpec(**spec) for spec in raw["augmentation"])
    rate = raw["dropout"]["rate"]
    raw["dropout"] = Dropout(tuple(rate) if isinstance(rate, list) else rate, raw["dropout"]["mask"])
    return Cell(**raw)


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, shortest floats.

    Raises:
        ValueError: for NaN and infinities, which JSON cannot hold.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
