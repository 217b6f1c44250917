"""Which rows are read: of which suites, at which revision, with or without changes that were not committed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bench.errors import NothingError, UsageError, did_you_mean
from bench.registry.store import Registry

LATEST = re.compile(r"latest(?:~(\d*))?")
HASH = re.compile(r"[0-9a-f]{7,64}")
LISTED = 6
"""How many commits an error lists."""

DETAILS = frozenset(
    {"hp.", "suite_digest", "reason", "signal", "log", "steps_done", "parameters", "measure_seconds", "code_files", "remarks", "weights", "pair"}
)
"""Columns of which a comparison says nothing; they are two fifths of what there is to read."""


@dataclass(frozen=True)
class Revision:
    """What a reader asks for.

    Attributes:
        name: a commit, branch, tag, ``HEAD~1``; ``latest``, the youngest commit that has rows, or ``latest~1``, the one before.
        dirty: whether the changes on top of it that were not committed are meant.
        commit: the full hash, once it is known; see `pinned`.
    """

    name: str
    dirty: bool = False
    commit: str = ""

    def __str__(self) -> str:
        name = self.name[:12] if self.commit == self.name else self.name
        commit = f" ({self.commit[:12]})" if self.commit and not self.commit.startswith(name) else ""
        return f"{name}{' --dirty' if self.dirty else ''}{commit}"


@dataclass(frozen=True)
class State:
    """One state of the code that has rows.

    Attributes:
        revision: what was asked for, with its commit.
        diff_hash: of the changes that were not committed; None for the commit itself.
        remark: what a reader must know of it, or an empty text.
        variant: the ``--set`` overrides, where two states differ in them; else None.
    """

    revision: Revision
    diff_hash: str | None = None
    remark: str = ""
    variant: str | None = None

    def __str__(self) -> str:
        name = f"{self.revision} + {self.diff_hash[:12]}" if self.diff_hash else str(self.revision)
        return name if self.variant is None else f"{name}, {self.variant or 'without --set'}"

    def of(self, runs: pd.DataFrame) -> pd.DataFrame:
        """The rows of this state."""
        changes = runs["diff_hash"].isna() if self.diff_hash is None else runs["diff_hash"] == self.diff_hash
        return runs[(runs["commit"] == self.revision.commit) & changes]


@dataclass(frozen=True)
class Scope:
    """Which rows are of interest, of whatever state.

    Attributes:
        suites: names, or paths whose stem is the name; all when empty.
        profile: the scale; all by default.
        variant: the ``--set`` overrides; empty for rows of none.
        experiments: names; all when empty.
        without: columns that are not wanted, as `Registry.runs` takes them.
    """

    suites: Sequence[str] = ()
    profile: str | None = None
    variant: str = ""
    experiments: Sequence[str] = ()
    without: Collection[str] = ()

    def select(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Those of rows, or of states, that are of interest; of whatever experiment."""
        return select(runs, self.suites, self.profile, self.variant)

    def read(self, registry: Registry, commits: Set[str]) -> pd.DataFrame:
        """The rows of some commits, of every variant."""
        suite = Path(self.suites[0]).stem if len(self.suites) == 1 else None
        return registry.runs(suite, self.profile, commits=commits, without=self.without, categorical=True)

    def rows(self, read: pd.DataFrame) -> pd.DataFrame:
        """The rows of interest among those that were read.

        Raises:
            NothingError: if there are none, or none of an experiment.
        """
        found = self.select(read)
        for name in self.experiments:
            if name not in (known := set(found["experiment"].unique())):
                raise NothingError(f"there are no rows of experiment {name!r}. {did_you_mean(name, known)}")
        return found[found["experiment"].isin(self.experiments)] if self.experiments else found


