"""Rows of a revision: what `compare` sets against each other."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from bench.errors import NothingError

LATEST = "latest"


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
    commit = _latest(runs) if revision == LATEST else resolve(revision)
    mine = runs[runs["commit"] == commit]
    if mine.empty:
        raise NothingError(f"there are no rows of {revision} ({commit[:12]})", hint="Check that commit out and run the suite there.")
    clean = mine[~mine["dirty"].astype(bool)]
    if len(clean):
        return clean, ""
    last = mine.sort_values(["written", "row"])["diff_hash"].iloc[-1]
    remark = f"{revision} ({commit[:12]}) has rows of uncommitted changes only; those written last are taken (changes {str(last)[:12]})"
    return mine[mine["diff_hash"] == last], remark


def _latest(runs: pd.DataFrame) -> str:
    known = runs[runs["commit"].notna()].sort_values(["commit_time", "written"])
    if known.empty:
        raise NothingError("no row has a commit", hint="Keep the suite in a git repository to compare commits.")
    return str(known["commit"].iloc[-1])
