"""Settings -> `Cell`: every default filled in, every part, parameter and combination checked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pydantic
import torch
from pydantic import Field

from bench.catalog import Catalog, Part, lower_first
from bench.config import SINGLE, Cell, Dropout, Mask, PartSpec, Precision, Stop, canonical
from bench.errors import BenchError, Place, UnknownNameError, UsageError
from bench.parts.augmentations import augmentations
from bench.parts.datasets import Dataset, DataSpec, datasets
from bench.parts.initializers import initializers
from bench.parts.measures import measures
from bench.parts.models import models
from bench.parts.objectives import objectives
from bench.parts.optimizers import optimizers
from bench.parts.schedules import schedules
from bench.settings import Locate, Settings

CATALOGS: Mapping[str, Catalog[Any]] = {
    "model": models,
    "dataset": datasets,
    "objective": objectives,
    "optimizer": optimizers,
    "schedule": schedules,
    "initializer": initializers,
    "augmentation": augmentations,
    "measure": measures,
}

Rate = Annotated[float, Field(ge=0, lt=1)]


class _StopRule(pydantic.BaseModel):
    """The key ``stop``."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    metric: Literal["train_loss", "test_loss"] = "train_loss"
    below: Annotated[float, Field(gt=0)]


class _Numbers(pydantic.BaseModel):
    """The keys of a cell that are no parts, with their ranges."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    dropout: Annotated[list[Rate], Field(min_length=1)]
    mask: Mask = "per_sample"
    batch_size: Annotated[int, Field(ge=1)] | None = None
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    steps: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    precision: Precision = "float32"
    stop: _StopRule | None = None

    @property
    def rule(self) -> Stop | None:
        """The stop rule of the cell."""
        return None if self.stop is None else Stop(self.stop.metric, self.stop.below)


class CellBuilder:
    """Builds cells and remembers the parts that it has checked, so that a large grid is checked once per value."""

    def __init__(self) -> None:
        self._checked: dict[tuple[str, str] | None, PartSpec] = {}
        self._datasets: dict[str, DataSpec] = {}

    def build(self, settings: Settings, where: Place) -> tuple[Cell | None, list[BenchError]]:
        """Build a cell.

        Args:
            settings: the raw settings, all layers laid.
            where: the experiment, for what is missing.

        Returns:
            The cell, or None, and every problem found.
        """
        problems: list[BenchError] = list(settings.problems)
        parts = {key: self._required(key, settings, where, problems) for key in SINGLE}
        extra = self._augmentation(settings, problems)
        numbers = self._numbers(settings, where, problems)
        if problems or numbers is None or any(part is None for part in parts.values()):
            return None, problems
        known = {key: part for key, part in parts.items() if part is not None}
        rate = tuple(numbers.dropout) if isinstance(_rate(settings), list) else numbers.dropout[0]
        batch: Any = "full" if settings.values["batch_size"] == "full" else numbers.batch_size
        dropout = Dropout(rate, numbers.mask)
        cell = Cell(
            **known,
            augmentation=extra,
            dropout=dropout,
            batch_size=batch,
            epochs=numbers.epochs,
            steps=numbers.steps,
            precision=numbers.precision,
            stop=numbers.rule,
        )
        return cell, problems

    def measures(self, raw: Sequence[Any], locate: Locate) -> tuple[list[PartSpec], list[BenchError]]:
        """Check a list of measures.

        Args:
            raw: names, or mappings with ``name``.
            locate: where an entry stands.
        """
        problems: list[BenchError] = []
        specs = [self._part("measure", value, lambda below, index=index: locate((index, *below)), problems) for index, value in enumerate(raw)]  # type: ignore[misc]  # a default argument binds the index
        found = [spec for spec in specs if spec is not None]
        names = [spec.name for spec in found]
        problems += [UsageError(f"measure {name!r} is listed twice", locate(())) for name in sorted(set(names)) if names.count(name) > 1]
        return found, problems

    def data(self, spec: PartSpec) -> DataSpec:
        """The sizes and shapes of a data set that was checked."""
        if spec.json not in self._datasets:
            self._datasets[spec.json] = dataset(spec).spec()
        return self._datasets[spec.json]

    def _required(self, key: str, settings: Settings, where: Place, problems: list[BenchError]) -> PartSpec | None:
        value = settings.values.get(key)
        if value is None:
            problems.append(UsageError(f"no {key} is set", where, f"Set {key} in the experiment or in defaults."))
            return None
        return self._part(key, value, lambda below: settings.place(key, tuple(below)), problems)

    def _augmentation(self, settings: Settings, problems: list[BenchError]) -> tuple[PartSpec, ...]:
        raw = settings.values.get("augmentation") or []
        several = raw if isinstance(raw, list) else [raw]
        found = [self._part("augmentation", value, lambda below: settings.place("augmentation", tuple(below)), problems) for value in several]
        return tuple(spec for spec in found if spec is not None)

    def _part(self, kind: str, value: Any, locate: Locate, problems: list[BenchError]) -> PartSpec | None:
        key = _key(kind, value)
        if key in self._checked:
            return self._checked[key]
        given = {"name": value} if isinstance(value, str) else value
        if not isinstance(given, dict) or not isinstance(given.get("name"), str):
            problems.append(UsageError(f"a {kind} is a name, or a mapping with name and parameters; got {value!r}", locate(())))
            return None
        part = self._look_up(kind, given["name"], locate, problems)
        if part is None:
            return None
        parameters, wrong = part.check({name: item for name, item in given.items() if name != "name"}, locate)
        wrong += [] if wrong else _refused(part, parameters, locate)
        problems += wrong
        if wrong:
            return None
        if key is None:
            problems.append(UsageError(f"{value!r} holds what no {kind} takes: a date, NaN or infinity", locate(())))
            return None
        self._checked[key] = PartSpec(part.name, parameters)
        return self._checked[key]

    @staticmethod
    def _look_up(kind: str, name: str, locate: Locate, problems: list[BenchError]) -> Part[Any] | None:
        try:
            return CATALOGS[kind][name]
        except UnknownNameError as error:
            problems.append(UnknownNameError(error.message, locate(())))
            return None

    def _numbers(self, settings: Settings, where: Place, problems: list[BenchError]) -> _Numbers | None:
        values = settings.values
        given: dict[str, Any] = {key: values[key] for key in ("epochs", "steps", "precision") if values.get(key) is not None}
        rate, dropout = _rate(settings), values.get("dropout")
        given["dropout"] = rate if isinstance(rate, list) else [rate]
        if isinstance(dropout, dict):
            problems += [_no_such_key(key, settings) for key in dropout if key not in ("rate", "mask")]
            given["mask"] = dropout.get("mask", "per_sample")
        if values.get("batch_size") is None:
            problems.append(UsageError("no batch_size is set", where, "Set batch_size: a number of samples, or full."))
        elif values["batch_size"] != "full":
            given["batch_size"] = values["batch_size"]
        if values.get("stop") is not None:
            given["stop"] = values["stop"]
        if ("epochs" in given) == ("steps" in given):
            problems.append(UsageError("exactly one of epochs and steps must be set", where))
        try:
            return _Numbers.model_validate(given)
        except pydantic.ValidationError as invalid:
            problems += [_number_problem(error, settings) for error in invalid.errors()]
            return None

    def misfits(self, cell: Cell, wanted: Sequence[PartSpec], settings: Settings) -> list[BenchError]:
        """What each part alone allows, and together does not fit.

        Args:
            cell: a cell that was built.
            wanted: the measures that will be taken.
            settings: what it was built from, for places.
        """
        problems: list[BenchError] = []
        data = self.data(cell.dataset)
        if cell.batch_size != "full" and cell.batch_size > data.train:
            message = f"a batch of {cell.batch_size} is larger than the training set of {data.train}"
            problems.append(UsageError(message, settings.place("batch_size"), "Use a smaller batch, or full."))
        if data.task not in objectives[cell.objective.name].traits["tasks"]:
            message = f"objective {cell.objective.name!r} is not for {data.task}, which data set {cell.dataset.name!r} is"
            problems.append(UsageError(message, settings.place("objective")))
        if isinstance(cell.dropout.rate, tuple):
            problems += _wrong_rates(cell, data, settings)
        if len(data.inputs) != 3 and (models[cell.model.name].traits.get("inputs") == "images" or cell.augmentation):
            what = f"model {cell.model.name!r}" if models[cell.model.name].traits.get("inputs") == "images" else "an augmentation"
            problems.append(UsageError(f"{what} takes images, and data set {cell.dataset.name!r} has none", settings.place("dataset")))
        problems += [
            UsageError(f"measure {spec.name!r} is not for {data.task}, which data set {cell.dataset.name!r} is", settings.place("dataset"))
            for spec in wanted
            if data.task not in measures[spec.name].traits["tasks"]
        ]
        return problems


def dataset(spec: PartSpec) -> Dataset:
    """The data set that a checked specification names."""
    made: Dataset = datasets[spec.name].target(**spec.parameters)
    return made


def _key(kind: str, value: Any) -> tuple[str, str] | None:
    """What a part is remembered by; None if it holds what JSON cannot."""
    try:
        return kind, canonical(value)
    except (TypeError, ValueError):
        return None


def _wrong_rates(cell: Cell, data: DataSpec, settings: Settings) -> list[BenchError]:
    """Whether a model takes as many drop rates as are given: it is made, without memory for its weights."""
    try:
        with torch.device("meta"):
            models[cell.model.name].target(data.inputs, data.outputs, cell.dropout.rate, **cell.model.parameters)
    except UsageError as error:
        return [UsageError(error.message, settings.place("dropout"), error.hint)]
    return []


def _refused(part: Part[Any], parameters: Mapping[str, Any], locate: Locate) -> list[UsageError]:
    """What a class refuses when it is made: parameters that do not go together."""
    if not inspect.isclass(part.target):
        return []
    try:
        part.target(**parameters)
    except UsageError as error:
        return [UsageError(error.message, locate(()), error.hint)]
    return []


def _rate(settings: Settings) -> Any:
    """The drop rate as the suite gives it: a number, or a list of them."""
    dropout = settings.values.get("dropout", 0.0)
    return dropout.get("rate", 0.0) if isinstance(dropout, dict) else dropout


def _no_such_key(name: str, settings: Settings) -> UsageError:
    return UsageError(f"dropout has no {name!r}; it has rate and mask", settings.place("dropout", (name,)))


def _number_problem(error: Any, settings: Settings) -> UsageError:
    name = str(error["loc"][0])
    if name == "dropout":
        return _rate_problem(error, settings)
    place = settings.place("dropout", ("mask",)) if name == "mask" else settings.place(name, error["loc"][1:])
    return UsageError(f"{lower_first(error['msg'])}, got {error['input']!r}", place)


def _rate_problem(error: Any, settings: Settings) -> UsageError:
    below: tuple[str | int, ...] = ("rate",) if isinstance(settings.values.get("dropout"), dict) else ()
    if isinstance(_rate(settings), list):
        below += error["loc"][1:]
    return UsageError(f"a drop rate is a number from 0 to below 1, or a list of such; got {error['input']!r}", settings.place("dropout", below))
