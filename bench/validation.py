"""Every problem of a suite file at once: what is wrong is pruned, and the rest is validated again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pydantic

from bench import yaml
from bench.catalog import lower_first
from bench.errors import BenchError, UsageError, did_you_mean
from bench.suite_file import Case, Experiment, Figure, Scale, Scaled, SuiteFile, Table, is_cell_key

_STAND_INS: Mapping[str, Any] = {"title": "", "version": 1}
"""What the rest of a file is validated with where these are missing."""


def validate(document: yaml.Document) -> tuple[SuiteFile | None, list[BenchError]]:
    """Validate, and again without what was wrong, until what is left is sound: so one block hides no problem of another."""
    data = document.data
    problems: dict[tuple[yaml.KeyPath, str], BenchError] = {}
    pruned: list[yaml.KeyPath] = []
    for _ in range(64):
        try:
            return SuiteFile.model_validate(data), [*problems.values(), *_dotted_problems(document)]
        except pydantic.ValidationError as invalid:
            for path, error in _by_path(invalid, document.data):
                if not _follows(error, path, pruned):
                    problems.setdefault((path, ""), _problem(error, path, document))
                if error["type"] == "missing" and path[0] in _STAND_INS:
                    data = {**data, path[0]: _STAND_INS[str(path[0])]}
                    continue
                if error["type"] == "missing":
                    path = path[:-1]
                pruned.append(path)
                data = _without(data, path)
            if not isinstance(data, dict) or not data:
                break
    return None, [*problems.values(), *_dotted_problems(document)]


def _follows(error: Any, path: yaml.KeyPath, pruned: Sequence[yaml.KeyPath]) -> bool:
    """Whether a key is missing, or a list too short, or a block wrong as a whole, because of what was pruned there."""
    inside = [gone for gone in pruned if gone[: len(path)] == path]
    return bool(inside) and (error["type"] in ("missing", "too_short") or (error["type"] == "value_error" and any(len(gone) > len(path) for gone in inside)))


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
        least, given = error["ctx"]["min_length"], error["ctx"]["actual_length"]
        return UsageError(f"there is one; at least {least} are needed" if given else "it is empty; at least one value is needed", place)
    if error["type"] == "string_pattern_mismatch":
        return UsageError(f"{str(path[-1])!r} is no name: lower-case letters, digits, -, _ and inner dots, at most 64", place)
    message = re.sub(r"valid dictionary or instance of \w+", "mapping", lower_first(error["msg"].removeprefix("Value error, ")))
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
                    yield (*path, "cases", index), case, Case


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


def references(file: SuiteFile, document: yaml.Document) -> Iterator[BenchError]:
    """Tables and figures must name experiments that exist."""
    named: dict[str, Mapping[str, Table | Figure]] = {"tables": dict(file.tables), "figures": dict(file.figures)}
    for block, entries in named.items():
        for name, entry in entries.items():
            if entry.experiment not in file.experiments:
                known = did_you_mean(entry.experiment, file.experiments)
                yield UsageError(f"there is no experiment {entry.experiment!r}. {known}", document.place((block, name, "experiment")))
