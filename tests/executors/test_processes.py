"""Worker processes that die: the pack fails with the cause, another worker takes the next pack, no child is left."""

from __future__ import annotations

import multiprocessing
import time

import pytest

from bench.executors import Advanced, Failed, Finished, processes
from bench.executors.processes import Processes
from tests.executors.toys import Toy, make

DEATHS = {
    "exits": "the worker died: exit status 3",
    "leaves": "the worker died: exit status 4",
    "is_killed": "the worker died: signal SIGKILL",
    "faults": "the worker died: signal SIGSEGV",
    "returns_unpicklable": "the worker died: exit status 1",
}


@pytest.fixture(autouse=True)
def no_child_is_left():
    yield
    assert not multiprocessing.active_children()


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
    time.sleep(0.5)  # the worker fills the pipe and is killed meanwhile
    failed, *others = events
    assert (failed.status, failed.reason) == ("crashed", "the worker died: signal SIGKILL")
    assert isinstance(others[-1], Finished)


def test_a_worker_that_hangs_with_its_connection_closed_is_replaced(monkeypatch):
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
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
