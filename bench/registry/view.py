"""The clean view of the table runs: one row for each run of an experiment at one state of the code."""

from __future__ import annotations

import pandas as pd

IDENTITY = ("suite", "profile", "variant", "experiment", "run_id", "commit", "diff_hash")
COMPLETE = ("ok", "diverged")
RULE = ("generation", "status", "written", "row")


def clean(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep one row of each identity: the highest generation.

    Among equals a complete row stands before a failure, then the one written last, then the greater name.

    Args:
        rows: any rows of runs, with the columns of `IDENTITY` and `RULE`.

    Returns:
        The rows kept, in their order, numbered anew.
    """
    ranked = rows.assign(status=rows["status"].isin(COMPLETE)).sort_values(list(RULE), kind="stable")
    kept = ranked.drop_duplicates(list(IDENTITY), keep="last").index.sort_values()
    return rows.loc[kept].reset_index(drop=True)
