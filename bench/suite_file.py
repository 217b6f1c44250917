"""What a suite file may hold: the blocks, their keys and their types; the JSON Schema is made from these models."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from bench.blocks import Profile, Scalar, Strict
from bench.claim import Claim, Selected
from bench.errors import UsageError
from bench.selection import Selection

SLUG = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")
"""The name of a suite."""

NAME = re.compile(r"^[a-z0-9]([a-z0-9_.-]{0,62}[a-z0-9_-])?$")
"""A name inside a suite, as of an experiment: it may have dots inside, as ``fig-1.7``."""

PROFILES: tuple[Literal["quick", "paper"], ...] = ("quick", "paper")
CELL_KEYS = (
    "model",
    "dataset",
    "objective",
    "optimizer",
    "schedule",
    "initializer",
    "augmentation",
    "dropout",
    "batch_size",
    "chunk",
    "epochs",
    "steps",
    "precision",
    "stop",
    "penalties",
    "phases",
)

DOTTED_KEYS = ("model", "dataset", "objective", "optimizer", "schedule", "initializer", "dropout", "stop")
"""The keys whose parameters a dotted key can amend."""


def _distinct(values: list[int]) -> list[int]:
    if len(set(values)) != len(values):
        raise ValueError("a seed is listed twice")
    return values


Name = Annotated[str, Field(pattern=NAME.pattern)]
PartReference = str | dict[str, Any]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Seeds = Annotated[int, Field(ge=1, le=10_000)] | Annotated[list[Seed], Field(min_length=1), pydantic.AfterValidator(_distinct)]
Snapshots = list[Annotated[int, Field(ge=0)]] | dict[Literal["log"], Annotated[int, Field(ge=2, le=1000)]]
_DOTTED: dict[str, Any] = {f"^({'|'.join(DOTTED_KEYS)})\\.[a-z_][a-z0-9_]*$": {}}


class Settings(pydantic.BaseModel):
    """Keys of a cell, and dotted keys such as ``optimizer.lr`` that amend a part set below."""

    model_config = pydantic.ConfigDict(
        extra="allow",
        strict=True,
        frozen=True,
        protected_namespaces=(),
        json_schema_extra={"additionalProperties": False, "patternProperties": _DOTTED},
    )

    model: PartReference | None = None
    dataset: PartReference | None = None
    objective: PartReference | None = None
    optimizer: PartReference | None = None
    schedule: PartReference | None = None
    initializer: PartReference | None = None
    augmentation: PartReference | list[PartReference] | None = None
    dropout: float | list[float] | dict[str, Any] | None = None
    batch_size: int | Literal["full"] | None = None
    chunk: int | None = None
    epochs: int | None = None
    steps: int | None = None
    precision: str | None = None
    stop: dict[str, Any] | None = None
    penalties: PartReference | list[PartReference] | None = None
    phases: list[dict[str, Any]] | None = None

    def settings(self) -> dict[str, Any]:
        """What this block sets, key -> raw value, dotted keys included."""
        given = {key: getattr(self, key) for key in CELL_KEYS if key in self.model_fields_set}
        return {**given, **{key: value for key, value in (self.model_extra or {}).items() if is_cell_key(key)}}


class Scaled(Settings):
    """Settings with how many seeds, which measures, and when those that look at training as it goes do so."""

    seeds: Seeds | None = None
    measures: list[PartReference] | None = None
    snapshots: Snapshots | None = None


class Case(Settings):
    """Values of several keys that go together, and the measures of these runs, if they have their own."""

    measures: list[PartReference] | None = None


class Scale(Scaled):
    """What a profile changes in an experiment."""

    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] | None = None
    cases: Annotated[list[Case], Field(min_length=1)] | None = None
    exclude: list[dict[str, Any]] | None = None
    keep: Literal["final"] | None = None
    pairs: dict[Name, Annotated[list[Selected], Field(min_length=2, max_length=2)]] | None = None


class Experiment(Scale):
    """One named grid, tied to one figure or table of the source."""

    title: str | None = None
    figure: str | None = None
    notes: str | None = None
    profiles: dict[Profile, Scale] = {}
    claims: dict[Name, Claim] = {}


class Table(Strict):
    """A table of a report: cells in rows, selections in columns, metrics as values."""

    experiment: str
    title: str | None = None
    rows: Annotated[list[str], Field(min_length=1)]
    columns: dict[str, str] = Field(default={})
    values: Annotated[list[str], Field(min_length=1)]
    reference: list[dict[str, Scalar]] = Field(default=[])

    @pydantic.model_validator(mode="after")
    def _selections(self) -> Table:
        for expression in self.columns.values():
            try:
                Selection.parse(expression)
            except UsageError as error:
                raise ValueError(error.message) from error
        return self


class Figure(Strict):
    """A figure of a report: ``curves`` over training, ``landscape`` along directions, ``fits`` of 1-D targets, ``neurons``: amplitude over orientation, ``heatmap`` over two axes, ``similarity`` of neurons, ``spectrum`` of the Hessian, ``interpolation`` between the runs of pairs."""

    experiment: str
    title: str | None = None
    kind: Literal["curves", "landscape", "fits", "neurons", "heatmap", "similarity", "spectrum", "interpolation"]
    y: list[str] = Field(default=[])
    by: list[str] = Field(default=[])


class SuiteFile(Strict):
    """A whole suite file."""

    title: str
    version: Annotated[int, Field(ge=1)]
    source: str | None = None
    notes: str | None = None
    plugins: list[str] = Field(default=[])
    defaults: Scaled = Scaled()
    profiles: dict[Profile, Scaled] = Field(default={})
    experiments: Annotated[dict[Name, Experiment], Field(min_length=1)]
    tables: dict[Name, Table] = Field(default={})
    figures: dict[Name, Figure] = Field(default={})


def is_cell_key(key: str) -> bool:
    """Whether a key sets a cell: one of `CELL_KEYS`, or a dotted one that amends a part or dropout."""
    head, dot, parameter = key.partition(".")
    return head in DOTTED_KEYS and bool(parameter) if dot else key in CELL_KEYS
