from __future__ import annotations

from bench.report.content import gather
from bench.report.published import published_verdicts
from tests.report.synthetic import METRICS, Memory, batch_sizes
from tests.report.test_write import SUITE

KEY = ("batch-size", "small-is-better")


def better(rows, **columns):
    """Rows in which small batches have smaller losses, if by less in each seed."""
    loss = rows["axis.batch_size"].astype(float).pow(0.5) + 0.01 * rows["seed"]
    return rows.assign(test_loss=loss, **columns)


def test_claims_are_judged_by_published_rows():
    found = published_verdicts(SUITE, Memory(better(batch_sizes()), {}))
    assert set(found) == {KEY}
    assert (found[KEY].verdict, found[KEY].n) == ("reproduced", 3)


def test_what_was_not_run_or_is_of_other_settings_is_no_published_result():
    assert published_verdicts(SUITE, None) == {}
    rows = better(batch_sizes())
    assert published_verdicts(SUITE, Memory(rows.head(0), {})) == {}
    assert published_verdicts(SUITE, Memory(rows.assign(suite="other"), {})) == {}
    assert published_verdicts(SUITE, Memory(rows.assign(variant="epochs=9"), {})) == {}
    assert published_verdicts(SUITE, Memory(rows[rows["axis.batch_size"] == "16"], {})) == {}


def test_reports_set_them_beside_ours():
    rows = batch_sizes()
    beside = gather(rows, SUITE, METRICS, Memory(better(rows, commit="f" * 40), {})).claims
    names = [column.key for column in beside.columns]
    (row,) = beside.rows
    assert row[names.index("published")] == "reproduced: 0.250 × [0.249, 0.252] (n = 3)"
    assert any(note.startswith("Published: ") for note in beside.notes)
    alone = gather(rows, SUITE, METRICS, Memory(rows.head(0), {})).claims
    assert [column.key for column in alone.columns] == [name for name in names if name != "published"]
    assert not any(note.startswith("Published: ") for note in alone.notes)
