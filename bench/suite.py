"""YAML -> `Suite`: strict keys, every problem at once with file, line and key path.

The reading side uses this too, so nothing here knows torch or the catalogues; parameters of parts are checked by
`bench.plan`, which goes on with what this file accepted, so that both kinds of problem are reported together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from bench import yaml
from bench.catalog import lower_first
from bench.errors import BenchError, MissingError, Place, SuiteError, UnknownNameError, UsageError, did_you_mean
from bench.selection import Selection

SLUG = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")
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
    "epochs",
    "steps",
    "precision",
)

DOTTED_KEYS = ("model", "dataset", "objective", "optimizer", "schedule", "initializer", "dropout")
"""The keys whose parameters a dotted key can amend."""


def _distinct(values: list[int]) -> list[int]:
    if len(set(values)) != len(values):
        raise ValueError("a seed is listed twice")
    return values


Slug = Annotated[str, Field(pattern=SLUG.pattern)]
Profile = Literal["quick", "paper"]
Scalar = str | int | float | bool | None
PartReference = str | dict[str, Any]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Seeds = Annotated[int, Field(ge=1, le=10_000)] | Annotated[list[Seed], Field(min_length=1), pydantic.AfterValidator(_distinct)]
_DOTTED: dict[str, Any] = {f"^({'|'.join(DOTTED_KEYS)})\\.[a-z_][a-z0-9_]*$": {}}


class Strict(pydantic.BaseModel):
    """A mapping whose keys are all known and whose values have the very type."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())


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
    dropout: float | dict[str, Any] | None = None
    batch_size: int | Literal["full"] | None = None
    epochs: int | None = None
    steps: int | None = None
    precision: str | None = None

    def settings(self) -> dict[str, Any]:
        """What this block sets, key -> raw value, dotted keys included."""
        given = {key: getattr(self, key) for key in CELL_KEYS if key in self.model_fields_set}
        return {**given, **{key: value for key, value in (self.model_extra or {}).items() if is_cell_key(key)}}


class Scaled(Settings):
    """Settings with how many seeds, and which measures."""

    seeds: Seeds | None = None
    measures: list[PartReference] | None = None


class Scale(Scaled):
    """What a profile changes in an experiment."""

    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] | None = None
    cases: Annotated[list[Settings], Field(min_length=1)] | None = None
    exclude: list[dict[str, Any]] | None = None


class Statement(Strict):
    """A statement about one number: exactly one of the keys, with a bound such as ``"> 0"``."""

    difference: str | None = None
    ratio: str | None = None
    value: str | None = None

    @pydantic.model_validator(mode="after")
    def _one(self) -> Statement:
        given = self.model_fields_set
        if len(given) != 1:
            raise ValueError("exactly one of difference, ratio, value must be given")
        bound = Bound.parse(getattr(self, self.kind) or "")
        if self.kind == "ratio" and not (bound.low > 0 or (bound.high > 0 and bound.low == float("-inf"))):
            raise ValueError(f"a ratio is positive, and so are its bounds; got {bound.text!r}. A ratio of 1 is no effect")
        return self

    @property
    def kind(self) -> Literal["difference", "ratio", "value"]:
        """Which number is spoken of."""
        return "difference" if self.difference is not None else "ratio" if self.ratio is not None else "value"

    @property
    def bound(self) -> Bound:
        """What is said of it."""
        return Bound.parse(getattr(self, self.kind))


@dataclass(frozen=True)
class Bound:
    """An interval in which a number should lie; open at the ends that are infinite."""

    low: float
    high: float
    text: str

    @classmethod
    def parse(cls, text: str) -> Bound:
        """Parse ``> 0``, ``<= 0.02`` or ``0.09 .. 0.11``.

        Raises:
            ValueError: if it is none of these.
        """
        number = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
        if match := re.fullmatch(rf"\s*(>=|>|<=|<)\s*{number}\s*", text):
            limit = float(match[2])
            return cls(limit, float("inf"), text) if match[1].startswith(">") else cls(float("-inf"), limit, text)
        if match := re.fullmatch(rf"\s*{number}\s*\.\.\s*{number}\s*", text):
            low, high = float(match[1]), float(match[2])
            if low < high:
                return cls(low, high, text)
        raise ValueError(f"{text!r} is no bound; write '> 0', '>= 0.02', '< 1' or '0.09 .. 0.11'")


