from __future__ import annotations

import pytest

from bench.report.table import Column, Number, Table, plain_table

CASES = {
    "97.12 ± 0.30": Number(0.9712, 0.9682, 0.9742, 5, "percent"),
    "97.12 ± —": Number(0.9712, n=1, shown="percent"),
    "0.123 ± 0.020": Number(0.1234, 0.1034, 0.1434, 3),
    "1.23e-05 ± 1.0e-06": Number(1.234e-5, 1.134e-5, 1.334e-5, 3),
    "123": Number(123.4),
    "1,000": Number(999.6),
    "16,300 ± 420": Number(16312.0, 15892.0, 16732.0, 3),
    "+3,250 % [+2,930, +3,610]": Number(3251.0, 2931.0, 3611.0, 3, "number", "effect", "%"),
    "1.00e+06": Number(999_900.0),
    "0.00": Number(0.0),
    "98.70": Number(0.987, shown="percent"),
    "+0.52 pp [+0.10, +0.94]": Number(0.52, 0.1, 0.94, 3, "points", "effect", "pp"),
    "-12.0 % [-20.0, -4.00]": Number(-12.0, -20.0, -4.0, 3, "number", "effect", "%"),
    "1.25 × [1.10, 1.40]": Number(1.25, 1.1, 1.4, 3, "number", "interval", "×"),
    "+0.50 pp [—]": Number(0.5, n=1, shown="points", form="effect", unit="pp"),
    "+0.00 pp": Number(0.0, shown="points", form="effect", unit="pp"),
    "—": Number(None, n=0),
    "0.900 ± 0.10 (n = 2)": Number(0.9, 0.8, 1.0, 2, note="n = 2"),
}


@pytest.mark.parametrize("text", CASES)
def test_numbers_are_written(text):
    assert str(CASES[text]) == text


def test_columns_know_what_they_hold():
    table = Table("t", (Column("a", "a"), Column("b", "b", "group"), Column("c", "c")), (("x", Number(1.0, n=1), Number(2.0)),))
    assert [table.numeric(index) for index in range(3)] == [False, True, True]
    assert [table.ranged(index) for index in range(3)] == [False, True, False]
    assert table.columns[1].full_title == "group: b"


def test_a_plain_table_has_its_headers_as_keys():
    table = plain_table("t", ["name", "what"], [["a", "b"]], ["note"])
    assert [column.key for column in table.columns] == ["name", "what"]
    assert table.rows == (("a", "b"),)
    assert table.notes == ("note",)
