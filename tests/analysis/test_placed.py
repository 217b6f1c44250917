from __future__ import annotations

import pytest

from bench.analysis.placed import Placed
from bench.analysis.points import failures, settings, value
from bench.errors import UsageError
from tests.analysis.demo_rows import cell, frame, seeds


def test_rows_become_points_by_axis_values_whatever_the_frame_calls_missing():
    one = seeds([0.9, None], cell(), {"dropout": "0"})
    other = seeds([0.8], cell(width=8), {"model": "fnn(width=8)"}, experiment="other")
    found = Placed(frame(one, other))
    assert [(point.experiment, point.axes, sorted(rows)) for point, rows in sorted(found.items())] == [
        ("main", (("dropout", "0"),), [0, 1]),
        ("other", (("model", "fnn(width=8)"),), [0]),
    ]
    rows = next(iter(found.values()))
    assert value(rows[1], "test_accuracy") is None
    assert value(rows[0], "test_accuracy") == 0.9
    assert failures(rows.values()) == "1 diverged"
    assert settings(rows[0])["batch_size"] == 32
    assert "steps" not in settings(rows[0])


def test_the_name_of_a_point():
    point = next(iter(Placed(frame(seeds([0.9], axes={"b": "2", "a": "1"})))))
    assert str(point) == "demo / paper / main / a=1, b=2"


def test_two_rows_for_one_seed_are_refused():
    twice = frame(seeds([0.9], commit="a", diff_hash="x"), seeds([0.8], commit="b", diff_hash="x"))
    with pytest.raises(UsageError, match=r"demo / paper / main: two rows for seed 0, with different commit"):
        Placed(twice)


def test_nullable_columns_give_the_same_points():
    plain = frame(seeds([0.9, None], axes={"dropout": "0"}), seeds([0.8], experiment="other"))
    assert dict(Placed(plain.convert_dtypes())) == dict(Placed(plain))
