from __future__ import annotations

import numpy as np
import pandas as pd

from bench.analysis.compare import compare
from bench.analysis.gates import Gate
from bench.report.changes import AVERAGES, EVERY, RATIO, TIMED, UNCHANGED, comparison_table, gate_table, telling
from tests.report.synthetic import METRICS, batch_sizes, column


def moved(by):
    base = batch_sizes(seeds=5)
    return base, base.assign(test_accuracy=base["test_accuracy"] + by * (1 + base["seed"] / 10), commit="b" * 40)


def test_a_comparison_shows_both_means_the_difference_and_its_class():
    table = comparison_table(compare(*moved(-0.02), METRICS))
    accuracy = [row for row in table.rows if row[1] == "test accuracy"]
    assert [row[0] for row in accuracy] == ["all 3 cells", "batch-size / batch_size=16", "batch-size / batch_size=256", "batch-size / batch_size=64"]
    assert str(accuracy[1][2]) == "95.50 %"
    assert str(accuracy[1][4]).startswith("-2.40 pp [-2.")
    assert AVERAGES in table.notes
    assert {row[7] for row in accuracy} == {"worse"}
    assert [row[5] for row in accuracy] == [5] * 4
    assert all(row[6].mean < 0.05 for row in accuracy), "p sorts as a number does, not as its text"
    assert any(note.endswith("identical, 3 worse.") or "3 worse" in note for note in table.notes)


def test_identical_numbers_have_no_interval():
    base = batch_sizes()
    table = comparison_table(compare(base, base.assign(commit="b" * 40), METRICS))
    assert {row[7] for row in table.rows if row[1] == "test accuracy"} == {"identical"}
    assert {str(row[4]) for row in table.rows if row[1] == "test accuracy"} == {"+0.00 pp"}


def test_a_timing_that_looks_changed_is_to_be_taken_again():
    base, head = moved(0.0)
    slower, slow = (rows.assign(samples_per_second=speed + rows["seed"], pack=rows["row"]) for rows, speed in ((head, 50.0), (base, 100.0)))
    assert TIMED in comparison_table(compare(slow, slower, METRICS)).notes
    assert TIMED not in comparison_table(compare(slow, slower, METRICS), kinds=["identical"]).notes
    assert TIMED not in comparison_table(compare(base, head, METRICS)).notes


def test_classes_can_be_chosen_and_settings_are_named():
    base, head = moved(-0.02)
    head = head.assign(cell=[cell.replace("batch-size", "other") for cell in head["cell"]], cell_id="x" + head["cell_id"])
    comparison = compare(base, head, METRICS)
    chosen = comparison_table(comparison, kinds=["worse"])
    assert set(column(chosen, "class")) == {"worse"}
    assert "Changed setting, batch-size: experiment: batch-size -> other (3 cells)" in chosen.notes


def test_cells_on_one_side_are_named_below():
    base, head = moved(0.0)
    table = comparison_table(compare(base[base["axis.batch_size"] != "64"], head, METRICS))
    assert "only in head" not in column(table, "class")
    assert "Only in head, 1 cell of batch-size: batch_size=64." in table.notes
    assert table.notes[0] == f"Compared ({len(table.rows)}): {len(table.rows)} identical, 1 only in head."


def test_gates_say_what_they_found():
    table = gate_table(compare(*moved(-0.02), METRICS, [Gate.parse("test_accuracy:0.5pp")]))
    assert column(table, "outcome") == ["crossed"] * 4
    assert column(table, "cell")[:2] == ["batch-size / batch_size=16", "batch-size / batch_size=256"], "the title of the comparison says the rest"
    assert column(table, "cell")[-1] == "all 3 cells"


def test_identical_averages_are_hidden_with_identical_cells():
    base = batch_sizes()
    same = compare(base, base.assign(commit="b" * 40, code_id="f" * 64), METRICS)
    assert column(comparison_table(same), "where")[0] == "all 3 cells"
    assert comparison_table(same, kinds=["worse"]).rows == ()
    assert AVERAGES not in comparison_table(same, kinds=["worse"]).notes


