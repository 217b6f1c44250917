"""The report of 10,000 runs, beside a plain script that draws as many panels with as many lines, and writes the runs as one table."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.registry.store import Registry
from bench.report.suites import find_suite
from bench.report.write import write_report
from benchmarks.interleaved import in_turn, microseconds
from benchmarks.reports import EPOCHS, RUNS, fill, suite_file

ROUNDS = 2

WHOLE = """\
import sys, time
from bench.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print(end.code, time.process_time())
"""
"""A command that prints last its exit code and its processor time in seconds."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    made = Registry(folder / "results")
    assert fill(made, suite_file(folder)) == RUNS
    return made


def written(registry: Registry, out: Path) -> None:
    """What `bench report` does but for printing."""
    write_report(registry, lambda name, digest: find_suite(registry, name, digest), out)


def drawn(out: Path) -> list[list[int]]:
    """The lines in each panel of each figure of a report, from the data of its page."""
    page = (out / "many/quick/report.html").read_text(encoding="utf-8")
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return [[len(panel["lines"]) for panel in panels] for panels in json.loads(data)["figures"].values()]


def plain(figures: Sequence[Sequence[int]], runs: pd.DataFrame) -> None:
    """What a script of a few lines does: figures with as many panels, lines and bands, each as two files, and one table of all runs."""
    x = np.arange(EPOCHS + 1)
    y = np.exp(-x / EPOCHS)
    for lines in figures:
        figure = Figure(figsize=(6.9, 2.1 * -(-len(lines) // 2)), layout="constrained")
        for place, count in enumerate(lines):
            panel = figure.add_subplot(-(-len(lines) // 2), 2, place + 1, title="a panel", xlabel="epochs", ylabel="accuracy")
            for line in range(count):
                panel.plot(x, y + line)
                panel.fill_between(x, y + line - 0.1, y + line + 0.1, alpha=0.2)
        for kind in ("png", "svg"):
            figure.savefig(io.BytesIO(), format=kind, dpi=200)
    runs.to_html()


def whole(registry: Registry, out: Path) -> tuple[float, float]:
    """Processor time and time by the clock of the whole command, in seconds."""
    command = [sys.executable, "-c", WHOLE, "report", "--results", str(registry.root), "--out", str(out)]
    start = time.perf_counter()
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    code, seconds = told.stdout.splitlines()[-1].split()
    assert code == "0", told.stderr
    return float(seconds), time.perf_counter() - start


@pytest.mark.timeout(1800)
def test_a_report_of_many_runs(keep, registry, tmp_path):
    written(registry, tmp_path)
    figures, runs = drawn(tmp_path), registry.runs()
    assert sum(map(sum, figures)) > RUNS / 10
    sides = {
        "report": lambda: microseconds(lambda: written(registry, tmp_path)) / RUNS,
        "plain": lambda: microseconds(lambda: plain(figures, runs)) / RUNS,
    }
    timed = in_turn(sides, ROUNDS)
    ratio = timed.ratio("report", "plain")
    seconds, clock = whole(registry, tmp_path)
    keep(timed.microseconds["report"], ratio=ratio.median, quartiles=(ratio.low, ratio.high), seconds=seconds, clock=clock)
    print(f"\n{len(figures)} figures of {sum(map(len, figures))} panels with {sum(map(sum, figures))} lines: {ratio} times a plain script that draws as much")
    print(f"the whole command: {seconds:.1f} s of processor time, {clock:.1f} s by the clock; plain: {timed.of('plain').median * RUNS / 1e6:.1f} s")
