"""Which rows are read: of which suites, at which revision."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from bench.errors import NothingError, UsageError, did_you_mean

LATEST = "latest"
HASH = re.compile(r"[0-9a-f]{7,64}")


def select(runs: pd.DataFrame, suites: Sequence[str], profile: str | None, variant: str) -> pd.DataFrame:
    """The rows of some suites.

    Args:
        runs: rows of `runs`.
        suites: names, or paths whose stem is the name; all when empty.
        profile: the scale; all by default.
        variant: the ``--set`` overrides; empty for rows of none.

    Raises:
        NothingError: if there are none.
    """
    names = [Path(name).stem for name in suites]
    for name in names:
        if name not in set(runs["suite"]):
            raise NothingError(f"the registry has no rows of suite {name!r}. {did_you_mean(name, set(runs['suite']))}")
    if variant not in set(runs["variant"]):
        known = "; ".join(repr(name) for name in sorted(set(runs["variant"])))
        raise NothingError(f"the registry has no rows of variant {variant!r}", hint=f"It has: {known}")
    chosen = runs[runs["variant"] == variant]
    if suites:
        chosen = chosen[chosen["suite"].isin(names)]
    if profile:
        chosen = chosen[chosen["profile"] == profile]
    if chosen.empty:
        raise NothingError("the registry has no such rows", hint="Run the suite first: bench run SUITE.")
    return chosen


def two_revisions(base: str, head: str | None) -> tuple[str, str]:
    """Two revisions, given apart or as ``base..head``.

    Raises:
        UsageError: if there is only one.
    """
    if head is not None:
        return base, head
    first, dots, second = base.partition("..")
    if not (dots and first and second):
        raise UsageError("two revisions are needed", hint="Write: bench compare BASE HEAD, or bench compare BASE..HEAD")
    return first, second


def rows_at(runs: pd.DataFrame, revision: str, resolve: Callable[[str], str]) -> tuple[pd.DataFrame, str]:
    """The rows of one state of the code.

    Args:
        runs: rows of `runs` at any commits.
        revision: a commit, branch, tag, ``HEAD~1``; or ``latest``, the youngest commit that has rows.
        resolve: revision -> full hash of a commit.

    Returns:
        The rows, and what a reader must know of them, or an empty text. Rows of uncommitted changes are taken only where
        the commit itself has none; then those written last.

    Raises:
        NothingError: if there are none.
    """
    commit = _latest(runs) if revision == LATEST else _recorded(runs, revision) or resolve(revision)
    mine = runs[runs["commit"] == commit]
    if mine.empty:
        raise NothingError(f"there are no rows of {revision} ({commit[:12]})", hint="Check that commit out and run the suite there.")
    clean = mine[~mine["dirty"].astype(bool)]
    if len(clean):
        return clean, ""
    last = mine.sort_values(["written", "row"])["diff_hash"].iloc[-1]
    remark = f"{revision} ({commit[:12]}) has rows of uncommitted changes only; those written last are taken (changes {str(last)[:12]})"
    return mine[mine["diff_hash"] == last], remark


def _recorded(runs: pd.DataFrame, revision: str) -> str | None:
    """The one commit of the rows that a hash begins, so that a registry can be compared without its repository."""
    if not HASH.fullmatch(revision):
        return None
    found = {commit for commit in runs["commit"].dropna() if commit.startswith(revision)}
    return found.pop() if len(found) == 1 else None


def _latest(runs: pd.DataFrame) -> str:
    known = runs[runs["commit"].notna()].sort_values(["commit_time", "written"])
    if known.empty:
        raise NothingError("no row has a commit", hint="Keep the suite in a git repository to compare commits.")
    return str(known["commit"].iloc[-1])
