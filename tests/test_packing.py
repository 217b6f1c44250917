from __future__ import annotations

import pickle
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.packing import pack
from tests.planning import planned, resolved


@dataclass(frozen=True)
class Kind:
    name: str
    members: int = 4


def tasks(seeds=3):
    return [run.task for run in planned(resolved(f"experiments: {{a: {{grid: {{dropout: [0.0, 0.1]}}, seeds: {seeds}}}}}")).to_train()]


TASKS = tasks(20)


def sizes(packs):
    return [len(each.tasks) for each in packs]


def test_tasks_that_fit_nothing_are_alone():
    assert sizes(pack(TASKS[:6], [None] * 6, size=4)) == [1] * 6


def test_tasks_of_a_kind_come_together_in_the_order_of_their_first():
    fits = [Kind("a"), None, Kind("b"), Kind("a"), Kind("b"), None]
    packs = pack(TASKS[:6], fits)
    assert [each.tasks for each in packs] == [(TASKS[0], TASKS[3]), (TASKS[1],), (TASKS[2], TASKS[4]), (TASKS[5],)]


@pytest.mark.parametrize(("workers", "size", "expected"), [(1, None, [4, 4, 2]), (2, None, [4, 4, 2]), (5, None, [2] * 5), (1, 3, [3, 3, 3, 1]), (5, 10, [10])])
def test_how_many_are_in_a_pack(workers, size, expected):
    assert sizes(pack(TASKS[:10], [Kind("a")] * 10, workers, size)) == expected


@given(st.lists(st.sampled_from([None, Kind("a"), Kind("b", 1), Kind("c", 32)]), max_size=40), st.integers(1, 8), st.none() | st.integers(1, 9))
def test_every_task_is_in_one_pack_with_its_kind(fits, workers, size):
    chosen = TASKS[: len(fits)]
    kinds = {task.run.run_id: fit for task, fit in zip(chosen, fits, strict=True)}
    packs = pack(chosen, fits, workers, size)
    assert sorted((task for each in packs for task in each.tasks), key=chosen.index) == chosen
    for each in packs:
        assert len({kinds[task.run.run_id] for task in each.tasks}) == 1
        assert len(each.tasks) <= (1 if (fit := kinds[each.tasks[0].run.run_id]) is None else size or fit.members)


def test_names_are_unique_and_fit_for_files():
    names = [each.name for _ in range(3) for each in pack(TASKS, [None] * 40)]
    assert len(set(names)) == 120
    assert all(name.isalnum() and len(name) == 32 for name in names)


def test_packs_travel_to_workers():
    made = pack(TASKS, [None] * 40)
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 - made above
