from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psutil
import pytest

from bench.errors import MissingError
from bench.report.drawing import EXPERIMENT, LARGE, Task, drawing, processes_for
from bench.suite_file import Figure
from tests.report.synthetic import METRICS, batch_sizes, history

FIGURE = Figure(experiment="batch-size", kind="curves", y=["test_loss"])
STARTER = """
import time

import pandas as pd
import psutil

from bench.report.drawing import Task, drawing
from bench.suite_file import Figure

if __name__ == "__main__":
    figure, none = Figure(experiment="none", kind="curves"), pd.DataFrame(columns=["experiment", "status", "row", "of"])
    with drawing(2) as draw:
        for sheet in draw([Task(name, figure, none, none, {}, 1) for name in "ab"]):
            print(sheet.notes, flush=True)
        print(*(child.pid for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())), flush=True)
        time.sleep(600)
"""


def tasks():
    runs = batch_sizes()
    points = {"all": history(runs), "few": history(runs)[:40], "none": history(runs)[:0]}
    return [Task(name, FIGURE, runs, those, METRICS, 8) for name, those in points.items()]


def drawn(processes):
    with drawing(processes) as draw:
        return list(draw(tasks()))


def test_processes_are_for_many_runs_or_many_experiments(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    few = batch_sizes()
    assert processes_for(few) == processes_for(few[:0]) == 0
    assert processes_for(pd.concat([few] * (LARGE // len(few) + 1))) == 3
    assert processes_for(pd.concat([few.assign(experiment=str(number)) for number in range(LARGE // EXPERIMENT + 1)])) == 3
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    assert processes_for(pd.concat([few] * (LARGE // len(few) + 1))) == 0


def test_several_processes_draw_what_one_does():
    alone, together = drawn(0), drawn(2)
    assert together == alone
    assert [sheet.name for sheet in together] == ["all", "few", "none"]
    assert [sorted(sheet.files) for sheet in together] == [["all.png", "all.svg"], ["few.png", "few.svg"], []]
    assert together[2].notes == ("no rows of history from runs that are ok",)


@pytest.mark.parametrize("processes", [0, 2])
def test_an_error_reaches_the_caller(processes):
    broken = [Task("one", FIGURE, batch_sizes().drop(columns="status"), history(batch_sizes()), METRICS, 8)] * 2
    with pytest.raises(KeyError, match="status"), drawing(processes) as draw:
        list(draw(broken))


def kill_all():
    """End the processes, before they have drawn a figure."""
    for child in psutil.Process().children():
        if "spawn_main" in " ".join(child.cmdline()):
            child.kill()


def drawn_by_the_dead():
    """Figures asked of processes that are gone."""
    with drawing(2) as draw:
        kill_all()
        return list(draw(tasks()))


def test_a_process_that_is_ended_from_outside_is_said_to_be():
    with pytest.raises(MissingError, match="was ended from outside"):
        drawn_by_the_dead()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="signals that are blocked are read from /proc")
def test_the_processes_leave_ctrl_c_to_their_starter_and_end_with_it():
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True) as starter:
        assert [starter.stdout.readline() for _ in range(2)] == ["('no rows of history from runs that are ok',)\n"] * 2
        try:
            children = [psutil.Process(int(pid)) for pid in starter.stdout.readline().split()]
            blocked = [int(re.search(r"SigBlk:\s*(\w+)", Path(f"/proc/{child.pid}/status").read_text())[1], 16) for child in children]
        finally:
            starter.kill()
        assert blocked
        assert all(mask & 1 << (signal.SIGINT - 1) for mask in blocked)
        assert psutil.wait_procs(children, timeout=60)[1] == []
