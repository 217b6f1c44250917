"""Which row of an identity is kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.registry.view import IDENTITY, clean

EARLY, LATE = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)


def frame(*rows):
    base = dict.fromkeys(IDENTITY, "x") | {"commit": None, "diff_hash": None, "generation": 0, "status": "ok", "written": EARLY, "row": "a"}
    return pd.DataFrame([base | row for row in rows], columns=list(base)).astype({"commit": object, "diff_hash": object, "written": "datetime64[us, UTC]"})


def categorical(rows):
    """Texts as categories in the order in which they come, which is not that of texts."""
    texts = rows.select_dtypes(["object", "str"])
    return rows.assign(**{name: pd.Categorical(texts[name], list(dict.fromkeys(texts[name].dropna()))) for name in texts})


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"generation": 1, "status": "crashed"}, {"generation": 0, "written": LATE}),
        ({"status": "ok"}, {"status": "crashed", "written": LATE}),
        ({"status": "diverged"}, {"status": "interrupted", "written": LATE}),
        ({"written": LATE, "status": "diverged"}, {"row": "z", "status": "ok"}),
        ({"row": "b"}, {"row": "a"}),
    ],
)
def test_the_rule(better, worse):
    for rows in ([better, worse], [worse, better]):
        kept = clean(frame(*rows))
        assert kept.to_dict("records") == frame(better).to_dict("records")
        assert clean(categorical(frame(*rows)))["row"].tolist() == kept["row"].tolist()
        assert len(kept) == 1


@pytest.mark.parametrize("name", IDENTITY)
def test_rows_that_differ_in_their_identity_are_all_kept(name):
    rows = frame({name: "y"}, {})
    pd.testing.assert_frame_equal(clean(rows), rows)


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(6)), st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["ok", "crashed"])), min_size=6, max_size=6))
def test_the_order_of_files_does_not_matter(order, values):
    rows = [{"run_id": str(number % 2), "generation": generation, "status": status, "row": str(number)} for number, (generation, status) in enumerate(values)]
    assert set(clean(frame(*rows))["row"]) == set(clean(frame(*[rows[number] for number in order]))["row"])
    assert len(clean(frame(*rows))) == 2


def test_no_rows_are_a_clean_view():
    assert clean(frame()).empty
