"""The rows of each owner, against pandas' own join."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from bench.registry.owners import owned

NAMES = st.sampled_from("abcd")


def as_set(frame):
    return sorted(frame[["of", "row", "value"]].astype({"of": object, "row": object}).itertuples(index=False, name=None))


@given(rows=st.lists(NAMES, max_size=8), owners=st.dictionaries(st.sampled_from("abcdxyz"), NAMES))
def test_each_owner_has_the_rows_that_it_names(rows, owners):
    table = pd.DataFrame({"row": pd.Categorical(rows, categories=["d", "b", "c", "a"]), "value": range(len(rows))})
    names = pd.DataFrame({"of": list(owners), "row": list(owners.values())}, dtype=object)
    found = owned(table, names)
    assert list(found.columns) == ["of", "row", "value"]
    assert as_set(found) == as_set(names.merge(table.astype({"row": object}), on="row"))
    assert list(found["of"].cat.categories) == sorted(owners)
    assert found["row"].dtype == object
