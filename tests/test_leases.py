"""Leases: one owner at a time, given back at the end, taken over from the dead and from nobody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from bench.errors import StorageError
from bench.leases import Leases, Owner

HERE = Owner.this()
ELSEWHERE = Owner("another", "another boot", 7, "1")
YEAR = 365 * 86_400


@pytest.fixture
def dead() -> Owner:
    """A process of this machine that is no more."""
    with subprocess.Popen(["sleep", "60"]) as process:
        owner = replace(HERE, pid=process.pid, start=start_of(process.pid))
        process.kill()
    return owner


def start_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def left_by(owner: Owner, path: Path, age: float = 0.0) -> Path:
    """A lease that another has taken, touched so many seconds ago."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(asdict(owner)))
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_taken_is_held_until_it_is_given_back(tmp_path):
    folder = tmp_path / "new" / "leases"
    with Leases(folder) as one, Leases(folder, ELSEWHERE) as other:
        assert one.take(["a", "b"]) == {}
        assert other.take(["a", "c"]) == {"a": HERE}
        assert names(folder) == ["a.0", "b.0", "c.0"]
        one.give_back(["a", "unknown"])
        assert other.take(["a", "b"]) == {"b": HERE}
        assert not other.settled(["b", "d"])
        assert other.settled(["d"])
    assert names(folder) == []


def test_making_one_touches_nothing(tmp_path):
    with Leases(tmp_path / "leases"):
        pass
    assert not (tmp_path / "leases").exists()


def test_an_error_gives_back_what_is_held(tmp_path):
    def work():
        with Leases(tmp_path) as leases:
            leases.take(["a"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert names(tmp_path) == []


def test_an_owner_says_who_it_is():
    assert str(replace(HERE, host="far", pid=12)) == "far:12"
    assert Owner.this() == HERE
    assert HERE.pid == os.getpid()
    assert HERE.start == start_of(os.getpid())


@pytest.mark.fault("F16")
def test_one_of_a_dead_process_of_this_machine_is_taken_over_at_once(tmp_path, dead):
    left_by(dead, tmp_path / "a.0")
    with Leases(tmp_path) as leases:
        assert leases.settled(["a"])
        assert leases.take(["a"]) == {}
        assert names(tmp_path) == ["a.1"]
        assert Leases(tmp_path, ELSEWHERE).take(["a"]) == {"a": HERE}


@pytest.mark.fault("F16")
def test_one_whose_number_another_process_has_now_is_taken_over(tmp_path):
    left_by(replace(HERE, start="1"), tmp_path / "a.0")
    assert Leases(tmp_path).take(["a"]) == {}


@pytest.mark.fault("F16")
def test_one_of_a_living_process_of_this_machine_is_not_however_old(tmp_path):
    left_by(HERE, tmp_path / "a.0", age=YEAR)
    assert Leases(tmp_path).take(["a"]) == {"a": HERE}


@pytest.mark.fault("F16")
@pytest.mark.parametrize("owner", [ELSEWHERE, replace(ELSEWHERE, host=HERE.host), replace(HERE, boot="", pid=2**22 - 1)], ids=["host", "boot", "no boot"])
def test_one_of_another_machine_is_taken_over_when_nobody_has_touched_it_for_long(tmp_path, owner):
    path = left_by(owner, tmp_path / "a.0", age=50)
    assert Leases(tmp_path, expiry=60).take(["a"]) == {"a": owner}
    assert not Leases(tmp_path, expiry=60).settled(["a"])
    left_by(owner, path, age=70)
    assert Leases(tmp_path, expiry=60).settled(["a"])
    assert Leases(tmp_path, expiry=60).take(["a"]) == {}


@pytest.mark.fault("F25")
@pytest.mark.parametrize("jump", [-YEAR, YEAR])
def test_the_clock_of_this_machine_does_not_matter(tmp_path, monkeypatch, jump, dead):
    fresh, old = left_by(ELSEWHERE, tmp_path / "fresh.0"), left_by(ELSEWHERE, tmp_path / "old.0", age=130)
    left_by(dead, tmp_path / "dead.0")
    left_by(HERE, tmp_path / "alive.0")
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + jump)
    with Leases(tmp_path) as leases:
        assert set(leases.take(["fresh", "old", "dead", "alive"])) == {"fresh", "alive"}
    assert fresh.exists()
    assert not old.exists()


@pytest.mark.fault("F16")
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"host": "x"}', b"\xff"])
def test_one_that_does_not_say_whose_it_is_expires(tmp_path, content):
    path = tmp_path / "a.0"
    path.write_bytes(content)
    assert Leases(tmp_path, expiry=60).take(["a"]) == {"a": None}
    os.utime(path, (time.time() - 70, time.time() - 70))
    assert Leases(tmp_path, expiry=60).take(["a"]) == {}