def select(runs: pd.DataFrame, suites: Sequence[str], profile: str | None, variant: str) -> pd.DataFrame:
    """The rows of some suites.

    Args:
        runs: rows of `runs`, or states.
        suites: names, or paths whose stem is the name; all when empty.
        profile: the scale; all by default.
        variant: the ``--set`` overrides; empty for rows of none.

    Raises:
        NothingError: if there are none.
    """
    if runs.empty:
        raise NothingError("the registry has no rows", hint="Run a suite first: bench run SUITE.")
    names = [Path(name).stem for name in suites]
    for name in names:
        if name not in (known := set(runs["suite"].unique())):
            raise NothingError(f"the registry has no rows of suite {name!r}. {did_you_mean(name, known)}")
    if variant not in (variants := set(runs["variant"].unique())):
        others = "; ".join(f"--variant {shlex.quote(other)}" if other else "none, which is the default" for other in sorted(variants))
        raise NothingError(f"the registry has no rows of variant {variant!r}", hint=f"Its variants: {others}.")
    wanted = runs["variant"] == variant
    if suites:
        wanted &= runs["suite"].isin(names)
    if profile:
        wanted &= runs["profile"] == profile
    # Mostly all are wanted, and to copy them takes long.
    chosen = runs if wanted.all() else runs[wanted]
    if chosen.empty:
        raise NothingError("the registry has no such rows", hint="Run the suite first: bench run SUITE.")
    return chosen


def two_revisions(base: str, head: str | None, dirty: bool = False, same: bool = False) -> list[Revision]:
    """Two revisions, given apart or as git's ``base..head``, an empty side of which is HEAD.

    Args:
        base: the first, or both.
        head: the second.
        dirty: whether the second means the changes on top of it that were not committed; it is HEAD then, unless given.
        same: whether one is compared with itself where no second is given.

    Raises:
        UsageError: if there is only one, or more than two.
    """
    first, dots, second = base.partition("..")
    if second.startswith("."):
        raise UsageError(f"{base!r} has three dots, and so means a common ancestor", hint="Write: bench compare $(git merge-base A B) B")
    if dots and head is not None:
        raise UsageError(f"{base!r} is two revisions already, and {head!r} is a third")
    if dots and (first or second):
        return [Revision(first or "HEAD"), Revision(second or "HEAD", dirty)]
    if same and head is None and not (dots or dirty):
        return [Revision(base), Revision(base)]
    if dots or (head is None and not dirty):
        raise UsageError("two revisions are needed", hint="Write: bench compare BASE HEAD, or BASE..HEAD, or BASE --dirty for uncommitted changes.")
    return [Revision(base), Revision(head or "HEAD", dirty)]


def read_states(
    registry: Registry,
    revisions: Sequence[Revision],
    scope: Scope,
    resolve: Callable[[str], str],
    present: str | None = None,
    base_variant: str | None = None,
) -> tuple[list[State], list[pd.DataFrame]]:
    """Find the states that revisions mean, then read their rows and no others.

    Args:
        registry: where the rows are.
        revisions: what is asked for.
        scope: which rows are of interest.
        resolve: revision -> full hash of a commit.
        present: the hash of the changes in the present work tree, whose rows are preferred.
        base_variant: of the first revision the rows of these ``--set`` overrides are meant, and not those of the scope.

    Returns:
        The states, and the rows of each; those of another variant bear the name of the scope's, so that cells are found again.

    Raises:
        NothingError: if a state has no rows, or two revisions mean the same uncommitted changes.
        StorageError: if the folder is no registry.
    """
    known = registry.states()
    differ = base_variant not in (None, scope.variant)
    scopes = [replace(scope, variant=str(base_variant)) if differ else scope, scope]
    states = [
        replace(state_at(one.select(known), revision, resolve, present), variant=one.variant if differ else None)
        for revision, one in zip(revisions, scopes, strict=True)
    ]
    meanings = {(state.revision.commit, state.diff_hash, state.variant) for state in states}
    if len(meanings) == 1 and len({revision.dirty for revision in revisions}) == 2:
        raise NothingError(f"{revisions[0].name} has rows of uncommitted changes only, and nothing to compare them with", hint=_hint())
    read = scope.read(registry, {state.revision.commit for state in states})
    sides = [state.of(one.rows(read)) for one, state in zip(scopes, states, strict=True)]
    return states, [side.assign(variant=scope.variant) for side in sides] if differ else sides


def rows_at(runs: pd.DataFrame, revision: str, resolve: Callable[[str], str]) -> tuple[pd.DataFrame, str]:
    """The rows of one state of the code; see `state_at`.

    Args:
        runs: rows of `runs` at any commits.
        revision: as `Revision.name`.
        resolve: revision -> full hash of a commit.

    Returns:
        The rows, and what a reader must know of them, or an empty text.

    Raises:
        NothingError: if there are none.
    """
    state = state_at(runs, Revision(revision), resolve)
    return state.of(runs), state.remark


