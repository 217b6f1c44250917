"""Worker processes that die: the pack fails with the cause, another worker takes the next pack, no child is left."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from bench.executors import Advanced, Failed, Finished, Notice, processes, worker
from bench.executors.processes import Processes
from tests.executors.toys import Toy, make, make_on_a

ROOT = Path(__file__).parents[2]

DEATHS = {
    "exits": "the worker died: exit status 3",
    "leaves": "the worker died: exit status 4",
    "is_killed": "the worker died: signal SIGKILL",
    "faults": "the worker died: signal SIGSEGV",
    "returns_unpicklable": "the worker died: exit status 1",
    "ends_without_a_result": "the worker ended without a result",
}


@pytest.fixture(autouse=True)
def no_child_is_left():
    yield
    assert not multiprocessing.active_children()


def running(pid):
    """Whether a process is there, and not only its remains."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ends(packs, devices=("a",), timeout=None, maker=make, asked=lambda: False):
    """What became of each pack, by name."""
    events = Processes(list(devices), timeout).run(packs, maker, asked)
    return {event.pack.name: event for event in events if isinstance(event, Finished | Failed)}


@pytest.mark.fault("F2")
@pytest.mark.fault("F4")
def test_a_worker_that_dies_takes_its_pack_alone():
    packs = [Toy("first"), *(Toy(do, do) for do in DEATHS), Toy("last")]
    events = [event for event in Processes(["a", "b"]).run(packs, make) if not isinstance(event, Advanced)]
    assert sorted(event.pack.name for event in events) == sorted(pack.name for pack in packs)
    ended = {event.pack.name: event for event in events}
    assert isinstance(ended["first"], Finished)
    assert isinstance(ended["last"], Finished)
    for do, reason in DEATHS.items():
        assert isinstance(ended[do], Failed)
        assert (ended[do].status, ended[do].reason) == ("crashed", reason)


def test_a_worker_that_dies_in_the_middle_of_a_message():
    events = Processes(["a"]).run([Toy("dies", "is_killed_in_the_middle_of_a_message"), Toy("next")], make)
    assert isinstance(next(events), Advanced)
    failed, *others = events
    assert (failed.status, failed.reason) == ("crashed", "the worker died: signal SIGKILL")
    assert isinstance(others[-1], Finished)


def test_a_worker_that_hangs_with_its_connection_closed_is_replaced(monkeypatch):
    monkeypatch.setattr(worker, "GRACE_SECONDS", 0.2)
    failed, *others = Processes(["a"]).run([Toy("hangs", "closes_its_connection"), Toy("next")], make)
    assert (failed.status, failed.reason) == ("crashed", "the worker died: it closed its connection and hangs")
    assert isinstance(others[-1], Finished)


def test_progress_comes_in_order_and_before_the_end():
    events = list(Processes(["a", "b"]).run([Toy("one"), Toy("two"), Toy("three")], make))
    for name in ("one", "two", "three"):
        mine = [event for event in events if event.pack.name == name]
        assert [type(event) for event in mine] == [Advanced, Advanced, Finished]
        assert [event.progress.done for event in mine[:2]] == [0.5, 1.0]
        assert {event.progress.run_id for event in mine[:2]} == {name}
        assert len({event.worker for event in mine}) == 1


def test_each_worker_has_its_device_and_lives_on():
    packs = [Toy(str(number)) for number in range(8)]
    ended = [event for event in Processes(["a", "b"]).run(packs, make) if isinstance(event, Finished)]
    by_worker = {worker: {tuple(event.results[1:]) for event in ended if event.worker == worker} for worker in (0, 1)}
    assert [len(seen) for seen in by_worker.values()] == [1, 1]
    assert [device for ((device, _),) in by_worker.values()] == ["a", "b"]


def test_closing_it_early_ends_the_workers():
    events = Processes(["a", "b"]).run([Toy("one", "waits"), Toy("two", "waits"), Toy("three")], make)
    assert isinstance(next(events), Advanced)
    assert len(multiprocessing.active_children()) == 2
    start = time.monotonic()
    events.close()
    assert not multiprocessing.active_children()
    assert time.monotonic() - start < 5


def test_an_error_in_who_listens_ends_the_workers():
    def listen():
        for _ in Processes(["a"]).run([Toy("one", "waits")], make):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        listen()


def test_a_worker_that_has_done_its_work_ends_by_itself(tmp_path):
    # Ended by a signal it would leave what its libraries hold: the compiler's semaphores, temporary folders.
    note = tmp_path / "note"
    list(Processes(["a"]).run([Toy("one", "leaves_a_note_at_its_end", str(note))], make))
    assert note.exists()


@pytest.mark.fault("F2")
def test_the_row_has_the_signal_and_the_last_that_was_written():
    ended = ends([Toy("writes", "writes_and_is_killed"), Toy("is_killed", "is_killed"), Toy("raises", "raises", "why")])
    assert (ended["writes"].signal, ended["writes"].log) == ("SIGKILL", "to the one\nto the other\nfrom a child")
    assert (ended["is_killed"].signal, ended["is_killed"].log) == ("SIGKILL", None)
    assert (ended["raises"].signal, ended["raises"].log) == (None, None)


