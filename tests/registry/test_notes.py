"""Notes: what they save, and that nothing depends on them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.registry import parquet, reading
from bench.registry.notes import note_of, read_note
from bench.registry.parquet import encode
from bench.registry.seal import check_seal, seal
from bench.registry.statistics import groups_of
from bench.registry.store import Registry
from tests.registry.tables import answers, assert_same
from tests.registry.test_compaction import WORLD
from tests.registry.worlds import build

COMMIT = "a" * 40

FORWARD, BACKWARD = slice(None), slice(None, None, -1)


def read_in(monkeypatch, order):
    """Read files one by one, the first or the last of them first."""
    monkeypatch.setattr(reading, "in_threads", lambda work, items: [work(item) for item in items[order]][order])


@pytest.fixture
def opened(monkeypatch):
    """The number of footers that were taken apart."""
    counts = []

    def counting(*arguments, **options):
        counts.extend([1] if options.get("metadata") is None else [])
        return pq.ParquetFile(*arguments, **options)

    monkeypatch.setattr(parquet, "pq", type("Counting", (), {"ParquetFile": staticmethod(counting), "write_table": pq.write_table}))
    return counts


def test_a_note_says_what_the_footer_says(runs):
    table = runs({"commit": COMMIT, "dirty": False, "diff_hash": None}, {"commit": COMMIT, "dirty": False})
    content = encode(table)
    metadata = pq.ParquetFile(pa.BufferReader(content)).metadata
    note = check_seal(content)
    assert note == note_of(metadata, table.schema.names) != b""
    assert read_note(note)[1] == groups_of(metadata, table.schema.names)


def test_a_file_of_several_states_has_no_note(runs):
    assert check_seal(encode(runs({"commit": COMMIT}, {"commit": None}))) == b""


def test_a_file_of_another_commit_is_not_opened(registry, runs, opened, monkeypatch):
    # Of several threads each may open a file before one of them knows the schema.
    read_in(monkeypatch, FORWARD)
    for number in range(9):
        registry.append(f"tricks.quick.p{number}", {"runs": runs({"row": str(number), "commit": str(number) * 40})})
    opened.clear()
    read = Registry(registry.root)
    assert list(read.runs(commits=["3" * 40])["row"]) == ["3"]
    # The first of its schema, and the one that was asked for.
    assert len(opened) == 2
    assert len(read.states()) == 9
    assert len(read.metrics()) == 1
    assert len(opened) == 2


def test_a_registry_without_notes_gives_the_same_answers(tmp_path, monkeypatch):
    build(tmp_path / "with", WORLD)
    monkeypatch.setattr(parquet, "note_of", lambda *_: b"")
    build(tmp_path / "without", WORLD)
    [path, *_] = sorted((tmp_path / "without" / "runs").iterdir())
    assert check_seal(path.read_bytes()) == b""
    assert_same(answers(tmp_path / "without"), answers(tmp_path / "with"))


@pytest.mark.parametrize("note", [b"{}", b"nonsense", b"[]", b'{"schema": 1, "groups": [1]}', b'{"schema": "x", "groups": [[1, [], ["a"]]]}'])
def test_a_note_that_says_nothing_is_passed_over(registry, runs, note):
    registry.append("tricks.quick.p1", {"runs": runs({"row": "first"})})
    path = registry.root / "runs" / "tricks.quick.p2.parquet"
    sink = pa.BufferOutputStream()
    pq.write_table(runs({"row": "second", "run_id": "second"}), sink)
    path.write_bytes(seal(sink.getvalue().to_pybytes(), note))
    assert list(registry.runs()["row"]) == ["first", "second"]
    assert registry.faults == []


@pytest.mark.parametrize("order", [FORWARD, BACKWARD])
def test_a_sealed_file_whose_columns_are_not_those_that_it_says_is_named(registry, runs, order, monkeypatch):
    """Whichever of the two is read first."""
    read_in(monkeypatch, order)
    registry.append("tricks.quick.p1", {"runs": runs({"row": "first"})})
    path = registry.root / "runs" / "tricks.quick.p2.parquet"
    described = pq.ParquetFile(registry.root / "runs" / "tricks.quick.p1.parquet").metadata.metadata
    table = runs({"row": "second", "run_id": "second"})
    lying = table.rename_columns(["treason" if name == "reason" else name for name in table.schema.names])
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, lying.schema, store_schema=False) as writer:
        writer.write_table(lying)
        writer.add_key_value_metadata(described)
    path.write_bytes(seal(sink.getvalue().to_pybytes()))
    assert list(registry.runs()["row"]) == ["first"]
    assert [fault.reason for fault in registry.faults] == ["damaged: its columns are not those that it says it has"]
