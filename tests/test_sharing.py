"""What of a plan falls to a runner: what nobody else is at, and nobody has recorded since."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest

from bench.leases import Leases, Owner
from bench.packing import Pack, Task
from bench.sharing import Sharing
from tests.train.runs import run_of

OTHER = Owner("far", "a boot", 7, "1")
RUNS = [run_of(seed) for seed in range(6)]
CODE = "c" * 64
IDS = [run.run_id for run in RUNS]


@dataclass
class Recorded:
    """A registry, as far as sharing looks at it: file -> the runs that it has a result of."""

    packs: dict[str, set[int]] = field(default_factory=dict)
    looked: list[set[str]] = field(default_factory=list)

    def stems(self):
        return set(self.packs)

    def finished(self, stems):
        self.looked.append(set(stems))
        return {(IDS[number], CODE) for stem in stems for number in self.packs[stem]}


def pack_of(*numbers):
    return Pack("".join(map(str, numbers)), tuple(Task(RUNS[number], ()) for number in numbers))


def name_of(number):
    return f"{IDS[number]}-{CODE[:16]}"


def numbers_of(pack):
    return [IDS.index(task.run.run_id) for task in pack.tasks]


@pytest.fixture
def registry():
    return Recorded({"old": {0, 1}})


@pytest.fixture
def leases(tmp_path):
    with Leases(tmp_path) as leases:
        yield leases


@pytest.fixture
def other(tmp_path):
    with Leases(tmp_path, OTHER) as other:
        yield other


@pytest.fixture
def sharing(leases, registry):
    return Sharing(leases, registry, dict.fromkeys(IDS, CODE), {"old"})


@pytest.mark.fault("F13")
def test_what_others_are_at_is_left_to_them(sharing, other):
    other.take([name_of(1), name_of(2)])
    assert [numbers_of(pack) for pack in sharing.claimed([pack_of(0, 1), pack_of(2), pack_of(3, 4)])] == [[0], [3, 4]]
    assert sharing.elsewhere == {IDS[1]: "far:7", IDS[2]: "far:7"}
    assert sharing.describe() == "2 runs are running elsewhere (far:7); waiting for them"


@pytest.mark.fault("F13")
def test_what_others_have_recorded_since_is_done(sharing, registry, other):
    packs = sharing.claimed([pack_of(0), pack_of(1, 2), pack_of(3)])
    assert numbers_of(next(packs)) == [0]
    registry.packs["new"] = {2, 3}
    assert numbers_of(next(packs)) == [1]
    assert list(packs) == []
    assert sharing.elsewhere == {IDS[2]: "", IDS[3]: ""}
    assert other.take([name_of(number) for number in range(4)]).keys() == {name_of(0), name_of(1)}
    assert sharing.describe() == "2 runs were recorded elsewhere meanwhile"


def test_a_pack_is_marked_when_it_is_asked_for_and_free_when_it_has_ended(sharing, other, registry):
    packs = sharing.claimed([pack_of(0), pack_of(1)])
    first = next(packs)
    assert set(other.take([name_of(0)])) == {name_of(0)}
    registry.packs["own"] = {0}
    sharing.ended(first, "own")
    assert other.take([name_of(0)]) == {}
    assert numbers_of(next(packs)) == [1]
    assert registry.looked == []  # its own files it knows


def test_other_code_is_other_work(leases, registry, other):
    other.take([name_of(0)])
    assert len(list(Sharing(leases, registry, {IDS[0]: "d" * 64}, set()).claimed([pack_of(0)]))) == 1


def test_waiting_ends_when_others_have_ended(sharing, other):
    other.take([name_of(0), name_of(1)])
    assert list(sharing.claimed([pack_of(0, 1)])) == []
    threading.Timer(0.7, other.give_back, [[name_of(0), name_of(1)]]).start()
    start = time.monotonic()
    sharing.wait(lambda: False)
    assert 0.5 < time.monotonic() - start < 5


def test_waiting_ends_when_it_is_asked_to(sharing, other):
    other.take([name_of(0)])
    assert list(sharing.claimed([pack_of(0)])) == []
    sharing.wait(lambda: True)


def test_there_is_nothing_to_wait_for_where_all_is_recorded(sharing, registry):
    registry.packs["new"] = {0}
    assert list(sharing.claimed([pack_of(0)])) == []
    sharing.wait(lambda: False)
