"""Reading two commits of a registry of 100,000 rows, beside pyarrow.dataset on the same columns; in small files, and compacted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from bench.registry.statistics import STATE
from bench.registry.store import Registry
from benchmarks.interleaved import Spread, in_turn, microseconds
from benchmarks.registries import AXES, METRICS, Shape, commit_of, make

SHAPE = Shape(cells=500)
COMMITS = {commit_of(3), commit_of(11)}
COLUMNS = [
    *("row", "experiment", "run_id", "cell_id", "seed", "status", "generation", "written", "suite_version", "data_checksum", "hardware", *STATE),
    *(f"axis.{axis}" for axis in AXES),
    *(metric.name for metric in METRICS[:5]),
]
ROUNDS = 5
MOST_MICROSECONDS = {"small files": 10.0, "compacted": 2.0}
"""Processor time for each row that the registry has: ten times as many rows take less than 10 s and 2 s of it, on two processors half of that."""

MOST_BYTES = 1.5e9

WHOLE = """\
import sys
from pathlib import Path
from bench.registry.store import Registry
from benchmarks.test_registry import looked_at
looked_at(Registry(sys.argv[1]))
[peak] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(1024 * int(peak))
"""


def looked_at(registry: Registry) -> int:
    """What a comparison of two commits asks for: which states there are, the rows of two, and what the metrics mean."""
    assert len(registry.states()) == SHAPE.commits
    assert len(registry.metrics()) == len(METRICS)
    return len(registry.runs(commits=COMMITS, columns=COLUMNS))


def plain(root: Path) -> int:
    """The same columns of the same rows, and the columns of states of all, as a frame; nothing is verified."""
    files = ds.dataset(root / "runs", format="parquet")
    files.to_table(columns=[*STATE, "written"]).group_by(list(STATE)).aggregate([("written", "max")]).to_pandas()
    return len(files.to_table(columns=COLUMNS, filter=ds.field("commit").isin(sorted(COMMITS))).to_pandas())


@pytest.fixture(scope="module")
def registries(tmp_path_factory):
    """The same rows twice, and the processor time for each row that compacting them took."""
    folder = tmp_path_factory.mktemp("registries")
    small, compacted = (make(folder / name, SHAPE) for name in ("small", "compacted"))
    taken = microseconds(lambda: print(f"\n{compacted.compact()}")) / SHAPE.rows
    return {"small files": small.root, "compacted": compacted.root}, taken


@pytest.mark.parametrize("files", MOST_MICROSECONDS)
def test_reading_two_commits_of_many(keep, registries, files):
    roots, compacting = registries
    root = roots[files]
    assert looked_at(Registry(root)) == plain(root) == 2 * SHAPE.rows // SHAPE.commits
    sides = {
        "bench": lambda: microseconds(lambda: looked_at(Registry(root))) / SHAPE.rows,
        "dataset": lambda: microseconds(lambda: plain(root)) / SHAPE.rows,
    }
    timed = in_turn(sides, ROUNDS)
    ratio = timed.ratio("bench", "dataset")
    memory = float(subprocess.run([sys.executable, "-c", WHOLE, str(root)], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]).stdout)
    keep(timed.microseconds["bench"], ratio=ratio.median, quartiles=(ratio.low, ratio.high), memory=memory, compacting=compacting)
    print(
        f"\n{files}: {ratio} times pyarrow.dataset, {timed.of('bench')} µs for a row of the registry, {memory / 1e6:.0f} MB; compacting: {compacting:.0f} µs for a row"
    )
    assert Spread.of(timed.microseconds["bench"]).median < MOST_MICROSECONDS[files]
    assert memory < MOST_BYTES