class Claim(Strict):
    """A statement of the source, as a test over rows of the registry."""

    text: str
    metric: str
    contrast: dict[str, Scalar | list[Scalar]] | None = None
    against: dict[str, Scalar | list[Scalar]] | None = None
    value: dict[str, Scalar | list[Scalar]] | None = None
    pool: list[str] = []
    says: Statement
    size: Statement | None = None
    source: dict[str, float] | None = None
    profiles: list[Profile] = ["paper"]

    @pydantic.model_validator(mode="after")
    def _form(self) -> Claim:
        if (self.contrast is None) != (self.against is None):
            raise ValueError("contrast and against go together")
        if (self.contrast is None) == (self.value is None):
            raise ValueError("either contrast and against, or value must be given")
        for statement in filter(None, (self.says, self.size)):
            if (statement.kind == "value") != (self.value is not None):
                raise ValueError("says and size speak of a difference or a ratio with contrast and against, of a value with value")
        return self


class Experiment(Scale):
    """One named grid, tied to one figure or table of the source."""

    title: str | None = None
    figure: str | None = None
    notes: str | None = None
    profiles: dict[Profile, Scale] = {}
    claims: dict[Slug, Claim] = {}


class Table(Strict):
    """A table of a report: cells in rows, selections in columns, metrics as values."""

    experiment: str
    title: str | None = None
    rows: Annotated[list[str], Field(min_length=1)]
    columns: dict[str, str] = {}
    values: Annotated[list[str], Field(min_length=1)]
    reference: list[dict[str, Scalar]] = []

    @pydantic.model_validator(mode="after")
    def _selections(self) -> Table:
        for expression in self.columns.values():
            try:
                Selection.parse(expression)
            except UsageError as error:
                raise ValueError(error.message) from error
        return self


class Figure(Strict):
    """A figure of a report: ``curves`` over training, ``landscape`` along directions, ``fits`` of 1-D targets."""

    experiment: str
    title: str | None = None
    kind: Literal["curves", "landscape", "fits"]
    y: list[str] = []
    by: list[str] = []


class SuiteFile(Strict):
    """A whole suite file."""

    title: str
    version: Annotated[int, Field(ge=1)]
    source: str | None = None
    notes: str | None = None
    plugins: list[str] = []
    defaults: Scaled = Scaled()
    profiles: dict[Profile, Scaled] = {}
    experiments: Annotated[dict[Slug, Experiment], Field(min_length=1)]
    tables: dict[Slug, Table] = {}
    figures: dict[Slug, Figure] = {}


@dataclass(frozen=True)
class Suite:
    """A suite, with what is needed to say where its problems stand.

    Attributes:
        name: the file's name without its ending.
        path: the file, or None for a copy from the registry.
        document: the parsed file.
        file: its content, as far as it is sound.
        problems: what was found wrong so far.
    """

    name: str
    path: Path | None
    document: yaml.Document
    file: SuiteFile
    problems: tuple[BenchError, ...] = ()


def load(path: Path) -> Suite:
    """Read a suite file; structural problems are collected in `Suite.problems`, not raised.

    Raises:
        MissingError: if there is no such file.
        SuiteError: if it is so broken that nothing can be checked.
        UsageError: if its name is no slug.
    """
    return from_document(path.stem, yaml.read(path, _shown(path)), path)


def from_document(name: str, document: yaml.Document, path: Path | None = None) -> Suite:
    """Validate a parsed file; see `load`.

    Raises:
        SuiteError: if nothing of it can be checked.
        UsageError: if its name is no slug.
    """
    if not SLUG.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a suite: lower-case letters, digits, - and _, at most 64")
    if not isinstance(document.data, dict):
        raise SuiteError([UsageError("a suite is a mapping; this file holds none", Place(document.file))])
    file, problems = _validate(document)
    if file is None:
        raise SuiteError(problems)
    problems += list(_references(file, document))
    return Suite(name, path, document, file, tuple(problems))


