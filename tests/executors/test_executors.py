"""What every executor of the catalogue keeps: each pack ends once, and what fails takes nothing else with it."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from bench.errors import MissingError, UsageError
from bench.executors import Advanced, Failed, Finished, Notice, executors
from tests.executors.toys import Toy, make, make_nothing, make_on_a, make_under_other_code

FAILURES = {
    "raises": ("crashed", "ValueError: no such thing"),
    "raises_unpicklable": ("crashed", "UnpicklableError: it holds a lock"),
    "out_of_memory": ("out_of_memory", "MemoryError"),
    "out_of_device_memory": ("out_of_memory", "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"),
}
each = pytest.mark.parametrize("name", executors.names())


def run(name, packs, devices=("a", "b"), make_trainer=make):
    """What an executor says; every pack has ended once, and no child is left."""
    events = list(executors[name].target(devices).run(packs, make_trainer))
    ended = [event.pack for event in events if not isinstance(event, Advanced)]
    assert sorted(ended, key=str) == sorted(packs, key=str)
    assert not multiprocessing.active_children()
    return events


def endings(events):
    return [event for event in events if isinstance(event, Finished | Failed)]


def test_the_catalogue():
    assert {"inline", "processes"} <= set(executors.names())


@each
def test_failures_become_events_and_the_others_go_on(name):
    failing = [Toy(do, do, "no such thing\nand more") for do in FAILURES]
    working = [Toy(str(number)) for number in range(len(failing) + 1)]
    packs = [pack for pair in zip(working, failing, strict=False) for pack in pair] + working[-1:]
    events = {event.pack.name: event for event in run(name, packs) if not isinstance(event, Advanced)}
    assert all(isinstance(events[pack.name], Finished) and events[pack.name].results[0] == pack.name for pack in working)
    for do, (status, reason) in FAILURES.items():
        assert isinstance(events[do], Failed)
        assert (events[do].status, events[do].reason) == (status, reason)
        assert "Traceback" in events[do].detail
        assert "toys.py" in events[do].detail


@each
def test_no_packs(name):
    assert run(name, []) == []


@each
def test_more_devices_than_packs(name):
    (event,) = endings(run(name, [Toy("one")], devices=["a", "b", "c", "d"]))
    assert event.results[:2] == ["one", "a"]
    assert event.worker == 0


@each
def test_a_trainer_that_cannot_be_made_fails_each_pack_with_the_reason(name):
    events = run(name, [Toy("one"), Toy("two"), Toy("three")], make_trainer=make_nothing)
    assert all(isinstance(event, Failed) and event.status == "crashed" for event in events)
    assert {event.reason for event in events} <= {"RuntimeError: a has gone", "RuntimeError: b has gone"}


@each
def test_every_pack_is_trained_once(name, tmp_path):
    packs = [Toy(str(number), "counts", str(tmp_path / str(number))) for number in range(6)]
    run(name, packs)
    workers = [(tmp_path / str(number)).read_text().split() for number in range(6)]
    assert [len(lines) for lines in workers] == [1] * 6
    assert (str(os.getpid()) in {line for lines in workers for line in lines}) == (name == "inline")


@each
@pytest.mark.fault("F29")
def test_a_pack_for_which_memory_does_not_suffice_is_halved(name, tmp_path):
    note = tmp_path / "note"
    events = list(executors[name].target(["a"]).run([Toy("big", "fits_alone", str(note), 5), Toy("last")], make))
    assert [event.results[0] for event in endings(events)] == ["bigaaa", "bigaab", "bigab", "bigba", "bigbb", "last"]
    sizes, processes = zip(*(line.split() for line in note.read_text().splitlines()), strict=True)
    assert list(map(int, sizes)) == [5, 3, 2, 1, 1, 1, 2, 1, 1]
    if name == "processes":  # one of its own for each that follows a failure
        failed = [number for number, size in enumerate(sizes) if size != "1"]
        assert all(processes[number] != processes[number + 1] for number in failed)
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert notices[0] == "memory did not suffice for 5 runs at once; they are tried again as 3 and 2 (MemoryError: for 5)"
    assert len(notices) == 4


@each
@pytest.mark.fault("F29")
def test_a_run_alone_for_which_memory_does_not_suffice_has_failed(name):
    failed, finished = endings(executors[name].target(["a"]).run([Toy("one", "out_of_memory"), Toy("two")], make))
    assert (failed.status, failed.reason) == ("out_of_memory", "MemoryError")
    assert isinstance(finished, Finished)


@each
@pytest.mark.fault("F31")
def test_where_no_device_is_left_the_rest_is_not_tried(name):
    events = executors[name].target(["b"]).run([Toy("one"), Toy("two")], make_on_a)
    with pytest.raises(MissingError, match="GPU is lost"):
        list(events)
    assert not multiprocessing.active_children()


@each
@pytest.mark.fault("F54")
def test_where_the_code_is_not_that_of_the_plan_nothing_is_trained(name):
    with pytest.raises(MissingError, match=r"changed since the plan was made: models/fnn\.py"):
        list(executors[name].target(["a"]).run([Toy("one"), Toy("two")], make_under_other_code))


@each
@pytest.mark.fault("F6")
def test_when_it_is_asked_to_stop_no_pack_is_begun(name):
    asked = []
    events = executors[name].target(["a"]).run([Toy("one"), Toy("two"), Toy("three")], make, lambda: bool(asked))
    ended = []
    for event in events:
        if isinstance(event, Finished):
            ended.append(event.pack.name)
            asked.append(True)
    assert ended == ["one"]
    assert not multiprocessing.active_children()


@each
@pytest.mark.fault("F6")
def test_a_pack_that_is_interrupted_when_asked_to_stop_has_not_failed(name, tmp_path):
    note = tmp_path / "note"
    events = list(executors[name].target(["a"]).run([Toy("one", "goes_on_later", str(note)), Toy("two")], make, note.exists))
    assert endings(events) == []


def test_inline_has_no_timeout():
    with pytest.raises(UsageError, match="--executor processes"):
        executors["inline"].target(["a"], 5.0)


def test_packs_are_taken_when_a_worker_is_free():
    taken = []

    def packs():
        for number in range(4):
            taken.append(number)
            yield Toy(str(number))

    events = executors["processes"].target(["a"]).run(packs(), make)
    seen = [len(taken) for event in events if isinstance(event, Finished)]
    assert seen == [1, 2, 3, 4]


def test_inline_takes_the_packs_in_order_on_the_first_device():
    events = run("inline", [Toy("c"), Toy("a"), Toy("b")])
    assert [event.results for event in events] == [[name, "a", os.getpid()] for name in ("c", "a", "b")]
