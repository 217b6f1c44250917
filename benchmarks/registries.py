"""Large registries, made in seconds: what commits would leave behind that each trained the same cells with the same seeds.

``python -m benchmarks.registries FOLDER`` writes one of 10^6 rows in 10^4 files (20 commits × 5,000 cells × 10 seeds).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.metric import Metric
from bench.registry.parquet import encode
from bench.registry.schema import TABLES, arrow_schema
from bench.registry.store import Registry

SUITE, PROFILE = "tricks", "quick"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
AXES = {"batch_size": (16, 64, 256, 1024, 4096), "dropout": (0.0, 0.1, 0.2, 0.5), "optimizer.lr": tuple(0.001 * 2**power for power in range(10))}
PARAMETERS = {
    **dict.fromkeys(("augmentation", "stop.metric", "dropout.rates", "dropout.mask", "precision"), "string"),
    **dict.fromkeys(("model", "dataset", "dataset.normalize", "objective", "objective.network", "optimizer", "schedule", "initializer"), "string"),
    **dict.fromkeys(("dropout", "stop.below", "optimizer.lr", "optimizer.momentum", "optimizer.weight_decay", "schedule.gamma"), "float64"),
    **dict.fromkeys(("batch_size", "epochs", "steps", "model.width", "model.depth", "dataset.train", "dataset.test"), "int64"),
    **dict.fromkeys(("model.batch_norm", "dataset.random_labels", "optimizer.nesterov"), "bool"),
}
METRICS = tuple(
    Metric(name, "", better, scale, f"{name} of the trained network", "test" if name.startswith("test") else "")
    for name, better, scale in (
        ("train_accuracy", "higher", "points"),
        ("test_accuracy", "higher", "points"),
        ("train_loss", "lower", "log"),
        ("test_loss", "lower", "log"),
        ("generalization_gap", "lower", "points"),
        ("sharpness_filter", "lower", "log"),
        ("sharpness_layer", "lower", "log"),
        ("hessian_trace", "lower", "log"),
        ("hessian_top", "lower", "log"),
        ("weight_norm", "neither", "log"),
        ("condensation", "neither", "points"),
        ("clusters", "neither", "points"),
    )
)


@dataclass(frozen=True)
class Shape:
    """How large a registry is.

    Attributes:
        commits: commits, each of which trained everything.
        cells: cells, a multiple of `pack`.
        seeds: seeds of each cell.
        pack: cells in a file.
        curve: rows of ``history`` for each run.
    """

    commits: int = 20
    cells: int = 5_000
    seeds: int = 10
    pack: int = 10
    curve: int = 0

    @property
    def rows(self) -> int:
        """Rows of ``runs``."""
        return self.commits * self.cells * self.seeds

    @property
    def files(self) -> int:
        """Files of ``runs``."""
        return self.commits * self.cells // self.pack


def make(root: Path, shape: Shape) -> Registry:
    """Write a registry.

    Args:
        root: a folder that does not exist, or is empty.
        shape: how large it is to be.

    Returns:
        The registry.
    """
    registry = Registry(root)
    registry.prepare()
    maker = _Maker(shape)
    for commit in range(shape.commits):
        for start in range(0, shape.cells, shape.pack):
            # Written as the registry writes, but for waiting until the disk has each of them.
            for table, content in maker.tables(commit, start):
                (root / table / f"{SUITE}.{PROFILE}.c{commit:03}p{start:06}.parquet").write_bytes(encode(content))
    return registry


def commit_of(number: int) -> str:
    """The hash of a commit."""
    return _digest("commit", number)[:40]


class _Maker:
    """Makes the tables of packs."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._random = np.random.default_rng(0)
        self._code = json.dumps({f"parts/models/{_digest('file', number)[:12]}.py": _digest("source", number)[:16] for number in range(30)})
        self._schema = arrow_schema("runs", list(AXES), PARAMETERS, METRICS)

    @cached_property
    def _axes(self) -> dict[str, list[Any]]:
        grid = np.unravel_index(np.arange(self._shape.cells) % 200, [len(values) for values in AXES.values()])
        return {name: [values[place] for place in places] for (name, values), places in zip(AXES.items(), grid, strict=True)}

    def tables(self, commit: int, start: int) -> Iterator[tuple[str, pa.Table]]:
        """The tables of one pack, ``runs`` last."""
        cells = np.repeat(np.arange(start, start + self._shape.pack), self._shape.seeds)
        seeds = np.tile(np.arange(self._shape.seeds), self._shape.pack)
        rows = [_digest("row", commit, cell, seed)[:32] for cell, seed in zip(cells, seeds, strict=True)]
        runs = [_digest("run", cell, seed) for cell, seed in zip(cells, seeds, strict=True)]
        if self._shape.curve:
            yield "history", self._history(rows, runs)
        yield "runs", self._runs(commit, cells, seeds, {"row": rows, "run_id": runs})

    def _runs(self, commit: int, cells: np.ndarray, seeds: np.ndarray, names: dict[str, list[str]]) -> pa.Table:
        count = len(cells)
        broken = self._random.random(count) < 0.01
        columns = {**self._fixed(commit, cells), **names, "seed": seeds, "status": np.where(broken, "diverged", "ok")}
        columns |= {f"axis.{axis}": [str(values[cell]) for cell in cells] for axis, values in self._axes.items()}
        columns |= {f"hp.{name}": self._parameter(name, kind, cells) for name, kind in PARAMETERS.items()}
        columns |= {metric.name: pa.array(self._random.random(count), mask=broken) for metric in METRICS}
        return pa.Table.from_arrays([_array(columns.get(field.name), field.type, count) for field in self._schema], schema=self._schema)

    def _fixed(self, commit: int, cells: np.ndarray) -> dict[str, Any]:
        values: dict[str, Any] = {column.name: {"string": "text", "int64": 1_000, "float64": 0.5, "bool": False}.get(column.type) for column in TABLES["runs"]}
        made = FIRST + timedelta(days=commit)
        names = {cell: _digest("cell", cell) for cell in set(cells.tolist())}
        shared = {"suite": SUITE, "profile": PROFILE, "variant": "", "reason": None, "diff_hash": None, "reused_from": None, "generation": 0}
        shared |= {
            "measures": "{}",
            "commit": commit_of(commit),
            "commit_time": made,
            "written": made + timedelta(hours=1),
            "dirty": False,
            "code_files": self._code,
        }
        own = {"cell_id": [names[cell] for cell in cells.tolist()], "cell": [json.dumps({"cell": names[cell], "filler": "x" * 500}) for cell in cells.tolist()]}
        own |= {"experiment": [f"experiment-{cell // 200}" for cell in cells.tolist()]}
        timings = {name: self._random.random(len(cells)) for name in ("train_seconds", "measure_seconds", "samples_per_second")}
        return {**values, **shared, **own, **timings}

    def _parameter(self, name: str, kind: str, cells: np.ndarray) -> Any:
        if name in self._axes:
            return [self._axes[name][cell] for cell in cells]
        return {"string": "text", "int64": 10, "float64": 0.5, "bool": True}[kind]

    def _history(self, rows: list[str], runs: list[str]) -> pa.Table:
        steps = np.tile(np.arange(self._shape.curve), len(rows))
        columns = {"row": np.repeat(rows, self._shape.curve), "run_id": np.repeat(runs, self._shape.curve), "step": steps, "epoch": steps / 10}
        columns |= {"metric": "train_loss", "value": self._random.random(len(steps))}
        schema = arrow_schema("history")
        return pa.Table.from_arrays([_array(columns[field.name], field.type, len(steps)) for field in schema], schema=schema)


def _array(values: Any, kind: pa.DataType, count: int) -> pa.Array:
    if values is None or isinstance(values, str | int | float | datetime):
        return pa.repeat(pa.scalar(values, kind), count)
    return pa.array(values, kind) if not isinstance(values, pa.Array) else values


def _digest(*names: Any) -> str:
    return hashlib.sha256(repr([str(name) for name in names]).encode()).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for size, default in vars(Shape()).items():
        parser.add_argument(f"--{size}", type=int, default=default)
    given = vars(parser.parse_args())
    make(given.pop("folder"), Shape(**given))
