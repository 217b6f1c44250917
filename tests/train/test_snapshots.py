"""When weights are kept: steps of equal ratios, listed steps, and what several measures want together."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config import PartSpec
from bench.train.snapshots import snapshot_steps


def steps(*wanted, total=1000, epoch=1):
    return sorted(snapshot_steps([PartSpec("a measure", {} if each is None else {"snapshots": each}) for each in wanted], total, epoch))


@pytest.mark.parametrize(
    ("wanted", "total", "found"),
    [
        ({"log": 4}, 1000, [1, 10, 100, 1000]),
        ({"log": 2}, 1000, [1, 1000]),
        ({"log": 3}, 50, [1, 7, 50]),
        ({"log": 1000}, 5, [1, 2, 3, 4, 5]),
        ({"log": 3}, 1, [1]),
        ([5, 0, 5, 20], 20, [0, 5, 20]),
        ([5, 20, 21], 20, [5, 20]),
        ([21], 20, []),
        ([], 20, []),
    ],
)
def test_one_measure(wanted, total, found):
    assert steps(wanted, total=total) == found


def test_measures_that_do_not_look_at_training_want_none():
    assert steps() == steps(None) == []
    assert snapshot_steps([PartSpec("a measure", {"snapshots": None})], 10, 1) == frozenset()


@pytest.mark.parametrize(
    ("wanted", "total", "epoch", "found"),
    [
        ({"last": 1}, 100, 10, [100]),
        ({"last": 3}, 100, 10, [80, 90, 100]),
        ({"last": 3}, 100, 1, [98, 99, 100]),
        ({"last": 2, "every": 4}, 100, 10, [60, 100]),
        ({"last": 3}, 20, 10, [10, 20]),
        ({"last": 3}, 25, 10, [5, 15, 25]),
        ({"last": 1000, "every": 1000}, 1, 1, [1]),
    ],
)
def test_the_last_epochs_back_from_the_end(wanted, total, epoch, found):
    assert steps(wanted, total=total, epoch=epoch) == found


def test_several_measures_want_what_each_wants():
    assert steps({"log": 3}, None, [7, 2000], [0, 100], total=100) == [0, 1, 7, 10, 100]


@given(st.integers(2, 100), st.integers(1, 10**9))
def test_equal_ratios_from_the_first_step_to_the_last(count, total):
    found = steps({"log": count}, total=total)
    assert found[0] == 1
    assert found[-1] == total
    ratio = math.log(total) / (count - 1)
    assert all(later - earlier <= 1 or later - 0.5 <= (earlier + 0.5) * math.exp(ratio) * (1 + 1e-9) for earlier, later in itertools.pairwise(found))
