"""A work tree that stands for the present one: where its files are, and what a Python process that runs there imports."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from bench import suite as suites
from bench.errors import UsageError
from bench.registry.git import MISLEADING
from bench.sources import PACKAGE

MODULES = ("__main__.py", "cli.py")
"""By these a folder named bench is known to be this package, and not a user's own folder of that name."""

PROBE = "import bench.cli; print(bench.__file__)"
TERMINAL = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"})
"""Variables that make a process draw bars where lines are read."""


class Ground:
    """A work tree in place of the present one.

    Args:
        root: the top folder of the present work tree.
        tree: that of the one that stands for it; the same where the present one is meant.
    """

    def __init__(self, root: Path, tree: Path) -> None:
        self._root = root
        self.tree = tree
        self._path = list(dict.fromkeys(self._moved_path()))
        self.package = next((folder / "bench" for folder in (*self._path, tree) if all((folder / "bench" / name).is_file() for name in MODULES)), None)
        """The package bench in this work tree, or None."""

    @property
    def is_present(self) -> bool:
        """Whether it is the present one."""
        return self.tree == self._root

    @property
    def folder(self) -> Path:
        """Where commands run: the folder that stands for the current one."""
        moved = self.moved(Path.cwd())
        return moved if moved is not None and moved.is_dir() else self.tree

    def moved(self, path: Path) -> Path | None:
        """What stands for a path of the present work tree; None for one outside it."""
        # The name itself may be a link, and is one in the other tree too.
        absolute = path.absolute().parent.resolve() / path.name
        return self.tree / absolute.relative_to(self._root) if absolute.is_relative_to(self._root) else None

    def suite(self, name: str) -> Path | None:
        """The file of a suite, given by name or by path, or None."""
        if not name.endswith((".yaml", ".yml")):
            return self.suites().get(name)
        path = self.moved(Path(name))
        return path if path is not None and path.is_file() else None

    def suites(self) -> dict[str, Path]:
        """The named suites: name -> file."""
        return suites.available([moved for folder in suites.folders() if (moved := self.moved(folder)) is not None])

    def environment(self) -> dict[str, str]:
        """The variables of a process that imports from this work tree, and from the present one only where both are one.

        Its own folders stand first in PYTHONPATH, and so before those of installed packages, an editable bench included.
        """
        given = [Path(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
        outside = [entry.absolute() for entry in given if not entry.resolve().is_relative_to(self._root)]
        own = [] if self.package is None else [self.package.parent]
        kept = {name: value for name, value in os.environ.items() if name not in TERMINAL | MISLEADING}
        data = {"BENCH_DATA": str(Path(kept["BENCH_DATA"]).expanduser().absolute())} if kept.get("BENCH_DATA") else {}
        return {**kept, **data, "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(str, (*own, *self._path, *outside))))}

    def check_imports(self, name: str) -> None:
        """See, in a process of its own, that Python imports the code that is meant.

        Args:
            name: of the revision, for the error.

        Raises:
            UsageError: if it imports other code, or none.
        """
        wanted = self._wanted(name)
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROBE], cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UsageError(f"the code of {name} cannot be imported by this Python", hint="\n  ".join(done.stderr.splitlines()[-5:]))
        found = Path(done.stdout.splitlines()[-1]).resolve().parent
        if found != wanted:
            raise UsageError(f"{name} would be run by the code in {found}, not by that in {wanted}", hint="See what PYTHONPATH and sitecustomize put first.")

    def _moved_path(self) -> Iterator[Path]:
        """The folders that stand for those of the present work tree from which this process imports."""
        installed = {Path(path).resolve() for path in sysconfig.get_paths().values()}
        for entry in (Path(entry).resolve() for entry in sys.path):
            moved = None if entry in installed else self.moved(entry)
            if moved is not None and moved.is_dir():
                yield moved

    def _wanted(self, name: str) -> Path:
        if self.package is not None:
            return self.package.resolve()
        installed = any(PACKAGE.is_relative_to(Path(sysconfig.get_path(kind)).resolve()) for kind in ("purelib", "platlib"))
        if PACKAGE.is_relative_to(self._root) and not installed:
            raise UsageError(f"{name} has no package bench, and the present one is of the same repository: its numbers would not be that revision's")
        return PACKAGE