def is_cell_key(key: str) -> bool:
    """Whether a key sets a cell: one of `CELL_KEYS`, or a dotted one that amends a part or dropout."""
    head, dot, parameter = key.partition(".")
    return head in DOTTED_KEYS and bool(parameter) if dot else key in CELL_KEYS


def find(name: str, folders: Sequence[Path]) -> Path:
    """The file of a suite given by name or by path.

    Args:
        name: ``generalization``, or a path that ends in ``.yaml``.
        folders: where named suites lie, the first match wins.

    Raises:
        UnknownNameError: if there is none.
        MissingError: if a path leads nowhere.
        UsageError: if it is neither a name nor a path.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not _is_file(path):
            raise MissingError(f"there is no suite file {name!r}")
        return path
    if not SLUG.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a suite", hint="Give a name (lower-case letters, digits, - and _) or the path of a .yaml file.")
    for folder in folders:
        if (path := folder / f"{name}.yaml").is_file():
            return path
    raise UnknownNameError(f"there is no suite {name!r}. {did_you_mean(name, available(folders))}")


def available(folders: Sequence[Path]) -> dict[str, Path]:
    """Every named suite: name -> file."""
    found = {path.stem: path for folder in reversed(folders) for path in sorted(folder.glob("*.yaml"))}
    return dict(sorted(found.items()))


def folders() -> list[Path]:
    """Where named suites lie: ``suites/`` of the current folder, of the checkout, of the installed package."""
    package = Path(__file__).resolve().parent
    candidates = [Path("suites"), package.parent / "suites", package / "suites"]
    return [folder for folder in candidates if folder.is_dir()]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than the system allows
        return False


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _validate(document: yaml.Document) -> tuple[SuiteFile | None, list[BenchError]]:
    """Validate, and again without what was wrong, until what is left is sound: so one block hides no problem of another."""
    data = document.data
    problems: dict[tuple[yaml.KeyPath, str], BenchError] = {}
    pruned: list[yaml.KeyPath] = []
    for _ in range(64):
        try:
            return SuiteFile.model_validate(data), [*problems.values(), *_dotted_problems(document)]
        except pydantic.ValidationError as invalid:
            for path, error in _by_path(invalid, document.data):
                if error["type"] in ("missing", "too_short") and any(gone[: len(path)] == path for gone in pruned):
                    return None, [*problems.values(), *_dotted_problems(document)]
                problems.setdefault((path, ""), _problem(error, path, document))
                if error["type"] == "missing":
                    path = path[:-1]
                pruned.append(path)
                data = _without(data, path)
            if not isinstance(data, dict) or not data:
                break
    return None, [*problems.values(), *_dotted_problems(document)]


def _by_path(invalid: pydantic.ValidationError, data: Any) -> Iterator[tuple[yaml.KeyPath, Any]]:
    """One error for each innermost key path; of the alternatives of a union the one that fits best, or all in one sentence."""
    errors: dict[yaml.KeyPath, list[Any]] = {}
    for error in invalid.errors():
        errors.setdefault(_real_path(error["loc"], data), []).append(error)
    for path, several in errors.items():
        if any(other != path and other[: len(path)] == path for other in errors):
            continue
        of_kind = [error for error in several if not error["type"].endswith("_type") and error["type"] != "literal_error"]
        first, *others = of_kind[:1] or several
        alternatives = [error["msg"].removeprefix("Input should be ") for error in others]
        yield path, {**first, "msg": " or ".join(dict.fromkeys([first["msg"], *alternatives]))}


def _problem(error: Any, path: yaml.KeyPath, document: yaml.Document) -> BenchError:
    place = document.place(path)
    if error["type"] == "extra_forbidden":
        return UsageError(f"unknown key {str(path[-1])!r}. {did_you_mean(str(path[-1]), _known_keys(path))}", place)
    if error["type"] == "missing":
        return UsageError(f"the key {str(path[-1])!r} is missing", place)
    if error["type"] == "too_short":
        return UsageError("it is empty; at least one value is needed", place)
    if error["type"] == "string_pattern_mismatch":
        return UsageError(f"{str(path[-1])!r} is no name: lower-case letters, digits, - and _, at most 64", place)
    message = lower_first(error["msg"].removeprefix("Value error, "))
    return UsageError(message if isinstance(error["input"], dict) else f"{message}, got {_short(error['input'])}", place)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _real_path(location: Sequence[int | str], data: Any) -> yaml.KeyPath:
    """The key path in the file of pydantic's location, which also names union members and marks keys."""
    path: list[str | int] = []
    for index, step in enumerate(location):
        last = index == len(location) - 1
        if isinstance(data, dict) and (
            step in data
            or (
                last
                and isinstance(step, str)
                and not step.startswith(("function", "dict[", "list[", "literal", "constrained"))
                and step not in ("str", "int", "float", "bool", "[key]")
            )
        ):
            path.append(step)
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            path.append(step)
            data = data[step]
    return tuple(path)


