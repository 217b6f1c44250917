"""Settings -> `Cell`: every default filled in, every part, parameter and combination checked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from bench.catalog import Catalog, Part, location_of, lower_first
from bench.config import SINGLE, Cell, Dropout, Mask, OptimizerState, PartSpec, Phase, Precision, Stop, canonical
from bench.errors import BenchError, Place, UnknownNameError, UnsetError, UsageError, did_you_mean
from bench.parts.augmentations import augmentations
from bench.parts.datasets import Dataset, DataSpec, datasets
from bench.parts.initializers import initializers
from bench.parts.measures import measures
from bench.parts.models import models
from bench.parts.objectives import objectives
from bench.parts.optimizers import optimizers
from bench.parts.penalties import penalties
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
    "penalty": penalties,
    "measure": measures,
}

PHASE_KEYS = ("until", "objective", "penalties", "optimizer_state")

Rate = Annotated[float, Field(ge=0, lt=1)]


class _StopRule(pydantic.BaseModel):
    """The key ``stop``."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    metric: Literal["train_loss", "test_loss"] = "train_loss"
    below: Annotated[float, Field(gt=0)]


class _PhaseNumbers(pydantic.BaseModel):
    """The keys of a phase that are no parts."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    until: Annotated[int, Field(ge=1)]
    optimizer_state: OptimizerState = "keep"


class _Numbers(pydantic.BaseModel):
    """The keys of a cell that are no parts, with their ranges."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    dropout: Annotated[list[Rate], Field(min_length=1)]
    mask: Mask = "per_sample"
    batch_size: Annotated[int, Field(ge=1)] | None = None
    chunk: Annotated[int, Field(ge=1)] | None = None
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
        augmentation = self._several("augmentation", settings.values.get("augmentation"), partial(settings.place, "augmentation"), problems)
        terms = self._penalties(settings.values.get("penalties"), partial(settings.place, "penalties"), problems)
        phases = self._phases(settings, problems)
        numbers = self._numbers(settings, where, problems)
        if problems or numbers is None or any(part is None for part in parts.values()):
            return None, problems
        known = {key: part for key, part in parts.items() if part is not None}
        rate = tuple(numbers.dropout) if isinstance(_rate(settings), list) else numbers.dropout[0]
        batch: Any = "full" if settings.values["batch_size"] == "full" else numbers.batch_size
        dropout = Dropout(rate, numbers.mask)
        cell = Cell(
            **known,
            augmentation=augmentation,
            dropout=dropout,
            batch_size=batch,
            epochs=numbers.epochs,
            steps=numbers.steps,
            precision=numbers.precision,
            stop=numbers.rule,
            penalties=terms,
            phases=phases,
            chunk=numbers.chunk,
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
            problems.append(UnsetError(f"no {key} is set", where, f"Set {key} in the experiment or in defaults."))
            return None
        return self._part(key, value, lambda below: settings.place(key, tuple(below)), problems)

    def _several(self, kind: str, raw: Any, locate: Locate, problems: list[BenchError]) -> tuple[PartSpec, ...]:
        """A part or a list of parts."""
        several = raw if isinstance(raw, list) else [raw] if raw else []
        found = [self._part(kind, value, locate, problems) for value in several]
        return tuple(spec for spec in found if spec is not None)

    def _penalties(self, raw: Any, locate: Locate, problems: list[BenchError]) -> tuple[PartSpec, ...]:
        """Penalties, none of them twice: a coefficient says how much there is of one."""
        found = self._several("penalty", raw, locate, problems)
        names = [spec.name for spec in found]
        problems += [UsageError(f"penalty {name!r} is listed twice", locate(())) for name in sorted(set(names)) if names.count(name) > 1]
        return found

    def _phases(self, settings: Settings, problems: list[BenchError]) -> tuple[Phase, ...]:
        given = settings.values.get("phases") or []
        if not isinstance(given, list) or not all(isinstance(raw, dict) for raw in given):
            problems.append(UsageError(f"phases are a list of mappings, as [{{until: 100, objective: squared}}]; got {given!r}", settings.place("phases")))
            return ()
        found = [self._phase(raw, settings, index, problems) for index, raw in enumerate(given)]
        phases = [phase for phase in found if phase is not None]
        ends = [phase.until for phase in phases]
        if ends != sorted(set(ends)):
            problems.append(UsageError(f"phases end one after the other, and these end at {ends}", settings.place("phases")))
        return tuple(phases)

    def _phase(self, raw: Mapping[str, Any], settings: Settings, index: int, problems: list[BenchError]) -> Phase | None:
        def locate(below: Sequence[str | int]) -> Place:
            return settings.place("phases", (index, *below))

        before = len(problems)
        terms = self._penalties(raw.get("penalties"), lambda below: locate(("penalties", *below)), problems)
        if "objective" not in raw:
            problems.append(UsageError("a phase needs the key 'objective'", locate(())))
            return None
        objective = self._part("objective", raw["objective"], lambda below: locate(("objective", *below)), problems)
        try:
            numbers = _PhaseNumbers.model_validate({key: value for key, value in raw.items() if key not in ("objective", "penalties")})
        except pydantic.ValidationError as invalid:
            problems += [_phase_problem(error, locate) for error in invalid.errors()]
            return None
        if objective is None or len(problems) > before:
            return None
        return Phase(numbers.until, objective, terms, numbers.optimizer_state)

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
        given: dict[str, Any] = {key: values[key] for key in ("chunk", "epochs", "steps", "precision") if values.get(key) is not None}
        rate, dropout = _rate(settings), values.get("dropout")
        given["dropout"] = rate if isinstance(rate, list) else [rate]
        if isinstance(dropout, dict):
            problems += [_no_such_key(key, settings) for key in dropout if key not in ("rate", "mask")]
            given["mask"] = dropout.get("mask", "per_sample")
        if values.get("batch_size") is None:
            problems.append(UnsetError("no batch_size is set", where, "Set batch_size: a number of samples, or full."))
        elif values["batch_size"] != "full":
            given["batch_size"] = values["batch_size"]
        if values.get("stop") is not None:
            given["stop"] = values["stop"]
        if ("epochs" in given) == ("steps" in given):
            kind = UsageError if "steps" in given else UnsetError
            problems.append(kind("exactly one of epochs and steps must be set", where))
        try:
            return _Numbers.model_validate(given)
        except pydantic.ValidationError as invalid:
            problems += [_number_problem(error, settings) for error in invalid.errors()]
            return None


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


def _phase_problem(error: Any, locate: Locate) -> UsageError:
    name = str(location_of(error)[0])
    if error["type"] == "missing":
        return UsageError(f"a phase needs the key {name!r}", locate(()))
    if error["type"] == "extra_forbidden" or not error["loc"]:
        return UsageError(f"a phase has no key {name!r}. {did_you_mean(name, PHASE_KEYS)}", locate((name,)))
    return UsageError(f"{lower_first(error['msg'])}, got {error['input']!r}", locate((name,)))


def _rate_problem(error: Any, settings: Settings) -> UsageError:
    below: tuple[str | int, ...] = ("rate",) if isinstance(settings.values.get("dropout"), dict) else ()
    if isinstance(_rate(settings), list):
        below += error["loc"][1:]
    return UsageError(f"a drop rate is a number from 0 to below 1, or a list of such; got {error['input']!r}", settings.place("dropout", below))
