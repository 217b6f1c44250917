"""Strict YAML 1.2: plain data and the line of every key, or one clear error.

Anchors, aliases and tags are refused, and so are duplicate keys, several documents, deep nesting and huge files: a suite
is a plain tree, and what it says must be visible where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, DocumentStartEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.errors import MissingError, Place, SuiteError, UsageError

MAX_BYTES = 200_000
MAX_DEPTH = 32
TEXT = "tag:yaml.org,2002:str"

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A parsed file: its data, its text, and where each key path stands."""

    file: str
    text: str
    data: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def place(self, path: KeyPath) -> Place:
        """The place of a key path, or of the nearest key above it."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return Place(self.file, self.lines.get(known), join(path) or None)


def read(path: Path, shown: str | None = None) -> Document:
    """Read and parse a file.

    Args:
        path: the file.
        shown: how messages call it; the path by default.

    Raises:
        MissingError: if there is no such file.
        SuiteError: if it is no plain, strict YAML document.
    """
    name = shown or str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise MissingError(f"there is no file {name!r}") from error
    except OSError as error:
        raise MissingError(f"{name!r} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise SuiteError([UsageError(f"the file is larger than {MAX_BYTES} bytes, more than a suite can need", Place(name))])
    try:
        return parse(raw.decode("utf-8-sig"), name)
    except UnicodeDecodeError as error:
        raise SuiteError([UsageError(f"not UTF-8 text (byte {error.start})", Place(name))]) from error


def parse(text: str, file: str = "<text>") -> Document:
    """Parse a text; see `read`.

    Raises:
        SuiteError: if it is no plain, strict YAML document.
    """
    try:
        _guard(text, file)
        loader = YAML(typ="safe", pure=True)
        node = loader.compose(text)
        lines: dict[KeyPath, int] = {}
        _collect(node, (), lines, file)
        data = None if node is None else loader.constructor.construct_document(node)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = (error.problem or error.context or "not YAML").splitlines()[0]
        raise SuiteError([UsageError(problem, Place(file, mark.line + 1 if mark else None))]) from error
    except (YAMLError, ValueError, OverflowError) as error:
        raise SuiteError([UsageError(f"not YAML: {str(error).splitlines()[0]}", Place(file))]) from error
    return Document(file, text, data, lines)


def scalar(text: str) -> Any:
    """The value of a text as YAML reads it: what ``--set key=value`` gives.

    Raises:
        UsageError: if it is no YAML.
    """
    try:
        return parse(text, "--set").data
    except SuiteError as error:
        raise UsageError(f"{text!r} is not a value: {error.problems[0].message}") from error


def join(path: KeyPath) -> str:
    """A key path as messages write it: ``experiments.batch-size.grid.lr[2]``."""
    out = ""
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else f".{step}" if out else str(step)
    return out


def _guard(text: str, file: str) -> None:
    """Refuse what a plain tree does not need, before anything is built from it.

    Raises:
        SuiteError: at the first of these.
    """
    depth = 0
    documents = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent):
            raise SuiteError([UsageError("aliases are not allowed", Place(file, line), "Write the value out where it is used.")])
        if isinstance(event, NodeEvent) and event.anchor is not None:
            raise SuiteError([UsageError("anchors are not allowed", Place(file, line), "Write the value out where it is used.")])
        tag = getattr(event, "tag", None)
        if tag is not None and str(tag) not in ("!", "None"):
            raise SuiteError([UsageError(f"the tag {str(tag)!r} is not allowed", Place(file, line), "Suites are plain data.")])
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise SuiteError([UsageError("a second document begins; a file holds one", Place(file, line))])
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise SuiteError([UsageError(f"nested too deeply; at most {MAX_DEPTH} levels", Place(file, line))])
        elif isinstance(event, CollectionEndEvent):
            depth -= 1


def _collect(node: Node | None, path: KeyPath, lines: dict[KeyPath, int], file: str) -> None:
    """Note the line of every key and item.

    Raises:
        SuiteError: at a key that is no text, such as a number, a list or the merge key ``<<``.
    """
    if isinstance(node, MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if str(key.tag) != TEXT:
                shown = repr(key.value) if isinstance(key, ScalarNode) else "a list or a mapping"
                raise SuiteError([UsageError(f"a key must be text, and {shown} is none", Place(file, line, join(path) or None), "Put it in quotes.")])
            below = (*path, key.value)
            lines[below] = line
            _collect(value, below, lines, file)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            lines[*path, index] = value.start_mark.line + 1
            _collect(value, (*path, index), lines, file)
