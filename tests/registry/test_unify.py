"""Files of different ages as one table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from bench.registry.unify import unify


def unified(*columns, wanted=("row", "hp.x")):
    """The column ``hp.x`` of files that hold such arrays, and the faults by the number of the file."""
    tables = {Path(str(number)): pa.table({"row": ["a"] * len(array)} | {"hp.x": array}) for number, array in enumerate(columns)}
    table, faults = unify("history", tables, wanted)
    return table["hp.x"] if "hp.x" in table.schema.names else None, {int(path.name): reason for path, reason in faults.items()}


@pytest.mark.fault("F22")
def test_a_missing_column_is_null():
    tables = {Path("old"): pa.table({"row": ["a"]}), Path("new"): pa.table({"row": ["b"], "hp.x": [1]})}
    table, faults = unify("history", tables)
    assert table["hp.x"].to_pylist() == [None, 1]
    assert table["value"].to_pylist() == [None, None]
    assert table.schema.names == ["row", "run_id", "step", "epoch", "metric", "value", "hp.x"]
    assert faults == {}


@pytest.mark.fault("F22")
@pytest.mark.parametrize("order", [1, -1])
def test_whole_numbers_become_float64_beside_floats(order):
    column, faults = unified(*[pa.array([1]), pa.array([2, None]), pa.array([0.5])][::order])
    assert column.type == pa.float64()
    assert sorted(column.drop_null().to_pylist()) == [0.5, 1.0, 2.0]
    assert faults == {}


def test_nulls_take_any_type():
    column, faults = unified(pa.array([None]), pa.array(["a"]), pa.array([None]))
    assert column.to_pylist() == [None, "a", None]
    assert faults == {}
    assert pa.types.is_null(unified(pa.array([None]))[0].type)


def test_narrow_types_of_other_writers_are_widened():
    column, _ = unified(pa.array([1], pa.int32()), pa.array([2], pa.uint8()))
    assert column.type == pa.int64()
    assert unified(pa.array(["a"], pa.large_string()))[0].type == pa.string()


@pytest.mark.fault("F23")
@pytest.mark.parametrize("order", [1, -1])
def test_the_file_with_the_rarer_type_is_left_out_and_both_types_are_named(order):
    arrays = [pa.array(["full"]), pa.array([1]), pa.array([2])][::order]
    column, faults = unified(*arrays)
    assert sorted(column.to_pylist()) == [1, 2]
    assert faults == {arrays.index(pa.array(["full"])): "column 'hp.x' is string here and int64 in other files"}


def test_rows_decide_on_a_type_in_however_many_files_they_lie():
    few = [pa.array(["a", "b", "c"]), pa.array([1]), pa.array([2])]
    many = [pa.array(["a"]), pa.array(["b"]), pa.array(["c"]), pa.array([1, 2])]
    for arrays in (few, many):
        assert unified(*arrays)[0].to_pylist() == ["a", "b", "c"]


def test_no_order_of_files_changes_which_type_wins():
    for arrays in ([pa.array(["a"]), pa.array([True])], [pa.array([True]), pa.array(["a"])]):
        assert unified(*arrays)[0].to_pylist() == [True]


def test_a_whole_number_that_float64_cannot_hold_is_not_rounded():
    column, faults = unified(pa.array([2**53 + 1]), pa.array([0.5]))
    assert column.to_pylist() == [0.5]
    assert "9007199254740993" in faults[0]


def test_fixed_columns_have_the_type_of_the_schema():
    table, faults = unify("history", {Path("a"): pa.table({"row": ["a"], "value": [1]}), Path("b"): pa.table({"row": [1], "value": [1.0]})})
    assert table["value"].to_pylist() == [1.0]
    assert faults == {Path("b"): "column 'row' is int64 here and string in other files"}
