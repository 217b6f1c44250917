"""Catalogues: name -> part, for one kind of part, filled by importing the files of one folder.

A part is a function or a small class. Its positional arguments are handed in by the engine; its keyword-only arguments
are what a suite may set, and their annotations and defaults *are* the schema.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

import pydantic

from bench.errors import BenchError, MissingError, Place, UnknownNameError, UsageError, did_you_mean

Target = TypeVar("Target")
Registered = TypeVar("Registered", bound=Callable[..., Any])

ENTRY_POINTS = "implicit_bench.parts"
COLUMN_TYPES: Mapping[type, str] = {bool: "bool", int: "int64", float: "float64"}


@dataclass(frozen=True)
class Part(Generic[Target]):
    """One entry of a catalogue.

    Attributes:
        kind: the kind of part, as ``"model"``.
        name: what a suite calls it.
        target: the function or class.
        source: the file that defines it.
        schema: a strict pydantic model of its parameters.
        traits: what its decorator said of it.
    """

    kind: str
    name: str
    target: Target
    source: Path
    schema: type[pydantic.BaseModel]
    traits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (inspect.getdoc(self.target) or "").partition("\n")[0]

    def check(self, parameters: Mapping[str, Any], locate: Callable[[tuple[str | int, ...]], Place] | None = None) -> tuple[dict[str, Any], list[UsageError]]:
        """Check parameters against the signature and fill in the defaults.

        Args:
            parameters: what a suite gives, without ``name``.
            locate: where the parameter of a given path stands, for messages.

        Returns:
            The complete parameters, and every problem found (then the parameters are of no use).
        """
        try:
            return self.schema.model_validate(dict(parameters)).model_dump(), []
        except pydantic.ValidationError as invalid:
            return {}, [self._problem(error, locate or _nowhere) for error in invalid.errors()]

    def _problem(self, error: Any, locate: Callable[[tuple[str | int, ...]], Place]) -> UsageError:
        location = location_of(error)
        name = str(location[0])
        place = locate(tuple(step for step in location[:2] if step == name or isinstance(step, int)))
        if error["type"] == "extra_forbidden" or not error["loc"]:
            return UsageError(f"{self.kind} {self.name!r} has no parameter {name!r}. {did_you_mean(name, self.schema.model_fields)}", place)
        if error["type"] == "missing":
            return UsageError(f"{self.kind} {self.name!r} needs the parameter {name!r}", place)
        return UsageError(f"{lower_first(error['msg'])}, got {error['input']!r}", place)

    def column_types(self) -> dict[str, str]:
        """The type of each parameter's column in the registry: int64, float64, bool or string."""
        return {name: _column_type(info.annotation) for name, info in self.schema.model_fields.items()}


class Catalog(Generic[Target]):
    """The parts of one kind by name, found in the files of one package and in plugins.

    Args:
        kind: the kind of part, as ``"model"``, for messages.
        package: the package whose files are imported at the first look.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._parts: dict[str, Part[Target]] = {}
        self._discovered = False

    def register(self, name: str | None = None, **traits: Any) -> Callable[[Registered], Registered]:
        """A decorator that adds a part.

        Args:
            name: what suites call it; the target's own name by default.
            **traits: what the engine may ask of the part.

        Raises:
            UsageError: when used, if the name is taken.
        """

        def add(target: Registered) -> Registered:
            chosen = name or target.__name__
            source = Path(inspect.getfile(target)).resolve()
            taken = self._parts.get(chosen)
            if taken is not None:
                raise UsageError(f"{self.kind} {chosen!r} is defined twice: in {taken.source} and in {source}")
            self._parts[chosen] = Part(self.kind, chosen, typing.cast("Target", target), source, _schema(chosen, target), traits)
            return target

        return add

    def __getitem__(self, name: str) -> Part[Target]:
        self._discover()
        if name not in self._parts:
            raise UnknownNameError(f"there is no {self.kind} {name!r}. {did_you_mean(name, self._parts)}")
        return self._parts[name]

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._parts

    def __iter__(self) -> Iterator[Part[Target]]:
        self._discover()
        return iter(sorted(self._parts.values(), key=lambda part: part.name))

    def names(self) -> list[str]:
        """The names, sorted."""
        return [part.name for part in self]

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")


def load_plugin(path: str | Path) -> Path:
    """Import one file of a user's own, so that its decorators fill the catalogues.

    Args:
        path: a Python file.

    Returns:
        The file's full path.

    Raises:
        MissingError: if there is no such file.
        UsageError: if it cannot be imported, or names a part that exists.
        BenchError: what the file itself raised of this kind.
    """
    try:
        file = Path(path).resolve()
        there = file.is_file()
    except (OSError, ValueError):  # a name that no file can have
        there = False
    if not there:
        raise MissingError(
            f"there is no plugin {str(path)!r}",
            hint="Plugins are Python files. Those of a suite lie relative to its file, those of --plugins to the current folder.",
        )
    name = f"bench_plugin_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return file
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"plugin {str(path)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BenchError:
        del sys.modules[name]
        raise
    except Exception as error:  # a user's file may raise anything, and the message must name that file
        del sys.modules[name]
        raise UsageError(f"plugin {str(path)!r} cannot be imported: {type(error).__name__}: {error}") from error
    return file


def load_entry_points() -> None:
    """Import the modules that installed packages offer under the group ``implicit_bench.parts``."""
    for entry in entry_points(group=ENTRY_POINTS):
        entry.load()


def _nowhere(path: tuple[str | int, ...]) -> Place:
    return Place(key=".".join(str(step) for step in path))


def location_of(error: Any) -> tuple[str | int, ...]:
    """Where pydantic found an error; a key that is half a character has no place there, and is the input itself."""
    location: tuple[str | int, ...] = error["loc"] or (str(error["input"]),)
    return location


def lower_first(sentence: str) -> str:
    """The sentence with a small first letter, to stand after a colon."""
    return sentence[:1].lower() + sentence[1:]


def _schema(name: str, target: Callable[..., Any]) -> type[pydantic.BaseModel]:
    function = target.__init__ if inspect.isclass(target) else target
    hints = typing.get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {
        parameter.name: (hints[parameter.name], ... if parameter.default is parameter.empty else parameter.default)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    config = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())
    return pydantic.create_model(name, __config__=config, **fields)


def _column_type(annotation: Any) -> str:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        inner = {_column_type(argument) for argument in typing.get_args(annotation) if argument is not types.NoneType}
        return inner.pop() if len(inner) == 1 else "string"
    if typing.get_origin(annotation) is typing.Annotated:
        return _column_type(typing.get_args(annotation)[0])
    return COLUMN_TYPES.get(annotation, "string")
