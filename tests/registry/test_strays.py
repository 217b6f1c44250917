"""What no reader needs: what is found, what is old enough, what is never touched."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import pytest

from bench import files
from bench.errors import StorageError
from bench.registry.store import Registry
from bench.registry.strays import AGES
from tests.registry.tables import answers, assert_same
from tests.registry.test_store import Failing, snapshot

DAY = 86_400.0
DIGESTS = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("kept", "lost")}


def aged(path: Path, seconds: float = 2 * DAY) -> Path:
    """Let a file be as old as that by the clock of its disk."""
    written = path.lstat().st_mtime - seconds
    os.utime(path, (written, written), follow_symlinks=False)
    return path


@pytest.fixture
def littered(registry, runs, history):
    """A pack, an orphan, and one stray of each other kind but `replaced`; all of them old."""
    registry.append("tricks.quick.p1", {"runs": runs({"row": "a", "run_id": "done", "weights": DIGESTS["kept"]}), "history": history(("a", 1, 0.5))})
    registry.append("tricks.quick.p2", {"runs": runs({"row": "b", "run_id": "b"}), "history": history(("b", 1, 0.5))})
    (registry.root / "runs" / "tricks.quick.p2.parquet").unlink()
    (registry.root / "checkpoints").mkdir()
    for name in ("checkpoints/done.way", "checkpoints/going.way", "runs/.tmp-1", "suites/.tmp-2", ".tmp-3", "checkpoints/.tmp-4", "runs/.DS_Store"):
        (registry.root / name).write_bytes(b"litter")
    (registry.root / "weights").mkdir()
    (registry.root / "leases").mkdir()
    for name in ("kept", "lost"):
        (registry.root / "weights" / f"{DIGESTS[name]}.pt").write_bytes(name.encode())
    (registry.root / "weights" / ".tmp-5").touch()
    (registry.root / "leases" / "done.0").touch()
    for name in ("notes.txt", "runs/a.parquet~", "suites/demo.yaml"):
        (registry.root / name).write_bytes(b"mine")
    (registry.root / "mine").mkdir()
    (registry.root / "mine" / "deep.txt").write_text("x")
    for path in registry.root.rglob("*"):
        aged(path)
    return registry


def kinds(strays, root):
    return {stray.path.relative_to(root).as_posix(): stray.kind for stray in strays}


FOREIGN = dict.fromkeys(("mine", "notes.txt", "runs/.DS_Store", "runs/a.parquet~", "suites/demo.yaml"), "foreign")
LEFT = {
    **dict.fromkeys((".tmp-3", "checkpoints/.tmp-4", "runs/.tmp-1", "suites/.tmp-2", "weights/.tmp-5"), "temporary"),
    "checkpoints/done.way": "checkpoint",
    "leases/done.0": "lease",
    f"weights/{DIGESTS['lost']}.pt": "orphan",
    "history/tricks.quick.p2.parquet": "orphan",
}


@pytest.mark.fault("F21")
def test_every_stray_is_found_and_nothing_else(littered):
    before = snapshot(littered.root)
    assert kinds(littered.strays(), littered.root) == {**FOREIGN, **LEFT}
    assert snapshot(littered.root) == before
    assert littered.verify() == []


@pytest.mark.fault("F21")
def test_what_is_listed_is_removed_and_nothing_else(littered):
    before, told = snapshot(littered.root), answers(littered.root)
    listed = littered.garbage()
    assert kinds(listed, littered.root) == LEFT
    assert snapshot(littered.root) == before
    littered.remove(listed[:2])
    littered.remove(listed)
    gone = {littered.root / name for name in LEFT}
    assert snapshot(littered.root) == {path: content for path, content in before.items() if path not in gone}
    assert_same(answers(littered.root), told)
    assert kinds(littered.strays(), littered.root) == FOREIGN


def test_as_long_as_a_runner_is_at_work_nothing_goes_that_it_may_want(littered):
    (littered.root / "leases" / "going.1").touch()
    assert kinds(littered.garbage(), littered.root) == {name: kind for name, kind in LEFT.items() if kind not in ("orphan", "checkpoint")}


@pytest.mark.fault("F20")
def test_damaged_weights_are_named(littered):
    path = littered.root / "weights" / f"{DIGESTS['kept']}.pt"
    path.write_bytes(b"other")
    assert [(fault.path, fault.reason) for fault in littered.verify()] == [(path, "damaged: its content is not what its name says")]


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kind in LEFT.items() if kind != "lease"])
def test_what_may_still_be_wanted_stays(littered, name, kind):
    path = littered.root / name
    path.touch()
    aged(path, AGES[kind] - 60)
    assert kinds(littered.garbage(), littered.root) == {other: kind for other, kind in LEFT.items() if other != name}


def test_what_is_written_after_it_was_listed_stays(littered):
    listed = littered.garbage()
    kept = littered.root / "checkpoints" / "done.way"
    kept.write_bytes(b"newer")
    littered.remove(listed)
    assert kept.read_bytes() == b"newer"


@pytest.mark.fault("F25")
def test_the_clock_of_the_disk_decides(littered, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert kinds(littered.garbage(), littered.root) == LEFT
    monkeypatch.setattr(files, "clock", lambda folder, system: 0.0)
    assert littered.garbage() == []


def test_a_damaged_file_of_runs_may_stand_for_what_looks_like_an_orphan(littered):
    (littered.root / "runs" / "tricks.quick.p9.parquet").write_bytes(b"PAR1")
    assert "orphan" not in kinds(littered.garbage(), littered.root).values()
    assert [fault.path.name for fault in littered.faults] == ["tricks.quick.p9.parquet"]


@pytest.mark.fault("F24")
def test_what_a_compacted_file_stands_for_is_removed_at_once(littered, runs, history):
    littered.append("tricks.quick.p3", {"runs": runs({"row": "c", "run_id": "c"}), "history": history(("c", 1, 0.25))})
    before = snapshot(littered.root)
    littered.compact()
    told = answers(littered.root)
    back = {path for path in before if not path.exists()}
    for path in back:
        path.write_bytes(before[path])
    listed = littered.garbage()
    assert {stray.path for stray in listed if stray.kind == "replaced"} == back
    littered.remove(listed)
    assert not any(path.exists() for path in back)
    assert_same(answers(littered.root), told)


def test_links_are_not_followed(littered, tmp_path):
    (tmp_path / "outside").write_text("x")
    for name in ("runs/.tmp-link", "runs/.tmp-loop", "link"):
        path = littered.root / name
        path.symlink_to(path if "loop" in name else tmp_path / "outside")
        aged(path)
    littered.remove(littered.garbage())
    assert (tmp_path / "outside").read_text() == "x"
    assert not (littered.root / "runs" / ".tmp-link").is_symlink()
    assert not (littered.root / "runs" / ".tmp-loop").is_symlink()
    assert (littered.root / "link").is_symlink()


def test_a_folder_under_a_temporary_name_is_foreign(littered):
    (littered.root / ".tmp-folder").mkdir()
    assert kinds(littered.strays(), littered.root)[".tmp-folder"] == "foreign"


def test_a_new_registry_has_no_strays(registry):
    assert registry.strays() == registry.garbage() == []
    assert registry.holdings()["runs"] == (0, 0)


def test_holdings_count_files_and_rows(littered):
    assert {name: counts for name, counts in littered.holdings().items() if counts != (0, 0)} == {"runs": (1, 1), "history": (2, 2)}


def test_what_bench_does_not_know_is_left_alone(littered):
    (littered.root / "format.json").write_text('{"format": 2}')
    with pytest.raises(StorageError, match="newer version"):
        littered.garbage()
    with pytest.raises(StorageError, match="is no registry"):
        Registry(littered.root / "mine").strays()


@pytest.mark.fault("F9")
def test_where_the_disk_refuses_nothing_is_listed_or_lost(littered):
    told = answers(littered.root)
    for fail_at in range(20):
        registry = Registry(littered.root, Failing(fail_at))
        with contextlib.suppress(StorageError):
            registry.remove(registry.garbage())
        assert_same(answers(littered.root), told)
    # The first removal that went through; perhaps a probe of the clock, which nobody could remove.
    left = kinds(littered.strays(), littered.root)
    assert {name: kind for name, kind in left.items() if kind != "temporary"} == FOREIGN


def test_a_registry_within_is_its_own(registry):
    Registry(registry.root / "reference").prepare()
    (registry.root / "other").mkdir()
    assert [(stray.path.name, stray.kind) for stray in registry.strays()] == [("other", "foreign")]
