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
        rows: any rows of runs, with the columns of `IDENTITY` and `RULE`, numbered.

    Returns:
        The rows kept, in their order, numbered anew.
    """
    # Most rows are the only ones of their run, and to look at every column, or to sort, is what takes long.
    repeated = rows[rows.duplicated(["run_id", "commit"], keep=False)]
    several = repeated[repeated.duplicated(list(IDENTITY), keep=False)]
    # Names may be categories, whose order is not that of texts.
    ranked = several.assign(status=several["status"].isin(COMPLETE), row=several["row"].astype(object)).sort_values(list(RULE), kind="stable")
    superseded = ranked.index[ranked.duplicated(list(IDENTITY), keep="last")]
    # To copy the whole table takes longer than to find that nothing is to be left out.
    return rows.drop(superseded).reset_index(drop=True) if len(superseded) else rows