def _without(data: Any, path: yaml.KeyPath) -> Any:
    if not path:
        return None
    head, rest = path[0], path[1:]
    if isinstance(data, dict):
        return {key: (_without(value, rest) if key == head and rest else value) for key, value in data.items() if key != head or rest}
    if isinstance(data, list) and isinstance(head, int):
        return [(_without(value, rest) if index == head else value) for index, value in enumerate(data) if index != head or rest]
    return data


def _known_keys(path: yaml.KeyPath) -> list[str]:
    """The keys allowed where `path` stands."""
    model: Any = SuiteFile
    for step in path[:-1]:
        model = _inside(model, step)
    return sorted(model.model_fields) if isinstance(model, type) and issubclass(model, pydantic.BaseModel) else []


def _inside(model: Any, step: str | int) -> Any:
    """The model below a key: of a field, or of the values of a mapping or list."""
    if isinstance(model, type) and issubclass(model, pydantic.BaseModel) and step in model.model_fields:
        return _first_model(model.model_fields[str(step)].annotation)
    return model


def _first_model(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    found = [_first_model(argument) for argument in getattr(annotation, "__args__", ())]
    return next((model for model in found if model is not None), None)


def _blocks(data: Any) -> Iterator[tuple[yaml.KeyPath, Mapping[str, Any], type[pydantic.BaseModel]]]:
    """Every block of settings in the raw file, with its path and its model."""
    if isinstance(data.get("defaults"), dict):
        yield ("defaults",), data["defaults"], Scaled
    for name, block in _items(data.get("profiles")):
        yield ("profiles", name), block, Scaled
    for name, block in _items(data.get("experiments")):
        yield ("experiments", name), block, Experiment
        inner: list[tuple[yaml.KeyPath, Mapping[str, Any]]] = [(("experiments", name), block)]
        for profile, scale in _items(block.get("profiles")):
            yield ("experiments", name, "profiles", profile), scale, Scale
            inner.append((("experiments", name, "profiles", profile), scale))
        for path, holder in inner:
            cases = holder.get("cases")
            for index, case in enumerate(cases if isinstance(cases, list) else []):
                if isinstance(case, dict):
                    yield (*path, "cases", index), case, Settings


def _items(value: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(str(key), item) for key, item in value.items() if isinstance(item, dict)] if isinstance(value, dict) else []


def _dotted_problems(document: yaml.Document) -> list[BenchError]:
    """Unknown keys in blocks that allow dotted ones."""
    problems: list[BenchError] = []
    for path, block, model in _blocks(document.data):
        for key in block:
            if key in model.model_fields:
                continue
            if not is_cell_key(key):
                hint = did_you_mean(str(key), model.model_fields)
                problems.append(UsageError(f"unknown key {str(key)!r}. {hint}", document.place((*path, str(key)))))
    return problems


def _references(file: SuiteFile, document: yaml.Document) -> Iterator[BenchError]:
    """Tables and figures must name experiments that exist."""
    named: dict[str, Mapping[str, Table | Figure]] = {"tables": dict(file.tables), "figures": dict(file.figures)}
    for block, entries in named.items():
        for name, entry in entries.items():
            if entry.experiment not in file.experiments:
                known = did_you_mean(entry.experiment, file.experiments)
                yield UsageError(f"there is no experiment {entry.experiment!r}. {known}", document.place((block, name, "experiment")))
