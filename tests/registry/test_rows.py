"""Rows -> tables: what goes in comes out, and what is not finite is NULL."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.registry.rows import check_finite, table_from_rows

SCHEMA = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("seed", pa.int64()),
        pa.field("loss", pa.float64()),
        pa.field("dirty", pa.bool_()),
        pa.field("written", pa.timestamp("us", tz="UTC")),
    ]
)
TEXTS = st.text(st.characters(codec="utf-8"))
OPTIONAL = {
    "text": st.none() | TEXTS,
    "seed": st.none() | st.integers(-(2**63), 2**63 - 1),
    "loss": st.none() | st.floats(),
    "dirty": st.none() | st.booleans(),
    "written": st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
}
ROWS = st.lists(st.fixed_dictionaries({"row": TEXTS}, optional=OPTIONAL), max_size=5)


def expected(row):
    full = {name: row.get(name) for name in SCHEMA.names}
    loss = full["loss"]
    return full | {"loss": loss if loss is not None and math.isfinite(loss) else None}


@settings(deadline=None)
@given(ROWS)
def test_rows_come_back_with_null_for_what_is_missing_or_not_finite(rows):
    table = table_from_rows(SCHEMA, rows)
    assert table.schema.equals(SCHEMA, check_metadata=True)
    assert table.to_pylist() == [expected(row) for row in rows]
    check_finite(table)


@pytest.mark.fault("F27")
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan"), np.float64("inf")])
def test_nothing_that_is_not_finite_gets_in(value):
    assert table_from_rows(SCHEMA, [{"row": "a", "loss": value}])["loss"].to_pylist() == [None]


def test_numpy_numbers_are_numbers():
    table = table_from_rows(SCHEMA, [{"row": "a", "loss": np.float32(0.5), "seed": np.int32(3), "dirty": np.bool_(True)}])
    assert table.to_pylist()[0] | {"written": None} == {"row": "a", "text": None, "seed": 3, "loss": 0.5, "dirty": True, "written": None}


def test_an_unknown_column_is_refused_with_the_nearest_name():
    with pytest.raises(BenchError, match=r"no column 'los'\n  Did you mean 'loss'\?"):
        table_from_rows(SCHEMA, [{"row": "a", "los": 1.0}])


def test_a_missing_value_is_refused_where_one_is_demanded():
    with pytest.raises(BenchError, match="column 'row' must have a value in every row, and 1 of 2 have none"):
        table_from_rows(SCHEMA, [{"row": "a"}, {"text": "b"}])


@pytest.mark.parametrize(
    ("name", "value"), [("seed", 2**63), ("seed", "7"), ("seed", 1.5), ("loss", "high"), ("text", 7), ("text", "\ud800"), ("dirty", "yes"), ("written", "now")]
)
def test_a_value_of_the_wrong_type_is_refused_with_its_column(name, value):
    with pytest.raises(BenchError, match=f"column '{name}' cannot hold"):
        table_from_rows(SCHEMA, [{"row": "a", name: value}])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_table_with_a_value_that_is_not_finite_is_refused(value):
    with pytest.raises(BenchError, match="column 'loss' holds a value that is not finite"):
        check_finite(pa.table({"loss": [1.0, None, value]}))


def test_a_table_without_rows_is_finite():
    check_finite(SCHEMA.empty_table())
