"""Merging: what another registry has and ours lacks arrives whole, once, and nothing of ours changes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import StorageError, UsageError
from bench.registry import rewriting
from bench.registry.store import Registry
from tests.registry.tables import Quick, answers, assert_same, content
from tests.registry.test_compaction import WORLD, Killed, Stopping
from tests.registry.worlds import WORLDS, build

SUITE = "title: a\nversion: 1\n"


@pytest.fixture
def sides(tmp_path):
    """Two registries that share a pack, and a third that has the packs of both."""
    return build(tmp_path / "ours", WORLD, range(3)), build(tmp_path / "theirs", WORLD, range(2, 5)), build(tmp_path / "both", WORLD)


def test_what_is_lacking_is_copied_byte_for_byte_and_the_rest_left_alone(sides):
    ours, theirs, both = sides
    digest = theirs.store_suite(SUITE)
    before = content(ours.root)
    done = ours.merge(theirs)
    assert (done.copied, done.known) == (2, 1)
    assert str(done) == "packs copied: 2; there already: 1"
    assert content(ours.root) == before | content(theirs.root)
    assert ours.suite_text(digest) == SUITE
    assert_same(answers(ours.root), answers(both.root))


def test_a_new_registry_can_be_made_by_merging(tmp_path, sides):
    made = Registry(tmp_path / "made", Quick())
    made.merge(sides[0])
    assert content(made.root) == content(sides[0].root)


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS, st.data())
def test_merging_is_idempotent_and_commutative_whoever_compacts_when(tmp_path_factory, world, data):
    folder = tmp_path_factory.mktemp("world")
    expected = answers(build(folder / "all", world).root)
    parts = [data.draw(st.sets(st.integers(0, len(world) - 1)), label=f"part {number}") for number in range(2)]
    parts.append(set(range(len(world))) - parts[0] - parts[1])
    for number, part in enumerate(parts):
        registry = build(folder / f"part{number}", world, sorted(part))
        if data.draw(st.booleans(), label=f"compacted {number}"):
            registry.compact()
    merged = Registry(folder / "merged", Quick())
    order = data.draw(st.permutations(range(3)), label="order")
    for number in [*order, order[0]]:
        merged.merge(Registry(folder / f"part{number}"))
        if data.draw(st.booleans(), label="compacted"):
            merged.compact()
    assert_same(answers(merged.root), expected)
    once = content(merged.root)
    assert merged.merge(Registry(folder / f"part{order[1]}")).copied == 0
    assert content(merged.root) == once


@pytest.mark.parametrize("group", [1, 2**16], ids=["small groups", "one group"])
def test_rows_that_two_registries_compacted_with_others_count_once(sides, monkeypatch, group):
    ours, theirs, both = sides
    monkeypatch.setattr(rewriting, "GROUP", group)
    monkeypatch.setattr(rewriting, "SMALL_GROUP", group)
    ours.compact()
    theirs.compact()
    ours.merge(theirs)
    expected = answers(both.root)
    assert_same(answers(ours.root), expected)
    ours.compact()
    assert_same(answers(ours.root), expected)
    assert len(list((ours.root / "runs").iterdir())) == 2


def test_packs_that_ours_has_compacted_are_not_copied_again(sides, tmp_path):
    ours, _, _ = sides
    copy = tmp_path / "copy"
    shutil.copytree(ours.root, copy)
    ours.compact()
    before = content(ours.root)
    assert str(ours.merge(Registry(copy))) == "packs copied: 0; there already: 3"
    assert content(ours.root) == before
    back = Registry(copy, Quick())
    assert back.merge(ours).copied == 0
    assert_same(answers(copy), answers(ours.root))


@pytest.mark.fault("F24")
@pytest.mark.parametrize("reason", [OSError(errno.ENOSPC, "full"), Killed()], ids=["refused", "killed"])
def test_whichever_call_is_the_last_a_pack_is_there_whole_or_not_at_all(tmp_path, sides, reason):
    ours, theirs, both = sides
    before, after = set(ours.table("runs")["row"]), set(both.table("runs")["row"])
    expected = answers(both.root)
    system = Stopping(None, None)
    Registry(ours.root, system).prepare()
    seen = set()
    # What comes before is `prepare`, which has its own test.
    first = system.calls
    for at in range(first, 200):
        root = tmp_path / f"at{at}"
        shutil.copytree(ours.root, root)
        system = Stopping(at, reason)
        with contextlib.suppress(Killed, StorageError):
            Registry(root, system).merge(theirs)
        if system.calls <= at:
            break
        rows = set(Registry(root).table("runs")["row"])
        assert before <= rows <= after
        seen.add(len(rows))
        assert set(Registry(root).table("history")["row"]) <= rows
        Registry(root, Quick()).merge(theirs)
        assert set(Registry(root).table("runs")["row"]) == after
        assert Registry(root).verify() == []
    assert_same(answers(root), expected)
    assert at > first + 20
    assert len(seen) == 3


def test_a_file_of_one_name_and_other_content_stops_everything(sides):
    ours, theirs, _ = sides
    path = ours.root / "history" / "tricks.quick.p2.parquet"
    path.write_bytes((ours.root / "history" / "tricks.quick.p0.parquet").read_bytes())
    before = content(ours.root)
    with pytest.raises(StorageError, match=r"differs from .*p2\.parquet, which has the same name; neither is overwritten"):
        ours.merge(theirs)
    assert content(ours.root) == before


@pytest.mark.parametrize("table", ["runs", "history"])
def test_a_pack_with_a_damaged_file_stays_behind_and_is_named(sides, table):
    ours, theirs, _ = sides
    path = theirs.root / table / "tricks.quick.p3.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    (theirs.root / "suites" / f"{'0' * 64}.yaml").write_text("damaged")
    assert ours.merge(theirs).copied == 1
    assert "p3" not in "".join(map(str, content(ours.root)))
    assert {fault.path.name for fault in theirs.faults} == {path.name, f"{'0' * 64}.yaml"}
    assert ours.faults == []


def test_kept_weights_are_copied_and_damaged_ones_stay_behind(sides):
    ours, theirs, _ = sides
    folder = theirs.root / "weights"
    folder.mkdir()
    digest = hashlib.sha256(b"tensors").hexdigest()
    (folder / f"{digest}.pt").write_bytes(b"tensors")
    (folder / f"{'0' * 64}.pt").write_bytes(b"damaged")
    (folder / "notes.txt").write_bytes(b"of a user's own")
    ours.merge(theirs)
    assert [path.name for path in (ours.root / "weights").iterdir()] == [f"{digest}.pt"]
    assert [fault.path.name for fault in theirs.faults] == [f"{'0' * 64}.pt"]
    (ours.root / "weights" / f"{digest}.pt").write_bytes(b"ours")
    ours.merge(theirs)
    assert (ours.root / "weights" / f"{digest}.pt").read_bytes() == b"ours"


def test_orphans_stay_behind(sides):
    ours, theirs, _ = sides
    (theirs.root / "runs" / "tricks.quick.p3.parquet").unlink()
    assert ours.merge(theirs).copied == 1
    assert not (ours.root / "history" / "tricks.quick.p3.parquet").exists()


def test_a_file_that_ours_lost_comes_back(sides):
    ours, theirs, both = sides
    (ours.root / "history" / "tricks.quick.p2.parquet").unlink()
    assert ours.merge(theirs).copied == 3
    assert_same(answers(ours.root), answers(both.root))


def test_what_cannot_be_merged_is_refused(sides, tmp_path):
    ours, theirs, _ = sides
    before = content(ours.root)
    with pytest.raises(UsageError, match="is the registry itself"):
        ours.merge(Registry(ours.root / ".." / ours.root.name))
    with pytest.raises(StorageError, match="is no registry"):
        ours.merge(Registry(tmp_path / "typo"))
    (theirs.root / "format.json").write_text('{"format": 2}')
    with pytest.raises(StorageError, match="newer version"):
        ours.merge(theirs)
    assert content(ours.root) == before
    with pytest.raises(StorageError, match="is no registry"):
        Registry(tmp_path / "none").merge(Registry(tmp_path / "typo"))
    assert not (tmp_path / "none").exists()
