from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.revisions import Revision, Scope, pinned, read_states, rows_at, select, state_at, two_revisions
from bench.errors import NothingError, UsageError

OLD, NEW = "a" * 40, "b" * 40
TIMES = {OLD: "2026-01-01", NEW: "2026-02-01", None: None}


def frame(*states):
    """One row per (commit, changes that were not committed)."""
    return pd.DataFrame(
        {
            "row": [str(number) for number in range(len(states))],
            "commit": [commit for commit, _ in states],
            "commit_time": pd.to_datetime([TIMES.get(commit, "2025-01-01") for commit, _ in states], utc=True),
            "dirty": [changes is not None for _, changes in states],
            "diff_hash": [changes for _, changes in states],
            "written": pd.to_datetime(range(len(states)), utc=True),
            "suite": "demo",
            "profile": "quick",
            "variant": "",
            "experiment": "one",
        }
    ).astype({"commit": object, "diff_hash": object})


def git(revision):
    return {"HEAD": NEW, "HEAD~1": OLD, "other": "c" * 40}[revision]


def rows(runs, revision):
    found, remark = rows_at(runs, revision, git)
    return found["row"].tolist(), remark


def changes(runs, present=None, name="HEAD"):
    state = state_at(runs, Revision(name, dirty=True), git, present)
    return state.of(runs)["row"].tolist(), state.remark


def commit_of(runs, name):
    return pinned(Revision(name), runs, git).commit


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


def test_uncommitted_changes_are_asked_for():
    runs = frame((NEW, None), (NEW, "x"), (NEW, "y"), (OLD, "z"))
    assert changes(runs, present="x") == (["1"], "")
    found, remark = changes(runs, present="another")
    assert found == ["2"]
    assert "written last" in remark
    assert changes(runs)[0] == ["2"]
    assert changes(runs, "z", "HEAD~1") == (["3"], "")


def test_a_commit_without_uncommitted_changes_has_no_rows_of_them():
    with pytest.raises(NothingError, match="no rows of uncommitted changes on top of HEAD"):
        changes(frame((NEW, None), (OLD, "x")))


def test_latest_counts_commits_that_have_rows():
    runs = frame((NEW, None), (OLD, None), (NEW, None), (OLD, "x"), (None, None))
    named = {name: commit_of(runs, name) for name in ("latest", "latest~0", "latest~1", "latest~")}
    assert named == {"latest": NEW, "latest~0": NEW, "latest~1": OLD, "latest~": OLD}
    with pytest.raises(NothingError, match=r"there is no latest~2; commits that have rows: b{12} \(2026-02-01\), a{12} \(2026-01-01\)"):
        commit_of(runs, "latest~2")
    with pytest.raises(KeyError):
        commit_of(runs, "latest~x")


def test_of_commits_of_one_time_the_latest_is_that_with_the_last_row():
    runs = frame((NEW, None), (OLD, None), (NEW, None)).assign(commit_time=pd.Timestamp("2026-01-01", tz="UTC"))
    assert commit_of(runs, "latest") == NEW
    assert commit_of(runs.iloc[:2], "latest") == OLD


def test_a_revision_goes_on_to_mean_its_commit():
    meant = pinned(Revision("latest"), frame((OLD, None)), git)
    assert meant == Revision("latest", commit=OLD)
    more = frame((OLD, None), (NEW, None))
    assert pinned(meant, more, git) == meant
    assert state_at(more, meant, git).of(more)["row"].tolist() == ["0"]


def test_nothing_there_says_where_there_is_something():
    with pytest.raises(NothingError) as caught:
        rows(frame((OLD, None), (NEW, None)), "other")
    assert "no rows of other (cccccccccccc)" in caught.value.message
    assert "bbbbbbbbbbbb (2026-02-01), aaaaaaaaaaaa (2026-01-01)" in caught.value.message
    assert "--run" in caught.value.hint
    with pytest.raises(NothingError, match="no row has a commit"):
        rows(frame((None, None)), "latest")
    many = frame(*((f"{number:040x}", None) for number in range(9)))
    with pytest.raises(NothingError, match="and 3 more"):
        rows(many, "HEAD")


class Store:
    """A registry in memory that notes what is asked of it."""

    def __init__(self, runs):
        self._runs = runs
        self.asked = []

    def states(self):
        return self._runs[["suite", "profile", "variant", "commit", "commit_time", "diff_hash", "written"]]

    def runs(self, suite, profile, commits, without, categorical):
        self.asked.append((suite, profile, commits))
        return self._runs[self._runs["commit"].isin(commits)]


def test_whole_rows_are_read_of_two_commits_only():
    store = Store(frame((OLD, None), (NEW, None), (NEW, "x"), ("d" * 40, None)).assign(test_loss=[0.0, 1.0, 2.0, 3.0]))
    scope = Scope(["suites/demo.yaml"], "quick")
    states, found = read_states(store, two_revisions("HEAD~1", "HEAD"), scope, git)
    assert [str(state) for state in states] == ["HEAD~1 (aaaaaaaaaaaa)", "HEAD (bbbbbbbbbbbb)"]
    assert [side["test_loss"].tolist() for side in found] == [[0.0], [1.0]]
    assert store.asked == [("demo", "quick", {OLD, NEW})]
    states, found = read_states(store, two_revisions("HEAD", None, dirty=True), scope, git)
    assert [side["test_loss"].tolist() for side in found] == [[1.0], [2.0]]
    assert str(states[1]) == "HEAD --dirty (bbbbbbbbbbbb) + x"