def state_at(runs: pd.DataFrame, revision: Revision, resolve: Callable[[str], str], present: str | None = None) -> State:
    """The state that a revision means.

    Args:
        runs: rows of `runs`, or states, at any commits.
        revision: what is asked for.
        resolve: revision -> full hash of a commit.
        present: the hash of the changes in the present work tree.

    Returns:
        The commit itself, where it has rows of its own and uncommitted changes are not asked for. Else changes on top of
        it: those of the present work tree, or those whose rows were written last, which is remarked.

    Raises:
        NothingError: if it has no rows.
    """
    revision = pinned(revision, runs, resolve)
    mine = runs[runs["commit"] == revision.commit]
    where = f"{revision.name} ({revision.commit[:12]})"
    if mine.empty:
        raise NothingError(f"there are no rows of {where}; commits that have some: {_listed(runs)}", hint=_hint())
    if not revision.dirty and mine["diff_hash"].isna().any():
        return State(revision)
    changed = mine[mine["diff_hash"].notna()].sort_values(["written", "diff_hash"])
    if changed.empty:
        raise NothingError(f"there are no rows of uncommitted changes on top of {where}", hint=_hint())
    if revision.dirty and present in set(changed["diff_hash"]):
        return State(revision, present)
    last = str(changed["diff_hash"].iloc[-1])
    if revision.dirty:
        remark = f"no rows on top of {where} are known to be of the changes that are there now; those written last are taken (changes {last[:12]})"
    else:
        remark = f"{where} has rows of uncommitted changes only; those written last are taken (changes {last[:12]})"
    return State(revision, last, remark)


def pinned(revision: Revision, runs: pd.DataFrame, resolve: Callable[[str], str]) -> Revision:
    """A revision with its commit, so that it goes on to mean the same when there are more rows.

    Args:
        revision: what is asked for. A hash that a recorded commit begins with needs no repository.
        runs: rows of `runs`, or states, at any commits.
        resolve: revision -> full hash of a commit.

    Raises:
        NothingError: if too few commits have rows for ``latest``.
    """
    if revision.commit:
        return revision
    latest = LATEST.fullmatch(revision.name)
    if latest is None:
        return replace(revision, commit=_recorded(runs, revision.name) or resolve(revision.name))
    back = 0 if latest[1] is None else int(latest[1] or 1)
    known = _commits(runs)
    if known.empty:
        raise NothingError("no row has a commit", hint="Keep the suite in a git repository to compare commits.")
    if back >= len(known):
        raise NothingError(f"there is no {revision.name}; commits that have rows: {_listed(runs)}", hint=_hint())
    return replace(revision, commit=str(known["commit"].iloc[-1 - back]))


def _recorded(runs: pd.DataFrame, revision: str) -> str | None:
    """The one commit of the rows that a hash begins, so that a registry can be compared without its repository."""
    if not HASH.fullmatch(revision):
        return None
    found = {commit for commit in runs["commit"].dropna().unique() if commit.startswith(revision)}
    return found.pop() if len(found) == 1 else None


def _commits(runs: pd.DataFrame) -> pd.DataFrame:
    """The commits that have rows and their times, the youngest last; of equally old ones, that whose rows were written last."""
    known = runs.groupby("commit", as_index=False)[["commit_time", "written"]].max()
    return known.sort_values(["commit_time", "written", "commit"])


def _listed(runs: pd.DataFrame) -> str:
    """Commits that have rows, the youngest first, with their dates."""
    known = _commits(runs).iloc[::-1]
    dates = ["no date" if pd.isna(time) else f"{time:%Y-%m-%d}" for time in known["commit_time"]]
    names = [f"{commit[:12]} ({date})" for commit, date in zip(known["commit"], dates, strict=True)]
    return (", ".join(names[:LISTED]) + (f", and {len(names) - LISTED} more" if len(names) > LISTED else "")) or "none"


def _hint() -> str:
    return "`bench compare … --run` trains what is missing there; or check that commit out, and run the suite."
