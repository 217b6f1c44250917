"""Seals: every flipped bit and every cut is noticed, and other readers do not mind the seal."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.registry.seal import MARK, NOTE, SEAL_SIZE, check_seal, seal

TABLE = pa.table({"a": ["u", "v", None], "x": [1.5, None, 3.0]})


@pytest.fixture
def plain():
    sink = pa.BufferOutputStream()
    pq.write_table(TABLE, sink, write_page_checksum=True)
    return sink.getvalue().to_pybytes()


def read(content: bytes) -> pa.Table | None:
    try:
        check_seal(content)
        return pq.ParquetFile(pa.BufferReader(content)).read()
    except (ValueError, OSError):
        return None


def test_a_sealed_file_passes_and_holds_the_same(plain):
    sealed = seal(plain)
    assert len(sealed) == len(plain) + SEAL_SIZE
    assert read(sealed).equals(TABLE)


def test_other_readers_read_a_sealed_file(plain, tmp_path):
    path = tmp_path / "sealed.parquet"
    path.write_bytes(seal(plain))
    assert duckdb.sql(f"SELECT a, x FROM '{path}'").fetchall() == [("u", 1.5), ("v", None), (None, 3.0)]


def test_a_file_that_nobody_sealed_passes(plain):
    assert read(plain).equals(TABLE)


@pytest.mark.fault("F20")
@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_gives_another_value(plain, bit):
    sealed = seal(plain)
    survived = set()
    for position in range(len(sealed)):
        content = bytearray(sealed)
        content[position] ^= 1 << bit
        found = read(bytes(content))
        if found is not None:
            assert found.equals(TABLE, check_metadata=True)
            survived.add(position)
    # Without its mark the file counts as one that nobody sealed, and its values are those that were written.
    mark = sealed.index(MARK)
    assert survived == set(range(mark, mark + len(MARK)))


@pytest.mark.fault("F18")
def test_every_cut_is_noticed(plain):
    sealed = seal(plain)
    assert all(read(sealed[:length]) is None for length in range(len(sealed)))


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (b"hello, world", "not a Parquet file"), (b"PAR1 and no end", "torn"), (b"PAR1PAR1", "torn")])
def test_what_is_no_parquet_file_is_told_apart(content, reason):
    with pytest.raises(ValueError, match=reason):
        check_seal(content)


def test_a_note_lies_under_the_seal(plain):
    sealed = seal(plain, b"a note")
    assert check_seal(sealed) == b"a note"
    assert check_seal(seal(plain)) == b""
    assert check_seal(plain) is None
    assert read(sealed).equals(TABLE)
    place = sealed.index(b"a note")
    for position in range(place - len(NOTE), place + len(b"a note") + 4):
        content = bytearray(sealed)
        content[position] ^= 1
        with pytest.raises(ValueError, match="damaged"):
            check_seal(bytes(content))
