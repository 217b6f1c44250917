"""A registry of ten thousand runs, as a user's suite leaves it: four grids of 500 cells with five seeds, each run with its curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.cells import CellBuilder
from bench.plan import PlannedRun
from bench.registry.schema import arrow_schema
from bench.registry.store import Registry
from bench.rows import Row, RowWriter, runs_table
from bench.run import Request, make_job
from tests.planning import result

RUNS = 10_000
EPOCHS = 50
PACK = 100
CURVES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")

SUITE = """\
title: Many runs
version: 1
source: Nobody, 2024
defaults:
  {{dataset: digits, model: {{name: fnn, width: 64}}, optimizer: {{name: sgd, lr: 0.1}}, batch_size: 64, epochs: {epochs}, seeds: 5,
   measures: [accuracy, loss, generalization_gap]}}
experiments:
  dropout:
    title: Dropout at several learning rates
    grid: {{dropout: {rates}, optimizer.lr: {numbers}, model.width: [16, 32, 64, 128, 256]}}
    claims:
      dropout-generalizes:
        text: Dropout narrows the gap.
        profiles: [quick]
        metric: generalization_gap
        trend: {{axis: dropout}}
        pool: [optimizer.lr, model.width]
        says: {{slope: "< 0"}}
      small-rates-lose-nothing:
        text: A little dropout costs nothing.
        profiles: [quick]
        metric: test_accuracy
        contrast: {{dropout: 0.1}}
        against: {{dropout: 0.0}}
        pool: [optimizer.lr, model.width]
        says: {{difference: "> -0.01"}}
  batch-size:
    title: Small batches
    grid: {{batch_size: {sizes}, optimizer.lr: [0.02, 0.05, 0.1, 0.2, 0.5], optimizer.momentum: [0.0, 0.5, 0.8, 0.9, 0.95]}}
    claims:
      small-is-better:
        text: Small batches generalize better.
        profiles: [quick]
        metric: test_accuracy
        contrast: {{batch_size: 8}}
        against: {{batch_size: 160}}
        says: {{difference: "> 0"}}
  width:
    title: Width and depth
    grid: {{model.width: {widths}, model.depth: [1, 2, 3, 4], dropout: [0.0, 0.1, 0.2, 0.3, 0.5]}}
  labels:
    title: Wrong labels
    grid: {{dataset.random_labels: [false, true], dataset.train: {trains}, optimizer.weight_decay: [0.0, 0.0001, 0.001, 0.01, 0.1]}}
tables:
  dropout: {{experiment: dropout, rows: [optimizer.lr], columns: {{without: "dropout=0", with: "dropout>0"}}, values: [test_accuracy, generalization_gap]}}
  sizes: {{experiment: batch-size, rows: [batch_size], values: [test_accuracy, test_loss]}}
figures:
  dropout: {{experiment: dropout, kind: curves, y: [train_accuracy, test_accuracy], by: [dropout]}}
  sizes: {{experiment: batch-size, kind: curves, y: [test_accuracy, test_loss], by: [batch_size]}}
"""


def suite_file(folder: Path) -> Path:
    """Write the suite."""
    numbers = {
        "rates": [index / 20 for index in range(10)],
        "numbers": [round(0.01 * 1.6**index, 4) for index in range(10)],
        "sizes": [8 * (index + 1) for index in range(20)],
        "widths": [8 * (index + 1) for index in range(25)],
        "trains": [20 * (index + 4) for index in range(50)],
    }
    file = folder / "many.yaml"
    file.write_text(SUITE.format(epochs=EPOCHS, **numbers), encoding="utf-8")
    return file


def fill(registry: Registry, suite: Path) -> int:
    """Write every run of the suite as trained, with curves that saturate; returns how many."""
    job = make_job(Request(str(suite), max_cells=RUNS), registry)
    writer = RowWriter(job.circumstances, CellBuilder())
    registry.prepare()
    registry.store_suite(suite.read_text(encoding="utf-8"))
    runs = job.plan.runs
    for start in range(0, len(runs), PACK):
        name = f"pack{start}"
        some = runs[start : start + PACK]
        curves = saturating(start, len(some))
        rows = [_row(writer, run, name, dict(zip(CURVES, curve[:, -1].tolist(), strict=True))) for run, curve in zip(some, curves, strict=True)]
        registry.append(f"{job.plan.origin.suite}.{job.plan.origin.profile}.{name}", {"runs": runs_table(rows, some), "history": _history(rows, curves)})
    return len(runs)


def saturating(first: int, count: int) -> NDArray[np.float64]:
    """Curves of runs, of shape (runs, metrics, points): accuracies that rise and losses that fall, a little apart for each cell and seed."""
    place = np.arange(first, first + count)[:, None]
    epochs = np.arange(EPOCHS + 1)[None, :]
    noise = 0.004 * np.random.default_rng(first).standard_normal((count, EPOCHS + 1))
    train = 0.1 + (0.88 - 0.1 * (place // 5 % 100) / 100) * (1 - np.exp(-epochs * (4 + place // 5 % 7) / EPOCHS)) + noise
    test = train - 0.05 * epochs / EPOCHS
    return np.stack([2.5 * (1.02 - train), 2.5 * (1.02 - test), train, test], axis=1)


def _row(writer: RowWriter, run: PlannedRun, pack: str, final: dict[str, float]) -> Row:
    metrics = {**final, "generalization_gap": final["train_accuracy"] - final["test_accuracy"]}
    return writer.trained(run, replace(result(run), metrics=metrics), pack)[0]


def _history(rows: Sequence[Row], curves: NDArray[np.float64]) -> pa.Table:
    runs, metrics, points = curves.shape
    repeated = {key: np.repeat(np.array([row[key] for row in rows], dtype=object), metrics * points) for key in ("row", "run_id")}
    epochs = np.tile(np.arange(points), runs * metrics)
    names = np.tile(np.repeat(np.array(CURVES, dtype=object), points), runs)
    columns = {**repeated, "step": 23 * epochs, "epoch": epochs.astype(np.float64), "metric": names, "value": curves.ravel()}
    return pa.table(columns, schema=arrow_schema("history"))