@pytest.mark.fault("F3")
def test_a_fault_in_compiled_code_leaves_its_trace():
    failed = ends([Toy("faults", "faults")])["faults"]
    assert (failed.status, failed.signal) == ("crashed", "SIGSEGV")
    assert "Segmentation fault" in failed.log
    assert "toys.py" in failed.log


@pytest.mark.fault("F5")
def test_what_hangs_is_ended_with_all_that_it_started(monkeypatch, tmp_path):
    monkeypatch.setattr(worker, "GRACE_SECONDS", 0.3)
    note = tmp_path / "note"
    start = time.monotonic()
    ended = ends([Toy("hangs", "hangs_with_children", str(note)), Toy("next")], timeout=1.0)
    assert (ended["hangs"].status, ended["hangs"].reason) == ("timeout", "it took longer than 1 s")
    assert isinstance(ended["next"], Finished)
    assert time.monotonic() - start < 10
    pids = [int(pid) for pid in note.read_text().split()]
    assert len(pids) == 3
    wait_until(lambda: not any(map(running, pids)))


@pytest.mark.fault("F5")
def test_a_pack_has_the_time_of_all_its_runs(monkeypatch):
    monkeypatch.setattr(worker, "GRACE_SECONDS", 0.3)
    ended = ends([Toy("two", "sleeps", "1.2", 2), Toy("one", "sleeps", "60")], timeout=0.8)
    assert isinstance(ended["two"], Finished)
    assert ended["one"].reason == "it took longer than 0.8 s"


@pytest.mark.fault("F5")
def test_a_worker_that_leaves_a_child_behind_is_noticed():
    # The child holds the connection open.
    start = time.monotonic()
    ended = ends([Toy("dies", "dies_before_its_child"), Toy("next")])
    assert ended["dies"].reason == "the worker died: exit status 5"
    assert isinstance(ended["next"], Finished)
    assert time.monotonic() - start < 10


@pytest.mark.fault("F5")
def test_a_worker_that_stands_still_is_replaced(monkeypatch):
    monkeypatch.setattr(worker, "SILENT_SECONDS", 0.5)
    ended = ends([Toy("stands", "stands_still"), Toy("next")])
    assert (ended["stands"].status, ended["stands"].reason) == ("timeout", "the worker gave no sign of life for 0.5 s")
    assert isinstance(ended["next"], Finished)


@pytest.mark.fault("F5")
def test_a_worker_that_stands_still_before_it_begins_is_replaced(monkeypatch):
    monkeypatch.setattr(worker, "START_SECONDS", 4.0)

    def suspend():
        wait_until(multiprocessing.active_children)
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGSTOP)

    threading.Thread(target=suspend).start()
    ended = ends([Toy("stands"), Toy("next")])
    assert (ended["stands"].status, ended["stands"].reason) == ("timeout", "the worker gave no sign of life for 4 s")
    assert isinstance(ended["next"], Finished)


def test_a_worker_that_works_in_silence_is_left_alone(monkeypatch):
    monkeypatch.setattr(worker, "SILENT_SECONDS", 0.2)
    used = itertools.count(2, 2)
    monkeypatch.setattr(worker.Process, "cpu", lambda self: next(used))
    assert isinstance(ends([Toy("sleeps", "sleeps", "1")])["sleeps"], Finished)


def test_no_worker_is_blamed_for_time_in_which_nobody_listened(monkeypatch):
    monkeypatch.setattr(worker, "SILENT_SECONDS", 1.5)
    monkeypatch.setattr(processes, "DEAF_SECONDS", 0.5)
    ended = []
    for event in Processes(["a"]).run([Toy("one", "advances_and_sleeps", "2.2")], make):
        ended.append(event)
        time.sleep(2.0)
    assert [type(event) for event in ended] == [Advanced, Finished]


@pytest.mark.fault("F30")
def test_who_was_killed_for_memory_is_told_from_who_crashed(monkeypatch):
    counts = iter([0, 1, 1, 1])
    monkeypatch.setattr(worker, "kills", lambda: next(counts))
    ended = ends([Toy("memory", "is_killed"), Toy("crash", "is_killed")])
    assert (ended["memory"].status, ended["memory"].signal) == ("out_of_memory", "SIGKILL")
    assert "memory of the machine or container ran out" in ended["memory"].reason
    assert (ended["crash"].status, ended["crash"].reason) == ("crashed", "the worker died: signal SIGKILL")


@pytest.mark.fault("F30")
def test_a_limit_on_memory_is_out_of_memory():
    ended = ends([Toy("python", "reserves"), Toy("compiled", "aborts"), Toy("next")])
    assert [ended[name].status for name in ("python", "compiled")] == ["out_of_memory"] * 2
    assert ended["compiled"].reason == "the worker died: std::bad_alloc"
    assert isinstance(ended["next"], Finished)


