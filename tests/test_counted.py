from __future__ import annotations

import pytest

from bench.counted import counted


@pytest.mark.parametrize(("count", "text"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1200, "1,200 runs")])
def test_one_is_not_several(count, text):
    assert counted(count, "run") == text


def test_other_plurals():
    assert [counted(count, "is", "are") for count in (1, 2)] == ["1 is", "2 are"]
