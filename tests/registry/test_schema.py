"""The schema says every column once, and metrics describe themselves."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from bench.metric import Metric
from bench.registry.schema import SCHEMA_VERSION, TABLES, TYPES, VERSION_KEY, arrow_schema, metric_field, metric_of

METRIC = Metric("sharpness", "1", "lower", "log", "the largest eigenvalue — λ₁", "train", version=3, family="sharpness")


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_declared_once_with_type_unit_and_meaning(table):
    schema = arrow_schema(table)
    assert schema.metadata == {VERSION_KEY: str(SCHEMA_VERSION).encode()}
    assert len(set(schema.names)) == len(schema)
    for column, field in zip(TABLES[table], schema, strict=True):
        assert (field.name, field.type, field.nullable) == (column.name, TYPES[column.type], column.nullable)
        assert field.metadata == {b"unit": column.unit.encode(), b"meaning": column.meaning.encode()}
        assert column.meaning


def test_the_columns_that_vary_follow_the_fixed_ones():
    schema = arrow_schema("runs", ["batch_size"], {"model.width": "int64"}, [METRIC])
    assert schema.names[len(TABLES["runs"]) :] == ["axis.batch_size", "hp.model.width", "sharpness"]
    assert schema.types[-3:] == [pa.string(), pa.int64(), pa.float64()]


def test_a_metric_comes_back_from_its_column():
    assert metric_of(metric_field(METRIC)) == METRIC
    assert metric_of(pa.field("seed", pa.int64())) is None
    assert metric_of(arrow_schema("runs").field("seed")) is None


@pytest.mark.parametrize("family", [None, b"", b"a family of a later version"])
def test_a_metric_without_a_known_family_has_none(family):
    field = metric_field(METRIC)
    metadata = {key: value for key, value in field.metadata.items() if key != b"family"} | ({} if family is None else {b"family": family})
    assert metric_of(field.with_metadata(metadata)) == replace(METRIC, family="")
