"""Rows of a made-up registry: two experiments, classes and 1-D fits, with a run that diverged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.claims import Verdict
from bench.analysis.evidence import Evidence
from bench.analysis.findings import Finding
from bench.metric import Metric
from bench.report.table import Cell, Table
from bench.selection import text

METRICS = {
    "test_accuracy": Metric("test_accuracy", "", "higher", "points", "share of test samples classified correctly", "test"),
    "test_loss": Metric("test_loss", "", "lower", "log", "mean loss on the test set"),
    "sharpness_filter": Metric("sharpness_filter", "", "lower", "log", "curvature along filter-normalized directions"),
}
COMMIT = "a" * 40


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def run_row(experiment: str, axes: Mapping[str, str | None], seed: int, *, suite: str = "demo", **values: Any) -> dict[str, Any]:
    """One row of `runs` with every column that reports read; `values` has metrics, ``hp.*`` and whatever should differ."""
    cell = {"experiment": experiment, **axes}
    row: dict[str, Any] = {
        "suite": suite,
        "suite_version": 1,
        "suite_digest": "d" * 64,
        "profile": "quick",
        "variant": "",
        "experiment": experiment,
        "cell_id": digest(cell),
        "run_id": digest([cell, seed]),
        "cell": json.dumps(cell),
        "seed": seed,
        "status": "ok",
        "reason": None,
        "train_size": 1000,
        "test_size": 400,
        "train_seconds": 1.5,
        "device": "cpu",
        "hardware": "a processor",
        "backend": "eager",
        "threads": 1,
        "commit": COMMIT,
        "commit_time": pd.Timestamp("2024-05-01", tz="UTC"),
        "dirty": False,
        "diff_hash": None,
        "code_id": "c" * 64,
        "bench_version": "0.1.0",
        "python": "3.11.0",
        "torch": "2.15.0",
        "numpy": "2.4.0",
        "platform": "Linux x86_64",
        "data_checksum": "e" * 64,
        "reused_from": None,
        "generation": 0,
        "pack": "pack",
        "written": pd.Timestamp("2024-05-02", tz="UTC"),
        **{f"axis.{axis}": value for axis, value in axes.items()},
        **values,
    }
    return {"row": digest([suite, row["profile"], row["variant"], row["commit"], cell, seed, row["status"]]), **row}


def column(table: Table, key: str) -> list[Cell]:
    """What a table of a report has in a column."""
    return [row[[entry.key for entry in table.columns].index(key)] for row in table.rows]


def frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def batch_sizes(sizes: Iterable[int] = (16, 64, 256), seeds: int = 3, **values: Any) -> pd.DataFrame:
    """Small batches are better, by 2 points per step, with a spread of half a point over seeds."""
    rows = []
    for place, size in enumerate(sizes):
        for seed in range(seeds):
            accuracy = 0.95 - 0.02 * place + 0.005 * (seed - 1)
            given = {"test_accuracy": accuracy, "test_loss": 0.2 + 0.1 * place + 0.01 * seed, "hp.batch_size": size, "hp.dataset": "digits", "hp.model": "fnn"}
            rows.append(run_row("batch-size", {"batch_size": str(size)}, seed, **{**given, **values}))
    return frame(rows)


def architectures(seeds: int = 3) -> pd.DataFrame:
    """Two models with and without dropout; one run of the second diverged."""
    rows = []
    for place, (model, data) in enumerate([("fnn", "mnist"), ("vgg9", "cifar10")]):
        for dropout in (0.0, 0.2):
            for seed in range(seeds):
                axes = {"model": model, "dataset": data, "dropout": text(dropout)}
                failed = model == "vgg9" and dropout > 0 and seed == 2
                metrics = {"test_accuracy": 0.98 - 0.3 * place + dropout / 20 + 0.003 * seed, "sharpness_filter": 3.0 - 5 * dropout + 0.1 * seed}
                given = {f"hp.{key}": value for key, value in axes.items()} | {"hp.dropout": dropout, "data_checksum": digest(data)}
                outcome = {"status": "diverged", "reason": "loss is not finite"} if failed else metrics
                rows.append(run_row("architectures", axes, seed, **given, **outcome))
    return frame(rows)


def history(runs: pd.DataFrame, epochs: int = 20, metrics: Iterable[str] = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")) -> pd.DataFrame:
    """Curves that saturate, a little apart for each seed; 8 steps per epoch."""
    rows = []
    for place, run in enumerate(runs.to_dict("records")):
        for epoch in np.unique(np.round(np.geomspace(1, epochs + 1, 24)) - 1):
            progress = 1 - np.exp(-6 * epoch / epochs)
            for metric in metrics:
                accuracy = 0.1 + (0.85 - 0.01 * place) * progress + 0.01 * run["seed"] * np.sin(epoch)
                value = accuracy if metric.endswith("accuracy") else 2.5 * (1.02 - accuracy)
                rows.append({"row": run["row"], "of": run["row"], "step": int(8 * epoch), "epoch": float(epoch), "metric": metric, "value": value})
    return frame(rows)


def landscape(runs: pd.DataFrame, directions: int = 4) -> pd.DataFrame:
    """A bowl that is steeper for each further cell."""
    rows = []
    for place, run in enumerate(runs.to_dict("records")):
        for normalization in ("filter", "layer"):
            for direction in range(directions):
                for alpha in np.linspace(-1, 1, 21):
                    loss = 0.05 + (1 + 0.2 * place + 0.1 * direction) * alpha**2 * (2 if normalization == "layer" else 1)
                    rows.append({"of": run["row"], "normalization": normalization, "direction": direction, "alpha": alpha, "loss": loss})
    return frame(rows)


def functions(runs: pd.DataFrame) -> pd.DataFrame:
    """Fits of a sine that oscillate a little more for each further run; the grid is wider than the samples."""
    rows = []
    for place, run in enumerate(runs.to_dict("records")):
        for split, points in (("train", np.linspace(-1, 1, 12)), ("test", np.linspace(-1.2, 1.2, 120))):
            for x in points:
                target = float(np.sin(3 * x))
                rows.append({"of": run["row"], "step": 1000, "split": split, "x": x, "output": target + 0.01 * place * np.sin(20 * x), "target": target})
    return frame(rows)


@dataclass
class Memory:
    """A registry in memory."""

    frame: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]

    def runs(self) -> pd.DataFrame:
        return self.frame

    def curves(self, name: str, runs: pd.DataFrame) -> pd.DataFrame:
        table = self.tables.get(name, pd.DataFrame({"of": []}))
        return table[table["of"].isin(runs["row"])]

    def metrics(self) -> dict[str, Metric]:
        return dict(METRICS)


def verdicts() -> list[Verdict]:
    """One verdict of each kind."""
    said = ("batch-size", "1.5", "Small batches generalize better", "test_accuracy", "difference > 0")
    found = Finding("", Evidence("reproduced", 0.014), "difference", 2.1, 1.0, 3.2, 3, "pp")
    ratio = Finding("model=fnn", Evidence("contradicted", 1.0, 0.002), "ratio", 1.25, 1.1, 1.42, 5, "×")
    return [
        Verdict("small-is-better", *said, "reproduced", "met", "difference >= 0.02", {"difference": 0.03}, "", (found,), evidence=found.evidence, q=0.014),
        Verdict(
            "flatter",
            "tricks",
            "",
            "a|b <c>",
            "sharpness_filter",
            "ratio < 1",
            "contradicted",
            "—",
            "",
            {},
            "model=fnn decides, of 2 cells",
            (ratio,),
            evidence=ratio.evidence,
        ),
        Verdict("later", *said, "not run", "—", "difference >= 0.02", {}, "about the profile paper"),
    ]
