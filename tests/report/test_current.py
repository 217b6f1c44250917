from __future__ import annotations

import itertools

import pandas as pd
import pytest

from bench.report.current import current
from tests.report.synthetic import batch_sizes

OLD, NEW = "a" * 40, "b" * 40


def at(commit, day, **values):
    time = pd.Timestamp(f"2024-05-{day:02}", tz="UTC")
    return batch_sizes(commit=commit, commit_time=time, written=time, **values)


def both(*frames):
    return pd.concat(frames, ignore_index=True)


def test_the_youngest_commit_is_shown():
    runs = both(at(NEW, 3), at(OLD, 1))
    assert set(current(runs)["commit"]) == {NEW}
    assert len(current(runs)) == 9


def test_the_commit_that_is_checked_out_comes_first_if_it_has_rows():
    runs = both(at(NEW, 3), at(OLD, 1))
    assert set(current(runs, OLD)["commit"]) == {OLD}
    assert set(current(runs, "c" * 40)["commit"]) == {NEW}


def test_each_experiment_profile_and_variant_has_its_own_newest_state():
    runs = both(at(OLD, 1), at(OLD, 1, profile="paper"), at(OLD, 1).assign(experiment="other"), at(OLD, 1, variant="x=1"), at(NEW, 3))
    found = current(runs).groupby(["profile", "experiment", "variant"])["commit"].unique().map(list).to_dict()
    assert found == {
        ("quick", "batch-size", ""): [NEW],
        ("paper", "batch-size", ""): [OLD],
        ("quick", "other", ""): [OLD],
        ("quick", "batch-size", "x=1"): [OLD],
    }


def test_of_one_commit_the_changes_written_last_are_shown():
    later = at(NEW, 3, diff_hash="1" * 64).assign(written=pd.Timestamp("2024-06-01", tz="UTC"))
    assert set(current(both(later, at(NEW, 3), at(NEW, 3, diff_hash="2" * 64)))["diff_hash"]) == {"1" * 64}


def test_versions_of_a_suite_never_mix():
    runs = both(at(NEW, 3, suite_version=1), at(NEW, 3, suite_version=2), at(NEW, 3, suite_version=1))
    assert set(current(runs)["suite_version"]) == {2}


def test_rows_without_a_commit_are_rows_too():
    runs = both(at(None, 3).assign(commit_time=pd.NaT))
    assert len(current(runs)) == 9
    assert set(current(both(runs, at(OLD, 1)))["commit"]) == {OLD}


def test_the_order_of_rows_does_not_matter():
    frames = [at(NEW, 3), at(OLD, 1), at(NEW, 3, diff_hash="1" * 64)]
    chosen = [frozenset(map(str, current(both(*order))["diff_hash"])) for order in itertools.permutations(frames)]
    assert len(set(chosen)) == 1


@pytest.mark.parametrize("head", [None, OLD])
def test_no_rows_stay_no_rows(head):
    assert current(at(OLD, 1).head(0), head).empty
