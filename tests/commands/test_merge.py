"""`bench merge`: what it copies and compacts, what it says, how it ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import read_results
from tests.registry.test_compaction import WORLD
from tests.registry.worlds import build


@pytest.fixture
def sides(project):
    """Two registries beside the project's own, which is not there yet."""
    return [build(Path(name), WORLD, chosen).root for name, chosen in (("one", range(3)), ("two", range(2, 5)))]


def test_registries_are_merged_and_compacted(project, sides):
    outcome = project.bench("merge", *map(str, sides), "--compact")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "one: packs copied: 3; there already: 0",
        "two: packs copied: 2; there already: 1",
        "results: 8 files are 2 now",
    ]
    everything = build(Path("all"), WORLD).runs()
    assert set(read_results("results")["row"]) == set(everything["row"])
    assert project.bench("merge", "--compact").out == "results: there is nothing to compact\n"


def test_what_stays_behind_is_named(project, sides):
    broken = sides[1] / "history" / "tricks.quick.p3.parquet"
    broken.write_bytes(b"PAR1")
    outcome = project.bench("merge", *map(str, sides))
    assert outcome.code == 3
    assert f"not read: {broken}: torn" in outcome.err
    assert outcome.out.splitlines()[1] == "two: packs copied: 1; there already: 1"


def test_what_cannot_be_merged_is_refused(project, sides):
    assert project.bench("merge").code == 2
    assert project.bench("merge", "nowhere").code == 3
    assert project.bench("merge", "--compact").code == 3
    assert not Path("results").exists()
    shutil.copytree(sides[0], "results")
    assert project.bench("merge", "results").code == 2
    other = sides[1] / "runs" / "tricks.quick.p2.parquet"
    other.write_bytes((sides[1] / "runs" / "tricks.quick.p3.parquet").read_bytes())
    outcome = project.bench("merge", "two")
    assert outcome.code == 3
    assert "neither is overwritten" in outcome.err
