"""A disk that refuses the call of a given number, of all calls that durable writes make in this process."""

from __future__ import annotations

import errno
import os

import pytest

from bench import files

CALLS = ("create", "write", "fsync", "close", "sync_file", "link", "replace", "make_folder", "sync_folder")
"""All but taking names away: a temporary name that stays harms nobody, and is no refusal."""


class Disk:
    """Counts calls, and lets one of them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails(-1)
        for name in CALLS:
            monkeypatch.setattr(files.System, name, self._counted(getattr(files.System, name)))

    def _counted(self, call):
        def counted(system, *arguments):
            self.count += 1
            if self.count - 1 == self._fail_at:
                raise OSError(self._number, os.strerror(self._number))
            return call(system, *arguments)

        return counted

    def fails(self, place: int, number: int = errno.ENOSPC) -> None:
        """Count anew, and fail at that call, none if it is negative."""
        self.count, self._fail_at, self._number = 0, place, number
