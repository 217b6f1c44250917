"""Arrow tables -> pandas frames whose column types do not depend on what rows there are.

Text is of dtype object with None; whole numbers are int64 where the schema demands a value and Int64 elsewhere; truth
values are bool and boolean in the same way; numbers are float64 with NaN; times are in UTC.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from bench.registry.parquet import ENCODED
from bench.registry.schema import TABLES

NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


def frame(table: pa.Table, name: str, categories: Collection[str] = ()) -> pd.DataFrame:
    """Turn a table into a frame.

    Args:
        table: columns of the types of `bench.registry.schema.TYPES`; texts may be `bench.registry.parquet.ENCODED`.
        name: a key of `bench.registry.schema.TABLES`.
        categories: columns of texts that shall be categorical.

    Returns:
        The same rows and columns.
    """
    demanded = {column.name for column in TABLES[name] if not column.nullable}
    series = {
        field.name: _categorical(table[field.name]) if field.name in categories else _series(table[field.name], field.name in demanded)
        for field in table.schema
    }
    return pd.DataFrame(series)


def texts(table: pa.Table) -> list[str]:
    """The names of the columns of texts."""
    return [field.name for field in table.schema if _is_text(field.type)]


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.string(), ENCODED)


def _series(column: pa.ChunkedArray, demanded: bool) -> pd.Series[Any]:
    if _is_text(column.type):
        return pd.Series(_texts(column), dtype=object)
    types = {} if demanded and not column.null_count else NULLABLE
    series: pd.Series[Any] = column.to_pandas(types_mapper=types.get)
    return series


def _categorical(column: pa.ChunkedArray) -> pd.Series[Any]:
    words, places = _coded(column)
    # A file of other software may hold a text twice.
    codes, categories = pd.factorize(np.array([*words, None], dtype=object))
    return pd.Series(pd.Categorical.from_codes(codes[places.fill_null(len(words)).to_numpy()], pd.Index(categories, dtype=object)))


def _texts(column: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    # Equal texts become one object: a long table repeats a few names in each row.
    words, places = _coded(column)
    texts: npt.NDArray[np.object_] = np.array([*words, None], dtype=object).take(places.fill_null(len(words)).to_numpy())
    return texts


def _coded(column: pa.ChunkedArray) -> tuple[list[str], pa.Array]:
    """The different texts of a column, and the place of each value among them."""
    # They are found before the chunks are put together, which would copy every repetition.
    encoded = column.dictionary_encode() if column.type != ENCODED else column.unify_dictionaries()
    encoded = encoded.combine_chunks()
    return encoded.dictionary.to_pylist(), encoded.indices
