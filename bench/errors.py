"""One tree of exceptions: each says what was wrong, where, what is allowed and what to do, and knows its exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where something was found: a file, a line in it, the path of a key."""

    file: str | None = None
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        position = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return ": ".join(part for part in (position, self.key) if part)


class BenchError(Exception):
    """Something that a user can understand and mend.

    Args:
        message: what was wrong and what is allowed, in a sentence.
        place: where it was found.
        hint: what to do.
    """

    exit_code = 70

    def __init__(self, message: str, place: Place | None = None, hint: str | None = None) -> None:
        super().__init__(message, place, hint)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        head = f"{self.place}: {self.message}" if self.place and str(self.place) else self.message
        return f"{head}\n  {self.hint}" if self.hint else head


class UsageError(BenchError):
    """A command or a value was used wrongly."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name is in no catalogue, suite or registry."""


class UnsetError(UsageError):
    """A setting that a cell needs is set nowhere; where a file has other problems, it may be what these are about."""


class SuiteError(UsageError):
    """A suite file cannot be used; carries every problem that was found in it."""

    def __init__(self, problems: Sequence[BenchError]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[Any, ...]:
        return SuiteError, (self.problems,)


class StorageError(BenchError):
    """The registry or the disk refused; nothing that was written before is lost."""

    exit_code = 3


class MissingError(BenchError):
    """The environment lacks something: a data set, a GPU, an optional dependency."""

    exit_code = 4


class NothingError(BenchError):
    """Nothing was selected, or there is nothing to compare."""

    exit_code = 5


def did_you_mean(name: str, known: Iterable[str], limit: int = 12) -> str:
    """A sentence that helps after an unknown name.

    Args:
        name: what was given.
        known: the names that exist.
        limit: how many names are listed when none is near.

    Returns:
        ``Did you mean 'seeds'?`` or ``Known: a, b, c.``
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    listed = ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
    return f"Known: {listed}." if names else "There are none."
