"""Which sources a run's numbers depend on, and a hash of them that only code changes.

Comments, docstrings, layout and the place of the checkout do not count, so that a run stays done when only these change.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.config import canonical

PACKAGE = Path(__file__).resolve().parent
PARTS = "bench.parts"


@dataclass(frozen=True)
class Stamp:
    """A source when it was read: when it was written, in nanoseconds, its bytes, and its hash."""

    written: int
    size: int
    hash: str


class Sources:
    """Reads sources once and remembers their hashes.

    Args:
        package: the folder of the package ``bench``.

    Attributes:
        stamps: the files that were read, as they were then.
    """

    def __init__(self, package: Path = PACKAGE) -> None:
        self.stamps: dict[Path, Stamp] = {}
        self._package = package
        self._closures: dict[Path, frozenset[Path]] = {}

    def hashes(self, parts: Iterable[Path]) -> dict[str, str]:
        """The hash of each source that can change the numbers of a run.

        These are the files of training, of random streams, and of the parts with what they import from `bench.parts`.

        Args:
            parts: the files of the parts that the run names, plugins included.

        Returns:
            The file's path in the package, or its name for a plugin, to 16 hexadecimal digits.
        """
        files = {self._package / "seeding.py", *(self._package / "train").rglob("*.py")}
        for part in parts:
            files |= self._closure(part)
        named: dict[str, list[str]] = {}
        for file in sorted(files):
            named.setdefault(self._name(file), []).append(self._hash(file))
        # Plugins in two folders may share a name.
        return {name: "+".join(sorted(hashes)) for name, hashes in named.items()}

    def outdated(self, then: Mapping[str, str]) -> list[str]:
        """The sources of a run whose code is another now, sorted; plugins are passed over, as nobody says where they lie.

        Args:
            then: what `hashes` gave when the run was trained; a name from elsewhere leads to no file outside the package.
        """
        now = self.hashes(())
        for name in then.keys() - now.keys():
            file = (self._package / name).resolve()
            if file.is_relative_to(self._package) and file.suffix == ".py" and file.is_file():
                now[name] = self._hash(file)
            elif "/" not in name:
                now[name] = then[name]
        return changed(then, now)

    def _name(self, file: Path) -> str:
        return file.relative_to(self._package).as_posix() if file.is_relative_to(self._package) else file.name

    def _hash(self, file: Path) -> str:
        if file not in self.stamps:
            self.stamps[file] = _stamp(file)
        return self.stamps[file].hash

    def _closure(self, file: Path) -> frozenset[Path]:
        """The file and what it imports from `bench.parts`, directly or not."""
        if file not in self._closures:
            found = {file}
            waiting = [file]
            while waiting:
                for imported in self._imports(waiting.pop()):
                    if imported not in found:
                        found.add(imported)
                        waiting.append(imported)
            self._closures[file] = frozenset(found)
        return self._closures[file]

    def _imports(self, file: Path) -> Iterator[Path]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.startswith(f"{PARTS}."):
                    base = self._package.joinpath(*name.split(".")[1:])
                    yield from (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file())


def code_id(hashes: Mapping[str, str]) -> str:
    """One hash over the hashes of `Sources.hashes`: 64 hexadecimal digits."""
    return hashlib.sha256(canonical(dict(hashes)).encode()).hexdigest()


def edited(stamps: Mapping[Path, Stamp]) -> list[str]:
    """The files whose code is no longer what it was.

    Args:
        stamps: what `Sources` says of them.

    Returns:
        Their names, sorted.
    """
    return sorted({file.name for file, stamp in stamps.items() if not _holds(file, stamp)})


def _stamp(file: Path) -> Stamp:
    state = file.stat()
    return Stamp(state.st_mtime_ns, state.st_size, fingerprint(file.read_text(encoding="utf-8"))[:16])


def _holds(file: Path, stamp: Stamp) -> bool:
    try:
        state = file.stat()
        return (state.st_mtime_ns, state.st_size) == (stamp.written, stamp.size) or _stamp(file).hash == stamp.hash
    except (OSError, ValueError, SyntaxError):
        return False


def changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The sources that differ between two results of `Sources.hashes`, sorted."""
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))


def fingerprint(source: str) -> str:
    """SHA-256 of Python source as a syntax tree without docstrings."""
    return hashlib.sha256(canonical(_plain(ast.parse(source))).encode()).hexdigest()


def _plain(node: Any) -> Any:
    """A syntax tree as lists, without docstrings, positions and empty fields, so that every Python gives the same."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return [type(node).__name__, repr(node)]
    fields: dict[str, Any] = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    return [type(node).__name__, {name: _plain(value) for name, value in fields.items() if value is not None and value != []}]
