"""Rows of some commits: what the statistics let a reader pass over is never what was asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.records import Columns
from bench.errors import UnknownNameError
from bench.registry import statistics
from bench.registry.parquet import encode
from bench.registry.statistics import Group, groups_of

LATER = datetime(2026, 1, 2, tzinfo=UTC)
COMMITS = ["a" * 40, "ab" * 20, "b" * 40, None]


def holds(bounds, *commits):
    return Group(1, bounds, None).may_hold(commits)


@given(st.lists(st.text("ab", min_size=1, max_size=4), min_size=1), st.integers(1, 4), st.text("ab", min_size=1, max_size=4))
def test_bounds_that_were_cut_exclude_nothing_that_is_there(values, length, asked):
    for low, high in ((min(values), max(values)), (min(values)[:length], max(values)[:length]), (min(values)[:length], max(values)[:length] + "c")):
        if asked in values:
            assert holds((low, high), asked)
    assert holds((min(values), max(values)), asked) == (min(values) <= asked and asked[: len(max(values))] <= max(values))


def test_bounds_exclude_what_lies_outside_all_of_them():
    assert not holds(("b", "c"), "a", "d")
    assert holds(("b", "c"), "a", "b")


def test_without_bounds_anything_may_be_there_and_without_commits_nothing():
    assert holds(None, "a")
    assert not holds((), "a")


def described(table, **options):
    """What the footer of a table says."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return groups_of(pq.ParquetFile(pa.BufferReader(sink.getvalue())).metadata, table.schema.names)


def test_a_footer_tells_of_the_state_where_all_rows_have_one(runs):
    [group] = described(runs({"commit": "a"}, {"commit": "a", "written": LATER}))
    assert group == Group(2, ("a", "a"), ("tricks", "quick", "text", "a", None, None, None, LATER))


@pytest.mark.parametrize("changed", [{"commit": "b"}, {"commit": None}, {"dirty": True}, {"commit_time": LATER}, {"variant": "x"}])
def test_a_footer_tells_of_no_state_where_rows_differ(runs, changed):
    assert described(runs({"commit": "a"}, {"commit": "a", **changed}))[0].state is None


def test_without_statistics_nothing_is_known_and_without_the_column_there_is_no_commit(runs):
    table = runs({"commit": "a"})
    assert described(table, write_statistics=False) == (Group(1, None, None),)
    assert described(table.drop_columns(["commit"]))[0].commits == ()
    assert described(runs({"commit": None}))[0].commits == ()


def test_bounds_of_a_writer_that_may_cut_them_make_nothing_constant(runs, monkeypatch):
    monkeypatch.setattr(statistics, "WHOLE_BOUNDS", "another writer")
    assert described(runs({"commit": "a"})) == (Group(1, ("a", "a"), None),)


@pytest.fixture
def filled(registry, runs):
    """A registry of five packs: one commit each, none, and one of a foreign writer with several."""
    for number, commit in enumerate(COMMITS):
        rows = [{"row": f"{number}{generation}", "commit": commit, "generation": generation} for generation in range(2)]
        registry.append(f"tricks.quick.p{number}", {"runs": runs(*rows, axes=[f"a{number}"])})
    mixed = runs(*({"row": f"mixed{number}", "run_id": "mixed", "commit": commit} for number, commit in enumerate(COMMITS)))
    pq.write_table(mixed, registry.root / "runs" / "tricks.quick.mixed.parquet", row_group_size=2)
    return registry


def test_rows_without_some_columns_are_the_same_rows(registry, runs):
    for number, kind in enumerate(("float64", "int64")):
        registry.append(f"tricks.quick.p{number}", {"runs": runs({"row": str(number), "run_id": str(number), "hp.dropout": 1}, parameters={"dropout": kind})})
    whole = registry.runs()
    assert "hp.dropout" in whole
    left = whole.drop(columns=["log", *(name for name in whole if name.startswith("hp."))])
    pd.testing.assert_frame_equal(registry.runs(without=("hp.", "log")), left)


def test_texts_as_categories_are_the_same_texts(filled):
    whole = filled.runs()
    found = filled.runs(categorical=True)
    assert {name for name in found if isinstance(found[name].dtype, pd.CategoricalDtype)} == set(whole.select_dtypes(object))
    texts = {name: pd.Series(Columns(found).objects(name), dtype=object) for name in whole.select_dtypes(object)}
    pd.testing.assert_frame_equal(found.assign(**texts), whole)


