"""Compaction: fewer files, the same answers, whatever fails on the way."""

from __future__ import annotations

import contextlib
import errno
import shutil

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, example, given, settings

from bench.errors import StorageError
from bench.registry import compaction, parquet, rewriting
from bench.registry.replaced import overlapping, replaced
from bench.registry.store import Registry
from tests.registry.tables import Quick, answers, assert_same, content
from tests.registry.worlds import SHARPNESS, WORLDS, Pack, Row, build, write

PLAIN = Row(run=0, generation=0, status="ok", accuracy=0.5, curve=2, reused=False)


def a_pack(commit="a" * 40, width="int64", sharpness=1, suite="tricks", **row):
    return Pack([Row(**{**vars(PLAIN), "run": number, **row}) for number in range(2)], suite, commit, width, sharpness, orphan=False)


WORLD = [a_pack(), a_pack("b" * 40, generation=1), a_pack(None, status="diverged", accuracy=None), a_pack(reused=True), a_pack(suite="dropout")]


class Stopping(Quick):
    """At a call of a given number the disk refuses, or the process dies: then all that follow do nothing either."""

    def __init__(self, at, reason):
        self.at, self.reason, self.calls = at, reason, 0
        self.dead = isinstance(reason, Killed)

    def __getattribute__(self, name):
        method = super().__getattribute__(name)
        if name.startswith("_") or name in ("at", "reason", "calls", "dead"):
            return method

        def call(*arguments):
            self.calls += 1
            if self.calls - 1 == self.at or (self.dead and self.at is not None and self.calls > self.at):
                raise self.reason
            return method(*arguments)

        return call


class Killed(BaseException):
    """The process is no more."""


def files(root, table="runs"):
    return sorted(path.name for path in (root / table).glob("*.parquet"))


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS)
@example([a_pack(suite="dropout"), a_pack(suite="dropout", width="float64"), *[a_pack(width="string")] * 3])
def test_every_answer_is_the_same_before_and_after(tmp_path_factory, world):
    registry = build(tmp_path_factory.mktemp("world") / "results", world)
    before = answers(registry.root)
    for _ in range(2):
        registry.compact()
        assert_same(answers(registry.root), before)


def test_each_suite_has_one_file_of_each_table(tmp_path):
    registry = build(tmp_path, [*WORLD, *WORLD])
    done = registry.compact()
    assert [len(files(tmp_path, table)) for table in ("runs", "history")] == [2, 2]
    assert (done.before, done.after) == (20, 4)
    assert str(done) == "20 files are 4 now"
    assert str(registry.compact()) == "there is nothing to compact"


@pytest.mark.fault("F24")
@pytest.mark.parametrize("reason", [OSError(errno.ENOSPC, "full"), Killed()], ids=["refused", "killed"])
def test_whichever_call_is_the_last_no_row_is_lost_and_none_counts_twice(tmp_path, reason):
    build(tmp_path / "before", WORLD)
    before = answers(tmp_path / "before")
    counts, seen = set(), []

    def assert_nothing_is_lost(root):
        if (left := content(root)) not in seen:  # most calls but look
            seen.append(left)
            assert_same(answers(root), before)

    for at in range(200):
        root = tmp_path / f"at{at}"
        shutil.copytree(tmp_path / "before", root)
        system = Stopping(at, reason)
        with contextlib.suppress(Killed, StorageError):
            Registry(root, system).compact()
        if system.calls <= at:
            break
        counts.add(len(files(root)))
        assert_nothing_is_lost(root)
        Registry(root, Quick()).compact()
        assert_nothing_is_lost(root)
        assert len(files(root)) == len(files(root, "history")) == 2
    assert at > 20
    # Before anything is visible, beside the old files, and while these are removed.
    assert counts >= {2, 3, 4, 5, 6}
    assert len(seen) >= len(counts)


def test_packs_that_come_later_are_compacted_too(tmp_path):
    registry = build(tmp_path / "one", WORLD)
    registry.compact()
    write(registry, 7, a_pack("b" * 40))
    expected = answers(registry.root)
    registry.compact()
    assert_same(answers(registry.root), expected)
    assert len(files(registry.root)) == 2


def test_large_files_stay_as_they_are(tmp_path, monkeypatch):
    registry = build(tmp_path, WORLD)
    registry.compact()
    monkeypatch.setattr(compaction, "LARGE", 8)
    large = files(tmp_path)
    write(registry, 7, a_pack())
    write(registry, 8, a_pack())
    assert registry.compact().before == 4
    assert set(large) < set(files(tmp_path))


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_BYTES", "MAX_PACKS"])
def test_a_file_does_not_become_too_large(tmp_path, monkeypatch, limit):
    registry = build(tmp_path, WORLD[:4])
    before = answers(tmp_path)
    most = {"MAX_ROWS": 4, "MAX_PACKS": 2, "MAX_BYTES": 2 * max(path.stat().st_size for path in (tmp_path / "runs").iterdir())}
    monkeypatch.setattr(compaction, limit, most[limit])
    registry.compact()
    assert len(files(tmp_path)) == 2
    assert_same(answers(tmp_path), before)