def test_failures_are_shown_with_their_test():
    base = batch_sizes(seeds=5)
    failing = base["seed"] < 2
    head = base.assign(commit="b" * 40, status=base["status"].where(~failing, "diverged"))
    remarks = column(comparison_table(compare(base, head, METRICS)), "remarks")
    assert "head failed: 2 diverged; failures by McNemar's test: p = 0.5" in remarks


def noisy(cells, seeds=5):
    """Base and head that differ by chance, but for two cells, of which one is much worse and one much better."""
    base = batch_sizes(range(16, 16 + cells), seeds)
    random = np.random.default_rng(0)
    head = base.assign(test_accuracy=base["test_accuracy"] + random.normal(0, 1e-3, len(base)), commit="b" * 40)
    head.loc[head["axis.batch_size"] == "16", "test_accuracy"] -= 0.05
    head.loc[head["axis.batch_size"] == "17", "test_accuracy"] += 0.05
    return compare(base, head, METRICS)


def test_of_many_cells_those_that_changed_are_listed_and_the_others_counted():
    found = noisy(60)
    assert telling(found) == EVERY - UNCHANGED
    table = comparison_table(found, telling(found))
    assert [row[:2] for row in table.rows] == [
        ("all 60 cells", "test accuracy"),
        ("batch-size / batch_size=16", "test accuracy"),
        ("batch-size / batch_size=17", "test accuracy"),
    ]
    assert column(table, "class") == ["inconclusive", "worse", "better"], "the average over the suite is worth a row whatever it says"
    unlisted = len(comparison_table(found).rows) - len(table.rows)
    assert table.notes[1] == f"Not listed, as they show no change: {unlisted} rows; bench compare --all lists them."
    assert not any("--all" in note for note in comparison_table(found).notes)


def test_of_few_cells_all_but_identical_ones_are_listed():
    found = noisy(12)
    assert telling(found) == EVERY - {"identical"}
    assert set(column(comparison_table(found, telling(found)), "class")) == {"better", "worse", "inconclusive"}


def test_the_title_says_whose_rows_are_compared_where_they_are_of_one_suite():
    base, head = moved(-0.02)
    assert comparison_table(compare(base, head, METRICS), title="a → b").title == "a → b: demo at quick"
    varied = [rows.assign(variant="seeds=5") for rows in (base, head)]
    assert comparison_table(compare(*varied, METRICS)).title == "Comparison: demo at quick, seeds=5"
    both = [pd.concat([one, other], ignore_index=True) for one, other in zip((base, head), varied, strict=True)]
    table = comparison_table(compare(*both, METRICS))
    assert table.title == "Comparison"
    assert "demo / quick / batch-size / batch_size=16" in column(table, "where")


def test_means_and_ratios_are_told_apart_where_there_are_ratios():
    base, head = moved(-0.02)
    assert RATIO in comparison_table(compare(base, head, METRICS)).notes
    assert (
        RATIO
        not in comparison_table(
            compare(base.drop(columns=["test_loss", "samples_per_second"], errors="ignore"), head, {"test_accuracy": METRICS["test_accuracy"]})
        ).notes
    )


def test_timings_and_averages_are_counted_apart():
    base, head = moved(-0.02)
    timed = [rows.assign(samples_per_second=100.0 + rows["seed"] * (1 + place)) for place, rows in enumerate((base, head))]
    (said, *_) = comparison_table(compare(*timed, METRICS)).notes
    assert said == "Compared (6): 3 identical, 3 worse. Timings (3): 3 inconclusive. Averages over cells (1): 1 worse."


def test_of_many_gated_cells_those_that_hold_are_counted():
    base = batch_sizes(range(16, 76), 5)
    head = base.assign(test_accuracy=base["test_accuracy"] + 1e-3 * (1 + base["seed"]), commit="b" * 40)
    table = gate_table(compare(base, head, METRICS, [Gate.parse("test_accuracy:5pp")]))
    assert table.rows == ()
    assert table.notes == ("61 more hold.",)
