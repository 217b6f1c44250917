"""The runner is killed at any time, and two share a plan: no file is torn, no row that was told is lost, no run is done twice."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest

from bench.leases import Leases
from bench.registry.store import Registry
from tests.killing import Zygote

KILLS = int(os.environ.get("BENCH_KILLS", "20"))
"""200 in the long form."""

MEMORY = Path("/dev/shm")

OF_THE_WAY = ["row", "pack", "written", "reused_from", "train_seconds", "measure_seconds", "samples_per_second", "peak_memory"]
"""What two undisturbed plans differ in too: names of rows and files, times, memory."""

RUNS = 9
"""Different runs of the plan; three of them belong to both experiments."""


@pytest.fixture(scope="module")
def zygote():
    # In memory, where there is such a folder: a kill loses no page that was written, and nobody waits for the disk.
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder, Zygote(Path(folder)) as zygote:
        yield zygote


@pytest.fixture(scope="module")
def undisturbed(zygote):
    """A registry in which nothing happened, and how long it took."""
    told = zygote.folder / "undisturbed.txt"
    assert zygote.run(zygote.folder / "warm", told) == 0
    start = time.monotonic()
    assert zygote.run(zygote.folder / "undisturbed", told) == 0
    return zygote.folder / "undisturbed", time.monotonic() - start


def rows_of(folder: Path) -> pd.DataFrame:
    """What a registry says of each run of an experiment, but for what belongs to the way there."""
    rows = Registry(folder).runs()
    return rows.drop(columns=OF_THE_WAY).sort_values(["experiment", "run_id"], ignore_index=True)


def curves_of(folder: Path) -> pd.DataFrame:
    registry = Registry(folder)
    curves = registry.curves("history", registry.runs())
    owners = registry.runs(columns=["row", "experiment"]).rename(columns={"row": "of"})
    keys = ["experiment", "run_id", "step", "metric"]
    return curves.merge(owners, on="of")[[*keys, "value"]].sort_values(keys, ignore_index=True)


def check_same(one: Path, other: Path) -> None:
    pd.testing.assert_frame_equal(rows_of(one), rows_of(other), check_exact=True)
    pd.testing.assert_frame_equal(curves_of(one), curves_of(other), check_exact=True)


def check_sound(folder: Path, told: Path) -> None:
    """No file is torn, what was told is there, and nothing was trained twice."""
    if not (folder / "runs").is_dir():
        assert not told.exists() or not told.read_text()
        return
    registry = Registry(folder)
    assert registry.verify() == []
    every = registry.table("runs")
    trained = every[every["reused_from"].isna()]
    assert not trained["run_id"].duplicated().any()
    assert not every.duplicated(["experiment", "run_id"]).any()
    recorded = {tuple(line.split()[1:3]) for line in told.read_text().splitlines() if line.startswith("recorded")} if told.exists() else set()
    assert recorded <= set(zip(every["experiment"], every["run_id"], strict=True))


@pytest.mark.fault("F1")
def test_killed_at_any_time_it_goes_on_and_ends_with_the_rows_of_an_undisturbed_plan(zygote, undisturbed):
    clean, seconds = undisturbed
    generator = random.Random(0)
    finished = killed = 0
    while killed < KILLS:
        folder, told = zygote.folder / f"killed{finished}", zygote.folder / f"killed{finished}.txt"
        code = zygote.kill(folder, told, generator.uniform(0, seconds))
        assert code in (0, -signal.SIGKILL)
        killed += code == -signal.SIGKILL
        check_sound(folder, told)
        if code == 0 or killed == KILLS:
            assert zygote.run(folder, told) == 0
            check_sound(folder, told)
            check_same(folder, clean)
            # One is left where the kill came between the row and the end of its lease; its owner is known to be dead.
            left = [path.stem for path in (folder / "leases").iterdir()]
            with Leases(folder / "leases") as leases:
                assert leases.take(left) == {}
            finished += 1
            shutil.rmtree(folder)


@pytest.mark.fault("F13")
def test_two_runners_share_a_plan_and_each_run_is_trained_once(zygote, undisturbed):
    clean, _ = undisturbed
    folder, tolds = zygote.folder / "shared", [zygote.folder / "one.txt", zygote.folder / "two.txt"]
    pids = [zygote.start(folder, told) for told in tolds]
    assert [zygote.wait(pid) for pid in pids] == [0, 0]
    lines = [told.read_text().splitlines() for told in tolds]
    every = Registry(folder).table("runs")
    trained = every[every["reused_from"].isna()]
    assert sorted(trained["run_id"]) == sorted(set(rows_of(clean)["run_id"]))
    assert len(trained) == RUNS
    check_same(folder, clean)
    assert Registry(folder).verify() == []
    assert list((folder / "leases").iterdir()) == []
    for said in lines:  # each has told what became of every run, whoever has trained it
        assert len({line.split()[2] for line in said if line.startswith("recorded")}) == RUNS


@pytest.mark.fault("F13")
def test_what_another_is_at_is_waited_for_and_done_if_that_one_dies(zygote, undisturbed):
    clean, _ = undisturbed
    folder, first, second = zygote.folder / "taken", zygote.folder / "first.txt", zygote.folder / "second.txt"
    pid = zygote.start(folder, first)
    deadline = time.monotonic() + 60
    while not list((folder / "leases").glob("*.0")):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.kill(pid, signal.SIGSTOP)  # it stands still, and is not dead
    other = zygote.start(folder, second)
    while "running elsewhere" not in (second.read_text() if second.exists() else ""):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert f":{pid}); waiting for them" in second.read_text()
    os.kill(pid, signal.SIGKILL)
    assert zygote.wait(pid) == -signal.SIGKILL
    assert zygote.wait(other) == 0
    check_same(folder, clean)
    check_sound(folder, second)