@pytest.mark.parametrize("table", ["runs", "history"])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_pack_with_a_damaged_file_stays_as_it_is_and_is_named(tmp_path, table, sealed):
    registry = build(tmp_path, [a_pack() for _ in range(3)])
    path = tmp_path / table / "tricks.quick.p1.parquet"
    if not sealed:
        pq.write_table(pq.read_table(path), path, write_page_checksum=True, compression=None)
    content = bytearray(path.read_bytes())
    # Without a seal, this is found out only when the values are read.
    content[content.index(b"p1r0") if not sealed else 100] ^= 1
    path.write_bytes(bytes(content))
    before = answers(tmp_path)
    damaged = path.read_bytes()
    registry.compact()
    assert path.read_bytes() == damaged
    assert [fault.path for fault in registry.faults] == [path]
    assert "tricks.quick.p1.parquet" in files(tmp_path, "runs")
    assert len(files(tmp_path)) == 2
    assert_same(answers(tmp_path), before)


def test_a_file_whose_types_do_not_go_with_the_others_stays_as_it_is(tmp_path):
    registry = build(tmp_path, [a_pack(), a_pack(), a_pack(width="string")])
    before = answers(tmp_path)
    assert registry.compact().before == 4
    # Nothing goes with it, and a file that is written anew as it was must not be removed.
    assert registry.compact().before == 0
    assert "tricks.quick.p2.parquet" in files(tmp_path)
    assert_same(answers(tmp_path), before)


def test_orphans_stay(tmp_path):
    registry = build(tmp_path, [a_pack(), a_pack(), Pack([PLAIN], "tricks", None, "int64", 1, orphan=True)])
    registry.compact()
    assert "tricks.quick.p2.parquet" in files(tmp_path, "history")


def test_metrics_of_two_versions_stay_apart(tmp_path):
    registry = build(tmp_path, [a_pack(sharpness=number % 3) for number in range(6)])
    registry.compact()
    assert len(files(tmp_path)) == 2
    assert registry.metrics()["sharpness"] == SHARPNESS[1]
    described = [pq.read_schema(tmp_path / "runs" / name).field("sharpness").metadata[b"version"] for name in files(tmp_path)]
    assert sorted(described) == [b"1", b"2"]


def test_what_a_file_says_of_its_columns_is_kept(tmp_path):
    registry = build(tmp_path, [a_pack(), a_pack()])
    [old, _] = [pq.read_schema(path) for path in sorted((tmp_path / "runs").glob("*.parquet"))]
    registry.compact()
    [new] = [pq.read_schema(path) for path in (tmp_path / "runs").glob("*.parquet")]
    assert [new.field(field.name).equals(field, check_metadata=True) for field in old] == [True] * len(old)
    assert new.metadata[b"bench.schema_version"] == b"1"


def test_row_groups_end_with_their_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(rewriting, "SMALL_GROUP", 2)
    monkeypatch.setattr(rewriting, "GROUP", 4)
    registry = build(tmp_path, [a_pack(commit) for commit in ["b" * 40, "a" * 40] * 3])
    registry.compact()
    [path] = (tmp_path / "runs").glob("*.parquet")
    metadata = parquet.open_file(path, "runs").file.metadata
    place = pq.read_schema(path).names.index("commit")
    bounds = [(metadata.row_group(group).num_rows, metadata.row_group(group).column(place).statistics.max[0]) for group in range(metadata.num_row_groups)]
    assert bounds == [(4, "a"), (2, "a"), (4, "b"), (2, "b")]
    assert all(metadata.row_group(group).column(place).statistics.min[0] == commit for group, (_, commit) in enumerate(bounds))


@pytest.mark.fault("F60")
def test_a_registry_of_a_newer_format_is_left_alone(tmp_path):
    registry = build(tmp_path, WORLD)
    (tmp_path / "format.json").write_text('{"format": 2}')
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    with pytest.raises(StorageError, match="newer version"):
        registry.compact()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before


def test_nothing_is_removed_where_the_new_file_is_damaged(tmp_path):
    registry = build(tmp_path / "one", [a_pack(), a_pack()])
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    Registry(tmp_path / "two", Quick()).compact()
    [compacted] = (tmp_path / "two" / "history").iterdir()
    (tmp_path / "one" / "history" / compacted.name).write_bytes(b"PAR1")
    before = {path: path.read_bytes() for path in registry.root.rglob("*.parquet")}
    with pytest.raises(StorageError, match="is damaged, so what it stands for was not removed"):
        registry.compact()
    assert {path: path.read_bytes() for path in registry.root.rglob("*.parquet")} == before


def test_a_compacted_file_that_lists_what_cannot_be_is_foreign(tmp_path):
    registry = build(tmp_path, [a_pack()])
    path = tmp_path / "runs" / "tricks.quick.p0.parquet"
    table = pq.read_table(path)
    for text in (b"{}", b"[1]", b"nonsense"):
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"bench.replaces": text}), path)
        assert registry.runs().empty
        assert [fault.reason for fault in registry.faults] == ["foreign: it does not say which files it replaces as bench does"]


def test_which_files_others_stand_for():
    lists = {"a": frozenset(), "b": frozenset(), "one": frozenset("ab"), "two": frozenset("abc"), "three": frozenset("cd")}
    assert replaced(lists) == {"a", "b", "c", "d", "one"}
    assert overlapping({name: lists[name] for name in ("two", "three")}) == {"two", "three"}
    assert overlapping({name: lists[name] for name in ("one", "three")}) == frozenset()
    assert replaced({"y": frozenset("ab"), "x": frozenset("ab")}) == {"a", "b", "y"}


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS)
def test_a_part_of_the_rows_is_that_part_of_all(tmp_path_factory, world):
    assume(len(world) > 1)
    registry = build(tmp_path_factory.mktemp("world") / "results", world)
    registry.compact()
    runs = registry.runs()
    for commit in ("a" * 40, "b" * 40):
        found = registry.runs(commits=[commit])
        assert set(found["row"]) == set(runs["row"][runs["commit"] == commit])
