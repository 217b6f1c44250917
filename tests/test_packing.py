from __future__ import annotations

import pickle

from bench.packing import pack
from tests.planning import planned, resolved


def tasks():
    return [run.task for run in planned(resolved("experiments: {a: {grid: {dropout: [0.0, 0.1]}, seeds: 3}}")).to_train()]


def test_every_task_is_in_one_pack_in_its_order():
    made = tasks()
    assert [task for packed in pack(made) for task in packed.tasks] == made
    assert len(made) == 6


def test_names_are_unique_and_fit_for_files():
    names = [packed.name for _ in range(3) for packed in pack(tasks())]
    assert len(set(names)) == 18
    assert all(name.isalnum() and len(name) == 32 for name in names)


def test_packs_travel_to_workers():
    made = pack(tasks())
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 - made above


def test_nothing_to_train_is_no_pack():
    assert pack([]) == []
