"""Faults of files: each is named with its reason, none hides the rest, and none gives another value."""

from __future__ import annotations

import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import StorageError
from bench.registry import parquet
from bench.registry.parquet import encode, open_file
from bench.registry.schema import SCHEMA_VERSION, VERSION_KEY

STEM = "tricks.quick.bad"


@pytest.fixture
def filled(registry, runs, history):
    """A registry with one sound pack."""
    registry.append("tricks.quick.good", {"runs": runs({"row": "good"}), "history": history(("good", 1, 0.5))})
    return registry


def bad_file(registry, table="runs"):
    return registry.root / table / f"{STEM}.parquet"


def the_fault(registry):
    """The reason of the one fault that reading finds, while the sound pack is there."""
    assert list(registry.runs()["row"]) == ["good"]
    assert list(registry.table("history")["row"]) == ["good"]
    (fault,) = registry.verify()
    assert fault.path == bad_file(registry)
    assert str(fault) == f"{fault.path}: {fault.reason}"
    return fault.reason


def changed_schema(table, **metadata):
    return table.replace_schema_metadata({**table.schema.metadata, **{key.encode(): value for key, value in metadata.items()}})


@pytest.mark.fault("F19")
@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty"), (b"not,a,parquet\n1,2,3\n", "not a Parquet file"), (bytes(range(256)), "not a Parquet file"), (b"PAR1" * 9, "torn")]
)
def test_what_is_no_parquet_file_is_named(filled, content, reason):
    bad_file(filled).write_bytes(content)
    assert reason in the_fault(filled)


@pytest.mark.fault("F18")
def test_a_torn_file_is_named_wherever_it_was_torn(filled, runs):
    content = encode(runs({"row": "bad"}))
    for length in [*range(4, len(content), 997), *range(len(content) - 12, len(content))]:
        bad_file(filled).write_bytes(content[:length])
        assert "torn" in the_fault(filled)


@pytest.mark.fault("F19")
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: path.symlink_to(path)], ids=["folder", "pipe", "loop"])
def test_what_is_no_file_is_named_and_not_opened(filled, make):
    make(bad_file(filled))
    assert the_fault(filled) == "not a regular file"


@pytest.mark.fault("F21")
def test_leftovers_and_foreign_litter_are_passed_over(filled):
    for name in (".tmp-0123", ".DS_Store", "._tricks.quick.good.parquet", "tricks.quick.good.parquet~", ".tricks.quick.good.parquet.swp", "notes.txt"):
        (filled.root / "runs" / name).write_bytes(b"litter")
    (filled.root / "elsewhere").mkdir()
    assert filled.verify() == []
    assert len(filled.runs()) == 1


@pytest.mark.fault("F21")
def test_a_copy_under_a_foreign_name_is_not_counted_twice(filled):
    for table in ("runs", "history"):
        content = (filled.root / table / "tricks.quick.good.parquet").read_bytes()
        (filled.root / table / "tricks.quick.good (1).parquet").write_bytes(content)
    assert len(filled.table("history")) == len(filled.table("runs")) == 1
    assert {fault.reason.partition(":")[0] for fault in filled.faults} == {"foreign"}


@pytest.mark.fault("F21")
def test_a_copy_under_a_name_that_bench_could_have_given_is_named(filled):
    whole = filled.root / "runs" / "tricks.quick.good.parquet"
    copy = filled.root / "runs" / "tricks.quick.other.parquet"
    copy.write_bytes(whole.read_bytes())
    (fault,) = filled.verify()
    assert fault.path == copy
    assert "holds rows that tricks.quick.good.parquet holds too" in fault.reason
    assert len(filled.runs()) == 1


@pytest.mark.fault("F20")
@settings(deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 7))
def test_a_flipped_bit_gives_a_fault_or_the_same_values(tmp_path_factory, position, bit):
    table = parquet_case()
    content = bytearray(encode(table))
    content[position % len(content)] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "flipped.parquet"
    path.write_bytes(bytes(content))
    found = read_or_none(path)
    assert found is None or found.equals(table, check_metadata=True)


