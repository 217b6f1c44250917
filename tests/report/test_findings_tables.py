from __future__ import annotations

from bench.analysis.compare import compare
from bench.analysis.gates import Gate
from bench.report.findings import AVERAGES, comparison_table, gate_table, verdict_table
from bench.report.table import NONE
from tests.report.synthetic import METRICS, batch_sizes, verdicts


def column(table, key):
    return [row[[entry.key for entry in table.columns].index(key)] for row in table.rows]


def moved(by):
    base = batch_sizes(seeds=5)
    return base, base.assign(test_accuracy=base["test_accuracy"] + by * (1 + base["seed"] / 10), commit="b" * 40)


def test_verdicts_show_effect_interval_size_and_source():
    table = verdict_table(verdicts())
    assert column(table, "verdict") == ["reproduced", "contradicted"]
    assert list(map(str, column(table, "effect"))) == ["+2.10 pp [+1.00, +3.20] (n = 3)", "1.25 × [1.10, 1.42] (n = 5)"]
    assert column(table, "size") == ["met: difference >= 0.02", NONE]
    assert list(map(str, column(table, "source"))) == ["+3.00 pp", NONE]
    assert list(map(str, column(table, "q"))) == ["0.0140", NONE]
    assert table.notes[-1] == "1 more claims are about another profile: later."


def test_no_verdicts_need_no_notes():
    assert verdict_table([]).notes == ()


def test_a_comparison_shows_both_means_the_difference_and_its_class():
    table = comparison_table(compare(*moved(-0.02), METRICS))
    accuracy = [row for row in table.rows if row[1] == "test accuracy"]
    assert [row[0] for row in accuracy] == ["all 3 cells", "batch-size / batch_size=16", "batch-size / batch_size=256", "batch-size / batch_size=64"]
    assert str(accuracy[1][2]) == "95.50 %"
    assert str(accuracy[1][4]).startswith("-2.40 pp [-2.")
    assert AVERAGES in table.notes
    assert {row[7] for row in accuracy} == {"worse"}
    assert any(note.endswith("identical, 3 worse.") or "3 worse" in note for note in table.notes)


def test_identical_numbers_have_no_interval():
    base = batch_sizes()
    table = comparison_table(compare(base, base.assign(commit="b" * 40), METRICS))
    assert {row[7] for row in table.rows if row[1] == "test accuracy"} == {"identical"}
    assert {str(row[4]) for row in table.rows if row[1] == "test accuracy"} == {"+0.00 pp"}


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
    assert "Only in head: batch-size (1: batch_size=64)." in table.notes
    assert table.notes[0] == f"{len(table.rows)} compared: {len(table.rows)} identical, 1 only in head."


def test_gates_say_what_they_found():
    table = gate_table(compare(*moved(-0.02), METRICS, [Gate.parse("test_accuracy:0.5pp")]))
    assert column(table, "outcome") == ["crossed"] * 4
    assert column(table, "cell")[-1].endswith("all 3 cells")


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