def test_what_is_held_is_touched(tmp_path):
    with Leases(tmp_path, beat=0.02) as leases:
        leases.take(["a"])
        os.utime(tmp_path / "a.0", (1, 1))
        deadline = time.monotonic() + 10
        while (tmp_path / "a.0").stat().st_mtime < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (tmp_path / "a.0").unlink()
        time.sleep(0.1)
        assert leases.take(["b"]) == {}


def test_of_two_that_find_a_stale_one_the_later_yields_to_who_began_anew_meanwhile(tmp_path, dead, monkeypatch):
    left_by(dead, tmp_path / "a.0")
    slow, quick, third = Leases(tmp_path), Leases(tmp_path), Leases(tmp_path, ELSEWHERE)
    looked = slow._present(["a"])
    assert quick.take(["a"]) == {}
    quick.give_back(["a"])
    assert third.take(["a"]) == {}
    looks = iter([lambda: looked, lambda: third._present(["a"])])
    monkeypatch.setattr(slow, "_present", lambda names: next(looks)())
    assert slow.take(["a"]) == {"a": ELSEWHERE}
    assert names(tmp_path) == ["a.0"]


def test_one_that_looked_when_a_stale_one_was_just_gone_yields_to_who_took_it_over(tmp_path, dead, monkeypatch):
    left_by(dead, tmp_path / "a.0")
    quick, slow = Leases(tmp_path), Leases(tmp_path, ELSEWHERE)
    assert quick.take(["a"]) == {}
    assert names(tmp_path) == ["a.1"]
    looks = iter([dict, lambda: quick._present(["a"])])
    monkeypatch.setattr(slow, "_present", lambda names: next(looks)())
    assert slow.take(["a"]) == {"a": HERE}
    assert names(tmp_path) == ["a.1"]


def test_what_is_left_of_one_that_died_while_it_took_over_is_cleared(tmp_path, dead):
    for number in (0, 1, 4):
        left_by(dead, tmp_path / f"a.{number}")
    assert Leases(tmp_path).take(["a"]) == {}
    assert names(tmp_path) == ["a.5"]
    left_by(dead, tmp_path / "a.6")  # whoever is below is alive
    assert Leases(tmp_path).take(["a"]) == {"a": HERE}


def race(folder: str, barrier, wins) -> None:
    with Leases(Path(folder)) as leases:
        barrier.wait()
        for number in range(200):
            name = f"run{number}"
            if not leases.take([name]):
                wins.put((number, os.getpid()))
        barrier.wait()


@pytest.mark.fault("F13")
def test_of_many_processes_one_gets_each(tmp_path, dead):
    for number in range(0, 200, 2):
        left_by(dead, tmp_path / f"run{number}.0")
    context = get_context("fork")
    barrier, wins = context.Barrier(4), context.SimpleQueue()
    processes = [context.Process(target=race, args=(str(tmp_path), barrier, wins)) for _ in range(4)]
    for process in processes:
        process.start()
    seen = [wins.get() for _ in range(200)]
    for process in processes:
        process.join()
    assert sorted(number for number, _ in seen) == list(range(200))
    assert wins.empty()
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems")
def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        Leases(tmp_path / "file").take(["a"])
