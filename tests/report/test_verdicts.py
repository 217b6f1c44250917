from __future__ import annotations

from bench.report.table import NONE
from bench.report.verdicts import verdict_table
from tests.report.synthetic import column, verdicts


def test_verdicts_show_effect_interval_size_and_source():
    table = verdict_table(verdicts())
    assert column(table, "verdict") == ["reproduced", "contradicted"]
    assert list(map(str, column(table, "effect"))) == ["+2.10 pp [+1.00, +3.20] (n = 3)", "1.25 × [1.10, 1.42] (n = 5)"]
    assert column(table, "size") == ["met: difference >= 0.02", NONE]
    assert list(map(str, column(table, "source"))) == ["+3.00 pp", NONE]
    assert list(map(str, column(table, "q"))) == ["0.0140", NONE]
    assert table.notes[-1] == "Judged at profile paper alone, as a claim is that names no profiles: later."


def test_no_verdicts_need_no_notes():
    assert verdict_table([]).notes == ()
