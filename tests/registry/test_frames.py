"""Frames: the same whether texts were read one by one or each different one once."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.registry.frames import frame
from bench.registry.layout import Layout
from bench.registry.parquet import ENCODED
from bench.registry.reading import Reader, Wanted
from tests.registry.worlds import WORLDS, build


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS, st.booleans())
def test_texts_are_the_same_however_they_are_read(tmp_path_factory, world, compacted):
    registry = build(tmp_path_factory.mktemp("world") / "results", world)
    if compacted:
        registry.compact()
    for name in ("runs", "history"):
        reader = Reader(Layout(registry.root))
        plain, encoded = (reader.load(name, reader.paths(name), Wanted(encoded=encoded)) for encoded in (False, True))
        assert ENCODED not in plain.schema.types
        assert pa.string() not in encoded.schema.types
        assert encoded.cast(plain.schema).equals(plain)
        pd.testing.assert_frame_equal(frame(encoded, name), frame(plain, name))


def test_categories_are_what_texts_are_also_where_a_dictionary_holds_one_twice():
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 2, None, 1, 0], pa.int32()), pa.array(["a", "b", "a"]))
    table = pa.table({"row": pa.chunked_array([twice]), "run_id": pa.chunked_array([twice])})
    found = frame(table, "history", {"row"})
    assert isinstance(found["row"].dtype, pd.CategoricalDtype)
    assert found["row"].astype(object).where(found["row"].notna(), None).tolist() == found["run_id"].tolist() == ["a", "a", None, "b", "a"]
