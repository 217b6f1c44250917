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

from bench.selection import text

Precision = Literal["float32", "bf16"]
Mask = Literal["per_sample", "shared"]

OptimizerState = Literal["keep", "fresh"]

SINGLE = ("model", "dataset", "objective", "optimizer", "schedule", "initializer")
"""The keys of a cell that name one part."""

LATER = ("stop", "penalties", "phases", "chunk")
"""Keys that the canonical text has only where they are set, so that identities stand from before there were such."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False, default=asdict)


@dataclass(frozen=True)
class PartSpec:
    """A part by name, with all its parameters, defaults filled in."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def json(self) -> str:
        """The canonical JSON text; the cells of a grid share their parts, so it is made once per part and not per cell."""
        return canonical({"name": self.name, "parameters": self.parameters})


@dataclass(frozen=True)
class Dropout:
    """Drop rates (one, or one per place in the model) and whether samples share a mask."""

    rate: float | tuple[float, ...] = 0.0
    mask: Mask = "per_sample"


@dataclass(frozen=True)
class Stop:
    """A rule that ends training before its length: a loss of the history that is below a bound when it is evaluated."""

    metric: Literal["train_loss", "test_loss"]
    below: float


@dataclass(frozen=True)
class Phase:
    """A first stretch of training, which minimizes something else than the cell does after it.

    Attributes:
        until: the step at which it ends.
        objective: the loss.
        penalties: what is added to it.
        optimizer_state: what becomes of the optimizer's state at its end.
    """

    until: int
    objective: PartSpec
    penalties: tuple[PartSpec, ...] = ()
    optimizer_state: OptimizerState = "keep"

    def __str__(self) -> str:
        terms = " + ".join((_shown(self.objective), *map(_shown, self.penalties)))
        return f"{terms} until {self.until} ({self.optimizer_state} state)"


@dataclass(frozen=True)
class Cell:
    """One point of a grid: everything that can change the numbers except the seed.

    Exactly one of `epochs` and `steps` is set. `batch_size` is a number of samples or ``"full"``. A batch of more samples
    than `chunk` is computed in pieces of so many; the gradients of the pieces add up to that of the batch, but a batch
    norm takes the statistics of each piece by itself.
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
    stop: Stop | None = None
    penalties: tuple[PartSpec, ...] = ()
    phases: tuple[Phase, ...] = ()
    chunk: int | None = None

    def texts(self) -> dict[str, str]:
        """Each setting as canonical JSON."""
        return {name: _text(getattr(self, name)) for name in self.__dataclass_fields__ if name not in LATER or getattr(self, name)}

    @property
    def json(self) -> str:
        """The canonical JSON text."""
        return "{" + ",".join(f'"{name}":{text}' for name, text in sorted(self.texts().items())) + "}"

    @cached_property
    def cell_id(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return hashlib.sha256(self.json.encode()).hexdigest()

    def parts(self) -> Iterator[tuple[str, PartSpec]]:
        """Every part that the cell names, with its kind."""
        for key in SINGLE:
            yield key, getattr(self, key)
        for spec in self.augmentation:
            yield "augmentation", spec
        for spec in self.penalties:
            yield "penalty", spec
        for phase in self.phases:
            yield "objective", phase.objective
            yield from (("penalty", spec) for spec in phase.penalties)

    def flat(self) -> dict[str, Any]:
        """The settings as selections and the columns ``hp.*`` see them: ``{"model": "fnn", "model.width": 64, …}``."""
        columns: dict[str, Any] = {}
        for key in SINGLE:
            spec = getattr(self, key)
            columns[key] = spec.name
            columns.update({f"{key}.{name}": value for name, value in spec.parameters.items()})
        columns["augmentation"] = [spec.name for spec in self.augmentation]
        columns["penalties"] = [_shown(spec) for spec in self.penalties]
        columns["phases"] = "; then ".join(map(str, self.phases)) or None
        columns["dropout"] = self.dropout.rate
        columns["dropout.rates"] = text(self.dropout.rate)
        columns["dropout.mask"] = self.dropout.mask
        for name in ("batch_size", "chunk", "epochs", "steps", "precision"):
            columns[name] = getattr(self, name)
        columns["stop.metric"], columns["stop.below"] = (self.stop.metric, self.stop.below) if self.stop else (None, None)
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

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Its cell, as a tuple: a `Pair` has two."""
        return (self.cell,)

    @property
    def cell_id(self) -> str:
        """The id of its cell."""
        return self.cell.cell_id

    @property
    def json(self) -> str:
        """The canonical JSON text of its cell."""
        return self.cell.json


@dataclass(frozen=True)
class Pair:
    """Two runs of one seed, of which a measure of two runs is taken; has a row of its own, as a run has."""

    first: Run
    second: Run

    @property
    def seed(self) -> int:
        """The seed of both."""
        return self.first.seed

    @cached_property
    def run_id(self) -> str:
        """SHA-256 of the ids of its runs, in their order."""
        return hashlib.sha256(f"{self.first.run_id}/{self.second.run_id}".encode()).hexdigest()

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of its runs, in their order."""
        return (self.first.cell, self.second.cell)

    @cached_property
    def cell_id(self) -> str:
        """SHA-256 of the ids of its cells, in their order: the same for every seed."""
        return hashlib.sha256("/".join(cell.cell_id for cell in self.cells).encode()).hexdigest()

    @property
    def json(self) -> str:
        """The canonical JSON texts of its cells, under ``first`` and ``second``."""
        first, second = self.cells
        return f'{{"first":{first.json},"second":{second.json}}}'


def cell_from_json(text: str) -> Cell:
    """Rebuild a cell from its canonical JSON; the inverse of `Cell.json`."""
    raw = json.loads(text)
    for key in SINGLE:
        raw[key] = PartSpec(**raw[key])
    raw["augmentation"] = tuple(PartSpec(**spec) for spec in raw["augmentation"])
    rate = raw["dropout"]["rate"]
    raw["penalties"] = tuple(PartSpec(**spec) for spec in raw.get("penalties", ()))
    raw["phases"] = tuple(_phase(phase) for phase in raw.get("phases", ()))
    raw["stop"] = Stop(**raw["stop"]) if "stop" in raw else None
    raw["dropout"] = Dropout(tuple(rate) if isinstance(rate, list) else rate, raw["dropout"]["mask"])
    return Cell(**raw)


def _phase(raw: Mapping[str, Any]) -> Phase:
    penalties = tuple(PartSpec(**spec) for spec in raw["penalties"])
    return Phase(raw["until"], PartSpec(**raw["objective"]), penalties, raw["optimizer_state"])


def _shown(spec: PartSpec) -> str:
    """A term of what is minimized, as suites write it; a coefficient of 1 is not said."""
    return text({"name": spec.name} | {name: value for name, value in spec.parameters.items() if (name, value) != ("coefficient", 1.0)})


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, shortest floats; a dataclass is an object of its fields.

    Raises:
        ValueError: for NaN and infinities, which JSON cannot hold.
    """
    return _ENCODER.encode(value)


def _text(value: Any) -> str:
    if isinstance(value, PartSpec):
        return value.json
    return f"[{','.join(map(_text, value))}]" if isinstance(value, tuple) else canonical(value)