@pytest.mark.fault("F18")
def test_a_small_file_is_read_as_it_was_or_named_wherever_it_is_cut(tmp_path):
    content = encode(parquet_case())
    for length in range(len(content)):
        assert what_is_read(tmp_path / "cut.parquet", content[:length]) == [None, None], length
    assert all(found.equals(parquet_case()) for found in what_is_read(tmp_path / "cut.parquet", content))


@pytest.mark.fault("F20")
@pytest.mark.parametrize("change", [0xFF, *(pytest.param(1 << bit, marks=pytest.mark.slow) for bit in range(8))])
def test_a_small_file_is_read_as_it_was_or_named_whichever_byte_is_changed(tmp_path, change):
    table, content = parquet_case(), encode(parquet_case())
    named = 0
    for position in range(len(content)):
        broken = bytearray(content)
        broken[position] ^= change
        for found in what_is_read(tmp_path / "changed.parquet", bytes(broken)):
            assert found is None or found.equals(table, check_metadata=True), position
            named += found is None
    assert named > 1.9 * len(content)


def what_is_read(path, content):
    """The rows, texts written out and texts held once; None for a fault."""
    path.write_bytes(content)
    try:
        opened = open_file(path, "history")
        return [opened.read(), opened.read(encoded=True).cast(opened.schema)]
    except StorageError:
        return [None, None]


@pytest.mark.fault("F20")
@pytest.mark.parametrize("bit", [0, 7])
def test_a_file_that_nobody_sealed_is_read_or_named_whichever_byte_is_changed(tmp_path, bit):
    sink = pa.BufferOutputStream()
    pq.write_table(parquet_case(), sink, compression="zstd", write_page_checksum=True)
    content = sink.getvalue().to_pybytes()
    path = tmp_path / "unsealed.parquet"
    named = 0
    for position in range(0, len(content), 7):
        broken = bytearray(content)
        broken[position] ^= 1 << bit
        path.write_bytes(bytes(broken))
        named += read_or_none(path) is None
    assert named > len(content) / 14


def read_or_none(path):
    try:
        return open_file(path, "history").read()
    except StorageError:
        return None


def parquet_case():
    schema = pa.schema([("row", pa.string()), ("run_id", pa.string()), ("value", pa.float64())], metadata={VERSION_KEY: b"1"})
    return pa.table({"row": ["a", "b"], "run_id": ["x", None], "value": [0.5, None]}, schema=schema)


@pytest.mark.fault("F20")
def test_a_wrong_page_checksum_is_named_without_a_seal_too(filled, runs):
    pq.write_table(runs({"row": "bad"}), bad_file(filled), write_page_checksum=True, compression=None)
    content = bytearray(bad_file(filled).read_bytes())
    # Its first occurrence is in a page; later ones are statistics.
    content[content.index(b"bad")] ^= 1
    bad_file(filled).write_bytes(bytes(content))
    assert the_fault(filled).startswith("damaged")


@pytest.mark.fault("F22")
def test_a_newer_schema_is_named_as_such(filled, runs):
    newer = changed_schema(runs({"row": "bad"}), **{VERSION_KEY.decode(): str(SCHEMA_VERSION + 1)})
    bad_file(filled).write_bytes(encode(newer))
    assert the_fault(filled).startswith("written by a newer version of bench (schema 2; this one reads up to 1)")


def test_a_file_of_other_software_is_foreign(filled):
    pd.DataFrame({"row": ["bad"], "loss": [1.0]}).to_parquet(bad_file(filled))
    assert the_fault(filled) == "foreign: bench did not write it"


@pytest.mark.parametrize("column", ["row", "run_id", "generation"])
def test_a_file_without_a_column_of_the_identity_is_foreign(filled, runs, column):
    bad_file(filled).write_bytes(encode(runs({"row": "bad"}).drop_columns([column])))
    assert the_fault(filled) == f"foreign: it has no column {column!r}"