def test_one_revision_is_compared_with_itself_where_that_is_meant():
    assert two_revisions("v1", None, same=True) == [Revision("v1"), Revision("v1")]
    for base, head, dirty in (("a", "b", False), ("a..b", None, False), ("a", None, True)):
        assert two_revisions(base, head, dirty, same=True) == two_revisions(base, head, dirty)


def test_variants_of_one_commit_are_two_states():
    runs = frame((NEW, None), (NEW, None), (OLD, None), (NEW, "x")).assign(variant=["", "epochs=1", "epochs=1", ""])
    states, found = read_states(Store(runs), two_revisions("HEAD", "HEAD"), Scope(variant="epochs=1"), git, base_variant="")
    assert [str(state) for state in states] == ["HEAD (bbbbbbbbbbbb), without --set", "HEAD (bbbbbbbbbbbb), epochs=1"]
    assert [side["row"].tolist() for side in found] == [["0"], ["1"]]
    assert [set(side["variant"]) for side in found] == [{"epochs=1"}] * 2
    states, found = read_states(Store(runs), two_revisions("HEAD~1", "HEAD"), Scope(), git, base_variant="epochs=1")
    assert [str(state) for state in states] == ["HEAD~1 (aaaaaaaaaaaa), epochs=1", "HEAD (bbbbbbbbbbbb), without --set"]
    assert [side["row"].tolist() for side in found] == [["2"], ["0"]]
    with pytest.raises(NothingError, match="no rows of variant 'epochs=2'"):
        read_states(Store(runs), two_revisions("HEAD", "HEAD"), Scope(), git, base_variant="epochs=2")


def test_a_base_of_the_same_variant_is_nothing_special():
    runs = frame((OLD, None), (NEW, None))
    plain = read_states(Store(runs), two_revisions("HEAD~1", "HEAD"), Scope(), git)
    named = read_states(Store(runs), two_revisions("HEAD~1", "HEAD"), Scope(), git, base_variant="")
    assert named[0] == plain[0]
    assert all(one.equals(other) for one, other in zip(named[1], plain[1], strict=True))


@pytest.mark.parametrize(("name", "shown"), [("a" * 40, "a" * 12), ("aaaa", "aaaa"), ("v1", "v1 (aaaaaaaaaaaa)")])
def test_a_hash_is_not_said_twice(name, shown):
    assert str(Revision(name, commit="a" * 40)) == shown
    assert str(Revision("v1")) == "v1"


def test_changes_are_not_compared_with_themselves():
    with pytest.raises(NothingError, match="nothing to compare them with"):
        read_states(Store(frame((NEW, "x"))), two_revisions("HEAD", None, dirty=True), Scope(), git)
    states, _ = read_states(Store(frame((NEW, "x"))), two_revisions("HEAD", "HEAD"), Scope(), git)
    assert states[0] == states[1]


def test_selections():
    runs = frame((OLD, None), (NEW, None))
    assert len(select(runs, ["suites/demo.yaml"], "quick", "")) == 2
    for suites, profile, variant in ((["other"], None, ""), ([], "paper", ""), ([], None, "epochs=1")):
        with pytest.raises(NothingError):
            select(runs, suites, profile, variant)
    with pytest.raises(NothingError, match="the registry has no rows\n"):
        select(runs.iloc[:0], [], None, "")


def test_experiments_are_selected():
    store = Store(frame((OLD, None), (NEW, None), (NEW, None)).assign(experiment=["one", "one", "two"]))
    _, found = read_states(store, two_revisions("HEAD~1", "HEAD"), Scope(experiments=["one"]), git)
    assert [side["row"].tolist() for side in found] == [["0"], ["1"]]
    with pytest.raises(NothingError, match="Did you mean 'two'"):
        read_states(store, two_revisions("HEAD~1", "HEAD"), Scope(experiments=["twoo"]), git)


NAMES = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters="~^/-_"), min_size=1)


@given(NAMES, NAMES)
def test_two_revisions_apart_or_together(one, other):
    assert two_revisions(one, other) == two_revisions(f"{one}..{other}", None) == [Revision(one), Revision(other)]
    assert two_revisions(f"{one}..", None) == [Revision(one), Revision("HEAD")]
    assert two_revisions(f"..{other}", None) == [Revision("HEAD"), Revision(other)]
    assert two_revisions(one, None, dirty=True) == [Revision(one), Revision("HEAD", dirty=True)]
    assert two_revisions(f"{one}..{other}", None, dirty=True) == two_revisions(one, other, dirty=True) == [Revision(one), Revision(other, dirty=True)]


@pytest.mark.parametrize(
    ("base", "head", "text"),
    [("a", None, "two revisions are needed"), ("..", None, "two revisions are needed"), ("a...b", None, "common ancestor"), ("a..b", "c", "'c' is a third")],
)
def test_other_than_two_revisions(base, head, text):
    with pytest.raises(UsageError, match=text):
        two_revisions(base, head)
