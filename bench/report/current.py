"""The newest state of each experiment: reports show one commit per experiment, never a mixture of two."""

from __future__ import annotations

import pandas as pd

EXPERIMENT = ["suite", "profile", "variant", "experiment"]
STATE = ["commit", "diff_hash", "suite_version"]


def current(runs: pd.DataFrame, head: str | None = None) -> pd.DataFrame:
    """The rows of each experiment's newest state: a commit, changes that were not committed, and a version of the suite.

    Args:
        runs: rows of `runs` at any commits.
        head: the commit that is checked out; where it has rows, they are the newest.

    Returns:
        Rows of one state per suite, profile, variant and experiment: at `head`, else at the youngest commit, of the
        highest version of the suite, written last.
    """
    if runs.empty:
        return runs
    keyed = runs[[*EXPERIMENT, *STATE, "commit_time", "written"]].assign(at_head=runs["commit"].eq(head) if head else False)
    for column in ("commit", "diff_hash"):
        keyed[column] = keyed[column].astype(object).where(keyed[column].notna(), "")
    keyed["written"] = keyed.groupby([*EXPERIMENT, *STATE])["written"].transform("max")
    ranked = keyed.sort_values(["at_head", "commit_time", "suite_version", "written", "commit", "diff_hash"], na_position="first", kind="stable")
    newest = ranked.drop_duplicates(EXPERIMENT, keep="last").set_index([*EXPERIMENT, *STATE]).index
    return runs[keyed.set_index([*EXPERIMENT, *STATE]).index.isin(newest)]
