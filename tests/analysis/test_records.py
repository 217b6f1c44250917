from __future__ import annotations

import pandas as pd
import pytest

from bench.analysis.records import Columns, Record

FRAME = pd.DataFrame({"name": ["a", None], "number": [1.5, float("nan")], "seed": [3, 4]}).astype({"name": object})


def records(frame):
    columns = Columns(frame)
    return [Record(columns, index) for index in range(len(frame))]


def test_rows_are_mappings_in_which_nothing_is_nan():
    assert [dict(row) for row in records(FRAME)] == [{"name": "a", "number": 1.5, "seed": 3}, {"name": None, "number": None, "seed": 4}]


def test_nullable_columns_give_the_same_rows():
    assert records(FRAME.convert_dtypes()) == records(FRAME)


def test_numbers_are_those_of_python():
    row = records(FRAME)[0]
    assert (type(row["number"]), type(row["seed"])) == (float, int)


def test_a_column_that_is_not_there():
    row = records(FRAME)[0]
    assert (row.get("other"), row.get("other", 7), "other" in row, "seed" in row) == (None, 7, False, True)
    with pytest.raises(KeyError, match="other"):
        row["other"]


def test_a_column_is_made_into_objects_once_and_only_when_asked_for():
    class Counting(pd.DataFrame):
        asked: list = []  # noqa: RUF012 - of this class alone

        def __getitem__(self, name):
            self.asked.append(name)
            return super().__getitem__(name)

    frame = Counting(FRAME)
    rows = records(frame)
    assert frame.asked == []
    assert [row["seed"] for row in rows] == [3, 4]
    assert frame.asked == ["seed"]