def test_two_columns_of_one_name_are_refused(filled, runs):
    table = runs({"row": "bad"})
    bad_file(filled).write_bytes(encode(table.append_column("row", table["row"])))
    assert the_fault(filled) == "foreign: two columns have one name"


@pytest.mark.fault("F61")
@pytest.mark.parametrize(
    "column",
    [pa.array([["nested"]]), pa.array([b"bytes"]), pa.array([2**63], pa.uint64()), pa.array([1], pa.timestamp("us", tz="Asia/Tokyo"))],
    ids=str,
)
def test_a_column_of_a_type_that_bench_does_not_write_is_refused(filled, runs, column):
    bad_file(filled).write_bytes(encode(runs({"row": "bad"}).append_column("hp.evil", column)))
    assert the_fault(filled).startswith("refused: column 'hp.evil' is ")


@pytest.mark.fault("F61")
def test_an_extension_type_is_refused_whether_or_not_it_is_known(filled, runs):
    known = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16], pa.binary(16)))
    named = pa.field("hp.evil", pa.string(), metadata={b"ARROW:extension:name": b"evil"})
    for column, field in ((known, "hp.evil"), (pa.array(["x"]), named)):
        bad_file(filled).write_bytes(encode(runs({"row": "bad"}).append_column(field, column)))
        assert the_fault(filled).startswith("refused: column 'hp.evil'")


@pytest.mark.fault("F61")
@pytest.mark.parametrize("changes", [{b"better": b"sideways"}, {b"scale": b"x"}, {b"version": b"one"}, {b"meaning": b"\xff"}])
def test_a_metric_that_cannot_be_is_refused(filled, runs, changes):
    table = runs({"row": "bad"})
    place = table.schema.names.index("test_accuracy")
    field = table.schema.field(place)
    hostile = field.with_metadata({**field.metadata, **changes})
    bad_file(filled).write_bytes(encode(table.set_column(place, hostile, table["test_accuracy"])))
    assert the_fault(filled)
    assert list(filled.metrics()) == ["test_accuracy"]


@pytest.mark.fault("F61")
@pytest.mark.parametrize(
    ("limit", "what"),
    [("MAX_FILE", "it is larger"), ("MAX_FOOTER", "its footer"), ("MAX_COLUMNS", "columns"), ("MAX_ROWS", "rows"), ("MAX_LOADED", "bytes once loaded")],
)
def test_claims_beyond_the_limits_are_refused_before_data_are_loaded(tmp_path, history, monkeypatch, limit, what):
    path = tmp_path / "large.parquet"
    path.write_bytes(encode(history(("a", 1, 0.5), ("a", 2, 0.5))))
    assert open_file(path, "history").read().num_rows == 2
    monkeypatch.setattr(parquet, limit, 1)
    with pytest.raises(StorageError, match=f"refused: .*{what}"):
        open_file(path, "history")


@pytest.mark.fault("F61")
def test_a_file_with_a_hundred_thousand_columns_is_refused(tmp_path):
    path = tmp_path / "wide.parquet"
    path.write_bytes(encode(pa.table({f"c{number}": pa.array([], pa.bool_()) for number in range(5_000)})))
    with pytest.raises(StorageError, match="refused: it claims 5,000 columns"):
        open_file(path, "runs")


def test_a_fault_is_forgotten_when_the_file_is_mended_or_gone(filled, runs):
    for mend in (lambda: bad_file(filled).write_bytes(encode(runs({"row": "mended"}))), lambda: bad_file(filled).unlink()):
        bad_file(filled).write_bytes(b"")
        assert the_fault(filled) == "empty"
        mend()
        filled.runs()
        assert filled.faults == [] or not bad_file(filled).exists()
        assert filled.verify() == []


def test_a_fault_in_another_table_leaves_the_runs_alone(filled):
    bad_file(filled, "history").write_bytes(b"")
    assert list(filled.runs()["row"]) == ["good"]
    assert filled.faults == []
    assert [fault.path for fault in filled.verify()] == [bad_file(filled, "history")]
