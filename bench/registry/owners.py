"""Which rows of `runs` the rows of other tables belong to: a run that repeats another has those of the one that was trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def owned(rows: pd.DataFrame, owners: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table by the runs that they belong to.

    Args:
        rows: has a categorical column ``row``.
        owners: columns ``of``, a row of `runs`, and ``row``, the one whose rows it has.

    Returns:
        The rows of each owner, with a categorical column ``of`` in front: all owners are its categories, in order.
    """
    every = pd.Index(np.sort(owners["of"].to_numpy(dtype=object)), dtype=object)
    known, codes = rows["row"].cat.categories, rows["row"].cat.codes.to_numpy()
    # Nearly always a row has one owner; the names of a long table are looked at by their codes alone.
    turns = [some for _, some in owners.groupby(owners.groupby("row").cumcount())] or [owners]
    places = [pd.Series(every.get_indexer(some["of"]), index=some["row"]).reindex(known, fill_value=-1).to_numpy()[codes] for some in turns]
    found = pd.concat([_of(rows, each, every) for each in places], ignore_index=True)
    return found.astype({"row": object})


def _of(rows: pd.DataFrame, places: NDArray[np.intp], every: pd.Index[Any]) -> pd.DataFrame:
    """The rows that have an owner, given the place of each one's among all, and −1 for none."""
    mine = rows if (places >= 0).all() else rows[places >= 0]
    of = pd.Categorical.from_codes(places[places >= 0], dtype=pd.CategoricalDtype(every))
    return pd.concat([pd.Series(of, index=mine.index, name="of"), mine], axis=1)
