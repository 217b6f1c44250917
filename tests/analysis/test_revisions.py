from __future__ import annotations

import pandas as pd
import pytest

from bench.analysis.revisions import rows_at, select, two_revisions
from bench.errors import NothingError, UsageError

OLD, NEW = "a" * 40, "b" * 40
TIMES = {OLD: "2026-01-01", NEW: "2026-02-01", None: None}


def frame(*states):
    """One row per (commit, changes that were not committed)."""
    return pd.DataFrame(
        {
            "row": [str(number) for number in range(len(states))],
            "commit": [commit for commit, _ in states],
            "commit_time": pd.to_datetime([TIMES[commit] for commit, _ in states], utc=True),
            "dirty": [changes is not None for _, changes in states],
            "diff_hash": [changes for _, changes in states],
            "written": pd.to_datetime(range(len(states)), utc=True),
            "suite": "demo",
            "profile": "quick",
            "variant": "",
        }
    ).astype({"commit": object, "diff_hash": object})


def git(revision):
    return {"HEAD": NEW, "HEAD~1": OLD, "other": "c" * 40}[revision]


def rows(runs, revision):
    found, remark = rows_at(runs, revision, git)
    return found["row"].tolist(), remark


def test_rows_of_a_revision():
    runs = frame((OLD, None), (NEW, None), (NEW, "x"), (None, None))
    assert rows(runs, "HEAD~1") == (["0"], "")
    assert rows(runs, "HEAD") == (["1"], "")
    assert rows(runs, "latest") == (["1"], "")


def test_a_hash_needs_no_repository():
    runs = frame((OLD, None), (NEW, None))
    assert rows(runs, OLD[:7]) == (["0"], "")
    with pytest.raises(KeyError):
        rows(runs, OLD[:6])


def test_uncommitted_changes_are_taken_last_and_said():
    found, remark = rows(frame((NEW, "x"), (NEW, "y"), (NEW, "x")), "HEAD")
    assert found == ["0", "2"]
    assert "uncommitted changes only" in remark


def test_nothing_there():
    with pytest.raises(NothingError, match="no rows of other"):
        rows(frame((NEW, None)), "other")
    with pytest.raises(NothingError, match="no row has a commit"):
        rows(frame((None, None)), "latest")


def test_selections():
    runs = frame((OLD, None), (NEW, None))
    assert len(select(runs, ["suites/demo.yaml"], "quick", "")) == 2
    for suites, profile, variant in ((["other"], None, ""), ([], "paper", ""), ([], None, "epochs=1")):
        with pytest.raises(NothingError):
            select(runs, suites, profile, variant)


def test_two_revisions_apart_or_together():
    assert two_revisions("a", "b") == two_revisions("a..b", None) == ("a", "b")
    for text in ("a", "a..", "..b"):
        with pytest.raises(UsageError):
            two_revisions(text, None)
