"""Trains what a comparison lacks: at each revision in a process of its own, which imports that revision's code and no other."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.analysis.revisions import Revision, pinned
from bench.errors import BenchError, MissingError, NothingError, StorageError, UnknownNameError, UsageError, did_you_mean
from bench.ground import Ground
from bench.holding import Holding
from bench.overrides import Overrides
from bench.registry.git import git_state, resolve, work_tree
from bench.registry.store import Registry
from bench.worktree import worktree

CAUSES = {kind.exit_code: kind for kind in (UsageError, StorageError, MissingError, NothingError)}
SOME_FAILED = 1
"""The exit code of a command whose rows are all there, some of them of failed runs."""


@dataclass(frozen=True)
class Order:
    """What is to be run at each revision.

    Attributes:
        suites: names or paths.
        profile: the scale.
        results: the registry's folder.
        overrides: ``--set key=value`` texts.
        experiments: names; all when empty.
        plugins: files that define parts; those of the repository are taken from the revision.
        jobs: how many workers at most.
    """

    suites: Sequence[str]
    profile: str
    results: Path
    overrides: Sequence[str] = ()
    experiments: Sequence[str] = ()
    plugins: Sequence[str] = ()
    jobs: int | None = None

    def words(self, ground: Ground, outputs: Path) -> list[str]:
        """The words after ``bench run``, with the paths of a work tree.

        Args:
            ground: the work tree.
            outputs: a folder for what is not kept.
        """
        plugins = [str(ground.moved(Path(name)) or Path(name).absolute()) for name in self.plugins]
        repeated = {"--set": self.overrides, "--experiment": self.experiments, "--plugins": plugins, "--jobs": [str(self.jobs)] if self.jobs else []}
        words = [*(str(ground.suite(name)) for name in self.suites), "--profile", self.profile]
        words += [word for option, values in repeated.items() for value in values for word in (option, value)]
        return [*words, "--results", str(self.results.absolute()), "--report", str(outputs)]


@dataclass(frozen=True)
class Outcome:
    """What came of it: whether some runs failed, and what a reader must know."""

    failed: bool
    remarks: tuple[str, ...]


def the_only_suite(registry: Registry) -> str:
    """The suite of which a registry has rows.

    Raises:
        UsageError: if there are several, or none.
    """
    names = sorted(registry.states()["suite"].unique()) if registry.exists else []
    if len(names) != 1:
        has = f"has rows of {len(names)} suites ({', '.join(names)})" if names else "has no rows yet"
        raise UsageError(f"the registry {has}, so --run does not know which suite is meant", hint="Name it: --suite SUITE")
    return str(names[0])


def pinned_all(revisions: Sequence[Revision], registry: Registry, suites: Sequence[str]) -> list[Revision]:
    """Revisions with their commits, in the repository of the current folder.

    Args:
        revisions: what is asked for.
        registry: says which commits have rows, for ``latest``.
        suites: names or paths; only their rows count.

    Raises:
        BenchError: if there is no such commit.
    """
    states = registry.states() if registry.exists else pd.DataFrame(columns=["suite", "commit", "commit_time", "written"])
    mine = states[states["suite"].isin([Path(name).stem for name in suites])]
    return [pinned(revision, mine, lambda name: resolve(name, Path())) for revision in revisions]


def backfill(order: Order, revisions: Sequence[Revision], tell: Callable[[str], None]) -> Outcome:
    """Run suites at revisions; runs that are done there are not trained again.

    The present work tree is used where it is the revision, and else a temporary one, which is gone afterwards, also after
    a failure or a signal. All is checked for every revision before the first is trained.

    Args:
        order: what to run.
        revisions: where, with their commits.
        tell: takes each line that the processes say.

    Raises:
        MissingError: if git is not installed, or the current folder is in no repository.
        UsageError: if a revision lacks a suite, or would be run by code that is not its own.
        BenchError: if a process fails, with its exit code, or leaves no rows of its revision.
    """
    root = work_tree(Path())
    if root is None:
        raise MissingError("the current folder is in no git repository, so there is no revision to run", hint="Run this where the suite is kept.")
    with Holding() as held, ExitStack() as stack:
        outputs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="implicit-bench-", ignore_cleanup_errors=True)))
        jobs: dict[tuple[str, bool], _Job] = {}
        for revision in revisions:
            if (revision.commit, revision.dirty) not in jobs:
                tree = root if _is_here(revision, order) else stack.enter_context(worktree(root, revision.commit))
                jobs[revision.commit, revision.dirty] = _Job(order, revision, Ground(root, tree))
        for job in jobs.values():
            job.check()
        failed = [job.run(outputs, held, tell) for job in jobs.values() if held.number is None]
    return Outcome(any(failed), tuple(dict.fromkeys(remark for job in jobs.values() for remark in job.remarks())))


def _is_here(revision: Revision, order: Order) -> bool:
    """Whether the present work tree is what is meant: a commit only if there is nothing else in it, as an untracked part.

    Raises:
        UsageError: if uncommitted changes are meant, but of another commit than that which is checked out.
    """
    present = git_state(Path(), exclude=[order.results])
    if revision.dirty and present.commit != revision.commit:
        message = f"uncommitted changes are on top of the commit that is checked out, {str(present.commit)[:12]}, and can be run there only"
        raise UsageError(message, hint="Write: bench compare BASE --dirty --run")
    return revision.dirty or (present.commit == revision.commit and not present.dirty)


@dataclass(frozen=True)
class _Job:
    """The run of suites at one revision, in a work tree."""

    order: Order
    revision: Revision
    ground: Ground

    def remarks(self) -> Iterator[str]:
        """What a reader must know."""
        if not self.ground.is_present:
            yield "revisions were run by their own code, but with the Python and the packages that are installed now"
        if self.ground.package is None:
            yield f"{self.revision} has no package bench; the installed one ran its suite"

    def check(self) -> None:
        """See that the suites are there, and that Python imports the code that is meant.

        Raises:
            UnknownNameError: if a suite is not.
        """
        for name in self.order.suites:
            if self.ground.suite(name) is None:
                hint = "--suite takes a name, or the path of a .yaml file of this repository."
                raise UnknownNameError(f"{self.revision} has no suite {name!r}. {did_you_mean(name, self.ground.suites())}", hint=hint)
        self.ground.check_imports(str(self.revision))

    def run(self, outputs: Path, held: Holding, tell: Callable[[str], None]) -> bool:
        """Run, and see that the rows are there.

        Args:
            outputs: a folder for what is not kept.
            held: signals.
            tell: takes each line that the process says.

        Returns:
            Whether some runs failed.

        Raises:
            BenchError: if the process fails, or leaves no rows of this state of the code.
        """
        chosen = [f" -e {name}" for name in self.order.experiments] + [f" --set {setting}" for setting in self.order.overrides]
        tell(f"{self.revision}: bench run {' '.join(self.order.suites)} --profile {self.order.profile}{''.join(chosen)}")
        command = [sys.executable, "-P", "-m", "bench", "run", *self.order.words(self.ground, outputs / self.revision.commit)]
        code, last = held.follow(command, self.ground.folder, self.ground.environment(), tell)
        if held.number is not None:
            return False
        if code not in (0, SOME_FAILED):
            cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise CAUSES.get(code, BenchError)(f"`bench run` failed at {self.revision} with {cause}; it said:", hint="\n  ".join(last))
        for name in self.order.suites:
            if Path(name).stem not in self._recorded():
                hint = "Rows are of uncommitted changes where the suite or a plugin is not committed.\n  It said:\n  " + "\n  ".join(last)
                raise BenchError(f"`bench run` has left no rows of {self.revision} for suite {Path(name).stem!r}", hint=hint)
        return code == SOME_FAILED

    def _recorded(self) -> set[str]:
        """The suites of which the registry has rows of this very state of the code."""
        registry = Registry(self.order.results)
        if not registry.exists:
            return set()
        states = registry.states()
        meant = (states["profile"] == self.order.profile) & (states["variant"] == Overrides.parse(self.order.overrides).variant)
        here = (states["commit"] == self.revision.commit) & (states["diff_hash"].notna() == self.revision.dirty)
        return set(states[meant & here]["suite"])
