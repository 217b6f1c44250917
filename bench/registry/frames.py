"""Arrow tables -> pandas frames whose column types do not depend on what rows there are.

Text is of dtype object with None; whole numbers are int64 where the schema demands a value and Int64 elsewhere; truth
values are bool and boolean in the same way; numbers are float64 with NaN; times are in UTC.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from bench.registry.parquet import ENCODED
from bench.registry.schema import TABLES

NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


def frame(table: pa.Table, name: str) -> pd.DataFrame:
    """Turn a table into a frame.

    Args:
        table: columns of the types of `bench.registry.schema.TYPES`; texts may be `bench.registry.parquet.ENCODED`.
        name: a key of `bench.registry.schema.TABLES`.

    Returns:
        The same rows and columns.
    """
    demanded = {column.name for column in TABLES[name] if not column.nullable}
    return pd.DataFrame({field.name: _series(table[field.name], field.name in demanded) for field in table.schema})


def _series(column: pa.ChunkedArray, demanded: bool) -> pd.Series[Any]:
    if column.type in (pa.string(), ENCODED):
        return pd.Series(_texts(column), dtype=object)
    types = {} if demanded and not column.null_count else NULLABLE
    series: pd.Series[Any] = column.to_pandas(types_mapper=types.get)
    return series


def _texts(column: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    # Equal texts become one object: a long table repeats a few names in each row.
    # They are found before the chunks are put together, which would copy every repetition.
    encoded = column.dictionary_encode() if column.type != ENCODED else column.unify_dictionaries()
    encoded = encoded.combine_chunks()
    words = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    places = encoded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
    texts: npt.NDArray[np.object_] = words.take(places)
    return texts