@pytest.mark.fault("F31")
def test_a_process_whose_device_reports_an_error_gives_no_further_result():
    failing = Toy("fails", "raises_as_a_device_does", "CUDA error: device-side assert triggered\nCUDA kernel errors might be")
    first, failed, last = ends([Toy("first"), failing, Toy("last")]).values()
    assert (failed.status, failed.reason) == ("crashed", "AcceleratorError: CUDA error: device-side assert triggered")
    assert first.results[2] != last.results[2]


@pytest.mark.fault("F31")
def test_a_device_that_is_lost_is_not_used_any_more_and_the_others_go_on():
    events = list(Processes(["b", "a"]).run([Toy(str(number)) for number in range(4)], make_on_a))
    ended = [event for event in events if isinstance(event, Finished | Failed)]
    assert sorted(event.results[:2] for event in ended) == [[str(number), "a"] for number in range(4)]
    assert [event.text for event in events if isinstance(event, Notice)] == ["b is not used any more: RuntimeError: CUDA error: GPU is lost"]


@pytest.mark.fault("F57")
def test_after_an_error_of_the_system_the_next_pack_has_a_clean_process():
    ended = ends([Toy("first", "counts_files"), Toy("fails", "raises_with_files_open"), Toy("next", "counts_files")])
    assert ended["fails"].reason == "OSError: [Errno 24] Too many open files"
    assert ended["next"].results[0] == 0
    assert ended["next"].results[1] != ended["first"].results[1]


@pytest.mark.slow
@pytest.mark.fault("F57")
def test_a_loader_whose_own_worker_dies_fails_with_the_cause():
    ended = ends([Toy("loads", "loads_with_a_worker_that_dies"), Toy("next")])
    assert ended["loads"].status == "crashed"
    assert "DataLoader worker" in ended["loads"].reason
    assert isinstance(ended["next"], Finished)


@pytest.mark.fault("F58")
def test_a_flood_of_output_hinders_nobody_and_its_end_is_kept():
    ended = ends([Toy("floods", "writes_much", "1024"), Toy("next", "raises", "why")])
    assert ended["floods"].reason == "ValueError: enough"
    assert ended["floods"].log.endswith("the end")
    assert 20_000 < len(ended["floods"].log) <= 2**16
    assert ended["next"].log is None


@pytest.mark.fault("F6")
def test_what_cannot_stop_is_killed_in_time(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.5)
    note = tmp_path / "note"
    start = time.monotonic()
    assert ends([Toy("hangs", "hangs_with_children", str(note)), Toy("next")], asked=note.exists) == {}
    assert time.monotonic() - start < 10
    wait_until(lambda: not any(running(int(pid)) for pid in note.read_text().split()))


def test_a_worker_that_alone_is_asked_to_stop_leaves_a_row(tmp_path):
    note = tmp_path / "note"
    events = Processes(["a"]).run([Toy("stops", "goes_on_later", str(note)), Toy("next")], make)
    killed = []
    ended = list(_with_ticks(events, note, killed))
    assert killed
    assert [(type(event), getattr(event, "status", "")) for event in ended if not isinstance(event, Advanced)] == [(Failed, "interrupted"), (Finished, "")]


def _with_ticks(events, note, killed):
    """The events, while a thread asks the worker to stop as soon as it has begun."""

    def ask():
        wait_until(note.exists)
        (child,) = multiprocessing.active_children()
        killed.append(child.pid)
        os.kill(child.pid, signal.SIGTERM)

    thread = threading.Thread(target=ask)
    thread.start()
    yield from events
    thread.join()


RUNNER = """
from bench.executors.processes import Processes
from tests.executors.toys import Toy, make
if __name__ == "__main__":
    list(Processes(["a", "b"]).run([Toy("one", "hangs_with_children", {one!r}), Toy("two", "hangs_with_children", {two!r})], make))
"""


@pytest.mark.fault("F1")
@pytest.mark.fault("F5")
def test_nobody_outlives_a_runner_that_is_killed(tmp_path):
    script, notes = tmp_path / "runner.py", [tmp_path / "one", tmp_path / "two"]
    script.write_text(RUNNER.format(one=str(notes[0]), two=str(notes[1])))
    with subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": str(ROOT)}) as runner:
        wait_until(lambda: all(note.exists() for note in notes))
        runner.kill()
    pids = [int(pid) for note in notes for pid in note.read_text().split()]
    wait_until(lambda: not any(map(running, pids)))


@pytest.mark.fault("F2")
def test_a_pack_that_a_dead_worker_never_began_is_given_to_another():
    def packs():
        yield Toy("one")
        (child,) = multiprocessing.active_children()
        child.kill()
        wait_until(lambda: not running(child.pid))
        yield Toy("two")

    ended = ends(packs())
    assert [type(event) for event in ended.values()] == [Finished, Finished]
    assert ended["one"].results[2] != ended["two"].results[2]
