"""YAML -> `Suite`: found by name or path, read strictly, its problems collected with file, line and key path.

The reading side uses this too, so nothing here knows torch or the catalogues; parameters of parts are checked by
`bench.resolve`, which goes on with what this file accepted, so that both kinds of problem are reported together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import yaml
from bench.errors import BenchError, MissingError, Place, SuiteError, UnknownNameError, UsageError, did_you_mean
from bench.suite_file import SLUG, SuiteFile
from bench.validation import references, validate


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
    file, problems = validate(document)
    if file is None:
        raise SuiteError(problems)
    problems += list(references(file, document))
    return Suite(name, path, document, file, tuple(problems))


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
