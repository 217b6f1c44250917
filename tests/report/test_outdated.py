"""A reader is told of runs that other code trained than is here now."""

from __future__ import annotations

import json

import pytest

from bench.report.outdated import outdated
from bench.sources import Sources
from tests.report.synthetic import batch_sizes, frame

SOURCES = Sources()
NOW = SOURCES.hashes(())
PART = "parts/optimizers/sgd.py"


def rows(*then):
    return frame({"code_files": text if isinstance(text, str) else json.dumps(text)} for text in then)


def test_rows_of_the_present_code_need_no_remark():
    assert outdated(rows(NOW, NOW), SOURCES) == ""


def test_rows_of_other_code_are_counted_and_its_files_named():
    old = {**NOW, PART: "0" * 16}
    assert outdated(rows(NOW, old, old), SOURCES) == (
        "Trained by code that has changed since (parts/optimizers/sgd.py): 2 runs of 3; bench plan says which, bench run trains them anew."
    )


def test_of_many_files_some_are_named():
    old = dict.fromkeys(NOW, "0" * 16)
    first = ", ".join(sorted(NOW)[:3])
    assert outdated(rows(old), SOURCES).startswith(f"Trained by code that has changed since ({first} and {len(NOW) - 3} more): 1 run of 1;")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", json.dumps(NOW)])
def test_what_cannot_be_read_is_not_counted(text):
    assert outdated(rows(text), SOURCES) == ""


def test_rows_that_do_not_say_are_not_counted():
    assert outdated(batch_sizes().drop(columns="code_files", errors="ignore"), SOURCES) == ""


def test_names_of_a_foreign_registry_are_cleaned():
    assert "\x1b" not in outdated(rows({**NOW, "parts/\x1b[31m.py": "0"}), SOURCES)
