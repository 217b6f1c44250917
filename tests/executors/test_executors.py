"""What every executor of the catalogue keeps: each pack ends once, and what fails takes nothing else with it."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from bench.executors import Advanced, Failed, Finished, executors
from tests.executors.toys import Toy, make, make_nothing

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
    (event,) = [event for event in run(name, [Toy("one")], devices=["a", "b", "c", "d"]) if not isinstance(event, Advanced)]
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


def test_inline_takes_the_packs_in_order_on_the_first_device():
    events = run("inline", [Toy("c"), Toy("a"), Toy("b")])
    assert [event.results for event in events] == [[name, "a", os.getpid()] for name in ("c", "a", "b")]
