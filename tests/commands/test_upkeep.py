"""`bench verify` and `bench gc`; and what commands do where the disk refuses."""

from __future__ import annotations

import errno
import itertools
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from bench import read_results
from bench.registry.store import Registry
from bench.run import Recorded, Request, Way, execute, make_job
from tests.commands.conftest import Project
from tests.disk import Disk
from tests.planning import refusal
from tests.registry.test_compaction import WORLD
from tests.registry.test_strays import aged
from tests.registry.worlds import build

FAULTS = [(errno.ENOSPC, "no space is left"), (errno.EIO, "an error is reported"), (errno.EROFS, "read-only")]


@pytest.fixture
def world(project: Project) -> Registry:
    """A registry with rows of several suites."""
    return build(Path("results"), WORLD)


@pytest.mark.fault("F18")
@pytest.mark.fault("F19")
@pytest.mark.fault("F21")
def test_verify_names_every_file_that_cannot_be_used_and_counts_strays(project: Project, world: Registry) -> None:
    outcome = project.bench("verify", "--format", "json")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out)["notes"] == ["Sound: every file was read whole, and is what was written."]
    rows = {row["folder"]: row for row in json.loads(outcome.out)["rows"]}
    assert sum(int(row["cannot be used"]) + int(row["strays"]) for row in rows.values()) == 0
    assert int(rows["results/runs/"]["rows"]) == len(world.table("runs"))

    whole = sorted(Path("results").rglob("*.parquet"))
    whole[0].write_bytes(whole[0].read_bytes()[:-1])
    content = bytearray(whole[1].read_bytes())
    content[len(content) // 2] ^= 1
    whole[1].write_bytes(content)
    bad = {str(whole[0]): "torn", str(whole[1]): "damaged"}
    for name, reason in (("empty", "empty"), ("text", "not a Parquet file"), ("folder", "not a regular file")):
        path = Path("results/runs") / f"tricks.quick.{name}.parquet"
        path.mkdir() if name == "folder" else path.write_text({"text": "a text"}.get(name, ""))
        bad[str(path)] = reason
    Path("results/runs/.DS_Store").touch()
    outcome = project.bench("verify", "--format", "json")
    assert outcome.code == 3
    told = dict(line.removeprefix("not read: ").split(": ", 1) for line in outcome.err.splitlines())
    assert told.keys() == bad.keys()
    assert all(reason in told[name] for name, reason in bad.items())
    table = json.loads(outcome.out)
    rows = {row["folder"]: row for row in table["rows"]}
    assert sum(int(row["cannot be used"]) for row in rows.values()) == len(bad)
    assert rows["results/runs/"]["strays"] == 1
    assert table["notes"] == [
        f"{len(bad)} cannot be used; each is named with its reason. Move them away: bench run trains again what is lost.",
        "Files of runs are among them, so that nobody can tell which other files they need: orphans are not looked for.",
        "Strays, which nothing reads: 1 foreign.",
        "Not of bench, and left alone: results/runs/.DS_Store.",
    ]
    for name in bad:
        assert Path(name).exists()


@pytest.mark.fault("F60")
def test_what_is_no_registry_is_neither_verified_nor_cleaned(project: Project) -> None:
    for command in ("verify", "gc"):
        outcome = project.bench(command, "--results", "nowhere")
        assert outcome.code == 3
        assert "is no registry" in outcome.err or "is missing" in outcome.err
    assert not Path("nowhere").exists()


@pytest.mark.fault("F21")
def test_gc_removes_what_it_lists(project: Project, world: Registry) -> None:
    stray = Path("results/runs/.tmp-1")
    stray.write_bytes(b"12345")
    aged(stray)
    Path("results/notes.txt").touch()
    before = {path for path in Path("results").rglob("*") if path.is_file()}
    listed = project.bench("gc", "--dry-run")
    assert (listed.code, listed.err) == (0, "")
    assert str(stray) in listed.out
    assert listed.out.endswith("to remove: 1 file, 5 bytes\n")
    assert {path for path in Path("results").rglob("*") if path.is_file()} == before
    removed = project.bench("gc", "--format", "json")
    assert removed.err == "removed: 1 file, 5 bytes\n"
    assert [row["file"] for row in json.loads(removed.out)["rows"]] == [str(stray)]
    assert {path for path in Path("results").rglob("*") if path.is_file()} == before - {stray}
    assert "removed: 0 files" in project.bench("gc").out


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def numbers(results: Path) -> pd.DataFrame:
    rows = read_results(results).sort_values(["experiment", "run_id"], ignore_index=True)
    return rows[["experiment", "run_id", "seed", "status", "steps_done", "test_loss", "train_loss"]]


def train(project: Project, results: Path) -> list[str]:
    """What a run acknowledges, until it ends or a fault ends it."""
    registry = Registry(results)
    job = make_job(Request(str(project.suite)), registry)
    told: list[str] = []
    try:
        told += [
            event.result.run_id for event in execute(job, registry, Way(executor="inline", pack_size=2, checkpoint_every=0)) if isinstance(event, Recorded)
        ]
    finally:
        done = set(read_results(results)["run_id"]) if registry.exists else set()
        assert set(told) <= done
    return told


@pytest.mark.fault("F9")
@pytest.mark.fault("F10")
@pytest.mark.fault("F11")
def test_a_run_that_the_disk_stops_again_and_again_ends_with_the_same_numbers(project: Project, disk: Disk) -> None:
    train(project, Path("undisturbed"))
    calls = disk.count
    refused = 0
    for place, (number, words) in zip(range(3, 2 * calls, 14), itertools.cycle(FAULTS), strict=False):
        disk.fails(place, number)
        error = refusal(lambda: train(project, Path("results")))
        if error is None:
            break
        refused += 1
        assert error.exit_code == 3
        assert re.search(rf"{words}.* disk at /", str(error))
    disk.fails(-1)
    assert refused > 4
    pd.testing.assert_frame_equal(numbers(Path("results")), numbers(Path("undisturbed")), check_exact=True)
    assert Registry("results").verify() == []
    assert Registry("results").table("runs").groupby(["experiment", "run_id"]).size().eq(1).all()


@pytest.mark.fault("F9")
def test_a_full_disk_ends_a_command_with_its_code_and_the_same_command_goes_on(project: Project, disk: Disk) -> None:
    disk.fails(90)
    outcome = project.run("-e", "again")
    assert outcome.code == 3
    assert re.search(
        r"^error: results/\S+: cannot be written: no space is left on the disk at \S+ \([\d,]+ bytes are needed, [\d,]+ are free\)", outcome.err, re.M
    )
    disk.fails(-1)
    assert project.run("-e", "again").code == 0
    for words in (("export", "out.csv"), ("report", "--out", "fresh")):
        disk.fails(2)
        outcome = project.bench(*words)
        assert outcome.code == 3, words
        assert "no space is left on the disk at" in outcome.err
        disk.fails(-1)
        assert project.bench(*words).code == 0
