"""Every fault of the table has a test that says so, or a reason why there is none."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults import FAULTS, NOT_SIMULATED

MARK = re.compile(r"mark\.fault\(([^)]*)\)")


def marked() -> set[str]:
    texts = (path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    return {number for text in texts for arguments in MARK.findall(text) for number in re.findall(r'"(F\d+)"', arguments)}


def test_the_numbers_are_f1_to_f64():
    assert list(FAULTS) == [f"F{number}" for number in range(1, 65)]


def test_every_fault_has_a_test_or_a_reason_and_not_both():
    assert marked() - FAULTS.keys() == set()
    assert FAULTS.keys() - marked() == NOT_SIMULATED.keys()