@pytest.mark.parametrize("commits", [[], COMMITS[:1], COMMITS[1:3], ["0" * 40], COMMITS[:3]], ids=len)
@pytest.mark.parametrize("columns", [None, ["row", "status", "axis.a3"]], ids=["all", "some"])
def test_the_rows_of_some_commits_are_those_of_the_clean_view(filled, commits, columns):
    whole = filled.runs()
    expected = whole[whole["commit"].isin(commits)].reset_index(drop=True)
    pd.testing.assert_frame_equal(filled.runs(columns=columns, commits=commits), expected if columns is None else expected[columns])


def test_data_of_other_commits_are_not_read(filled, runs):
    path = filled.root / "runs" / "tricks.quick.broken.parquet"
    pq.write_table(runs({"row": "broken", "commit": COMMITS[0]}), path, write_page_checksum=True, compression=None)
    content = bytearray(path.read_bytes())
    content[content.index(b"broken")] ^= 1
    path.write_bytes(bytes(content))
    assert len(filled.runs(commits=COMMITS[2:3])) == 2
    assert filled.faults == []
    assert len(filled.runs(commits=COMMITS[:1])) == 2
    assert [fault.path for fault in filled.faults] == [path]


def test_files_of_other_commits_are_still_named_when_they_are_damaged(filled):
    (filled.root / "runs" / "tricks.quick.torn.parquet").write_bytes(b"PAR1")
    filled.runs(commits=COMMITS[:1])
    assert [fault.reason for fault in filled.faults] == ["torn: a Parquet file without its end"]


def test_a_file_that_does_not_know_of_commits_is_of_none(filled, runs):
    old = runs({"row": "old", "run_id": "old"}).drop_columns(["commit"])
    (filled.root / "runs" / "tricks.quick.old.parquet").write_bytes(encode(old))
    assert "old" in set(filled.runs()["row"])
    assert "old" not in set(filled.runs(commits=COMMITS[:3])["row"])


def test_a_column_of_nulls_is_of_no_commit(filled, runs):
    table = runs({"row": "null", "run_id": "null"})
    table = table.set_column(table.schema.names.index("commit"), "commit", pa.nulls(1))
    (filled.root / "runs" / "tricks.quick.null.parquet").write_bytes(encode(table))
    assert "null" in set(filled.runs()["row"])
    assert "null" not in set(filled.runs(commits=COMMITS[:3])["row"])


def test_an_unknown_column_is_named_and_one_of_other_commits_is_null(filled):
    assert filled.runs(columns=["axis.a2"], commits=COMMITS[:1])["axis.a2"].isna().all()
    with pytest.raises(UnknownNameError, match=r"no row has a column 'axis\.a9'"):
        filled.runs(columns=["axis.a9"], commits=COMMITS[:1])


def counted(frame):
    """The states by the columns that tests vary."""
    columns = frame[["suite", "commit", "dirty", "diff_hash", "written", "rows"]].astype(object)
    return sorted(map(str, columns.where(columns.notna(), None).itertuples(index=False, name=None)))


@pytest.mark.parametrize("told", [True, False], ids=["from footers", "from rows"])
def test_states_are_those_of_the_rows(filled, runs, monkeypatch, told):
    filled.append("other.paper.p1", {"runs": runs({"suite": "other", "commit": COMMITS[0], "dirty": True, "diff_hash": "d", "written": LATER})})
    filled.append("other.paper.p2", {"runs": runs({"suite": "other", "commit": COMMITS[0], "dirty": True, "diff_hash": "d"})})
    if not told:
        monkeypatch.setattr(statistics, "WHOLE_BOUNDS", "another writer")
    columns = ["suite", "profile", "variant", "commit", "commit_time", "dirty", "diff_hash"]
    expected = filled.table("runs").groupby(columns, dropna=False).agg(written=("written", "max"), rows=("row", "count")).reset_index()
    found = filled.states()
    assert list(found.columns) == [*columns, "written", "rows"]
    assert counted(found) == counted(expected)
    assert found["commit"].dtype == found["suite"].dtype == object
    assert None in set(found["commit"])
    assert found["dirty"].dtype == pd.BooleanDtype()
    assert str(found["commit_time"].dtype) == str(found["written"].dtype) == "datetime64[us, UTC]"


def test_an_empty_registry_has_no_states(registry):
    assert registry.states().empty
