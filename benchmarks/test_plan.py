"""A plan of 100,000 runs: its time beside the bare hashing of as many configurations, its memory, and the writing of packs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.cells import CellBuilder
from bench.plan import PlannedRun
from bench.registry.store import Registry
from bench.rows import RowWriter, runs_table
from bench.run import Job, Request, make_job, packs_of
from benchmarks.interleaved import Spread, in_turn, microseconds
from tests.planning import result

RUNS = 100_000
PACK = 32
LOSSES = {"train_loss": 0.25, "test_loss": 0.5}
ROUNDS = 3
MOST_SECONDS = 20
MOST_BYTES = 2e9
"""What a plan of so many runs may take: processor time of the whole command, and its memory."""

SUITE = """\
title: Many runs
version: 1
defaults: {{model: {{name: fnn, width: 32}}, dataset: {{name: functions, target: sin, train: 16}}, optimizer: {{name: sgd, lr: 0.1}}, objective: squared}}
experiments:
  grid:
    batch_size: full
    steps: 100
    measures: [loss]
    seeds: {seeds}
    grid: {{dropout: {rates}, optimizer.lr: {numbers}, model.width: {widths}}}
"""
SHAPES = {"2,000 cells of 50 seeds": (10, 20, 10, 50), "100,000 cells of 1 seed": (40, 125, 20, 1)}
"""Drop rates, learning rates, widths, seeds."""

WHOLE = """\
import sys, time
from pathlib import Path
from bench.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    # The memory that getrusage gives is never less than that of the process which started this one.
    [peak] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(end.code, time.process_time(), 1024 * int(peak))
"""
"""A command that prints last its exit code, processor time in seconds and most memory in bytes."""


def suite_of(shape: str, folder: Path) -> Path:
    rates, numbers, widths, seeds = SHAPES[shape]
    axes = {
        "rates": [index / 50 for index in range(rates)],
        "numbers": [(index + 1) / 1000 for index in range(numbers)],
        "widths": [10 * (index + 1) for index in range(widths)],
    }
    file = folder / "many.yaml"
    file.write_text(SUITE.format(seeds=seeds, **axes), encoding="utf-8")
    return file


def packed(suite: Path, registry: Registry) -> Job:
    """What `bench plan` does but for printing."""
    job = make_job(Request(str(suite)), registry)
    packs_of(job.plan.to_train(), ["cpu"] * 2)
    return job


def hashed(runs: Sequence[PlannedRun]) -> None:
    """The least that names so many configurations: the canonical JSON of each, and its SHA-256."""
    for run in runs:
        text = json.dumps(asdict(run.run.cell), sort_keys=True, separators=(",", ":"))
        hashlib.sha256(text.encode()).hexdigest()


def write_half(job: Job, registry: Registry) -> list[float]:
    """Write every second run as trained, in packs: the microseconds for each."""
    writer = RowWriter(job.circumstances, CellBuilder())
    origin = job.plan.origin
    runs = job.plan.to_train()[::2]
    registry.prepare()

    def write(some: Sequence[PlannedRun], name: str) -> None:
        rows = [writer.trained(run, replace(result(run), metrics=LOSSES), name)[0] for run in some]
        registry.append(f"{origin.suite}.{origin.profile}.{name}", {"runs": runs_table(rows, some)})

    return [microseconds(lambda start=start: write(runs[start : start + PACK], f"pack{start}")) for start in range(0, len(runs), PACK)]


def whole(suite: Path, registry: Registry) -> tuple[float, float]:
    """The processor time in seconds and the memory in bytes of the whole command."""
    command = [sys.executable, "-c", WHOLE, "plan", str(suite), "--results", str(registry.root)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    code, seconds, memory = told.stdout.splitlines()[-1].split()
    assert code == "0", told.stderr
    return float(seconds), float(memory)


@pytest.mark.parametrize("done", [False, True], ids=["nothing done", "half done"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_plan_of_many_runs(keep, tmp_path, shape, done):
    suite, registry = suite_of(shape, tmp_path), Registry(tmp_path / "results")
    job = packed(suite, registry)
    runs = job.plan.runs
    assert len(runs) == RUNS
    writing = Spread.of(write_half(job, registry)) if done else None
    assert len(packed(suite, registry).plan.to_train()) == (RUNS // 2 if done else RUNS)
    sides = {
        "plan": lambda: microseconds(lambda: packed(suite, registry)) / RUNS,
        "hashing": lambda: microseconds(lambda: hashed(runs)) / RUNS,
    }
    timed = in_turn(sides, ROUNDS)
    ratio = timed.ratio("plan", "hashing")
    seconds, memory = whole(suite, registry)
    keep(timed.microseconds["plan"], ratio=ratio.median, quartiles=(ratio.low, ratio.high), seconds=seconds, memory=memory)
    print(f"\n{shape}, {'half' if done else 'nothing'} done: {ratio} times the bare hashing of as many configurations, {timed.of('plan')} µs for a run")
    print(f"the whole command: {seconds:.1f} s of processor time, {memory / 1e6:.0f} MB")
    if writing is not None:
        print(f"writing a pack of {PACK} rows: {writing.median / 1e3:.1f} ms of processor time (quartiles {writing.low / 1e3:.1f} to {writing.high / 1e3:.1f})")
    assert seconds < MOST_SECONDS
    assert memory < MOST_BYTES
