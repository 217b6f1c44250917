"""Small synthetic registries: rows as the clean view gives them."""

from __future__ import annotations

import itertools

import pandas as pd

from bench import suite as suites
from bench import yaml
from bench.config import Cell, Dropout, PartSpec, Run
from bench.metric import Metric

ACCURACY = Metric("test_accuracy", "", "higher", "points", "share of test samples", counted_over="test")
LOSS = Metric("test_loss", "nats", "lower", "log", "mean loss")
CLUSTERS = Metric("clusters", "clusters", "neither", "raw", "count")
METRICS = {metric.name: metric for metric in (ACCURACY, LOSS, CLUSTERS)}


def cell(lr=0.1, dropout=0.0, width=64, batch_size=32, augmentation=()):
    return Cell(
        PartSpec("fnn", {"width": width}),
        PartSpec("digits"),
        PartSpec("cross_entropy"),
        PartSpec("sgd", {"lr": lr}),
        PartSpec("constant"),
        PartSpec("default"),
        tuple(PartSpec(name) for name in augmentation),
        Dropout(dropout),
        batch_size,
        10,
        None,
        "float32",
    )


def row(config, seed, axes, **columns):
    run = Run(config, seed)
    hp = {key: "+".join(value) or "none" if isinstance(value, list) else value for key, value in config.flat().items()}
    return {
        "suite": "demo", "suite_version": 1, "profile": "paper", "variant": "", "experiment": "main", "run_id": run.run_id, "cell_id": config.cell_id,
        "cell": config.json, "code_id": "e" * 64, "seed": seed, "status": "ok", "train_size": 1000, "test_size": 1000, "hardware": "one", "device": "cpu", "threads": 1,
        "data_checksum": "d" * 64, "measures": "{}", "commit": "c", "diff_hash": None, "reused_from": None, "pack": f"pack{seed}", "dirty": False,
        **{f"axis.{key}": value for key, value in axes.items()}, **{f"hp.{key}": value for key, value in hp.items()}, **columns,
    }  # fmt: skip


def frame(*rows):
    return pd.DataFrame(list(itertools.chain.from_iterable(each if isinstance(each, list) else [each] for each in rows)))


def seeds(values, config=None, axes=None, metric="test_accuracy", first=0, **columns):
    """One row per value; None is a run that diverged."""
    config = config or cell()
    made = []
    for seed, value in enumerate(values, first):
        failed = {"status": "diverged", metric: None} if value is None else {metric: value}
        made.append(row(config, seed, axes or {}, **{**failed, **columns}))
    return made


def suite(text):
    """The suite `demo` from its YAML text."""
    loaded = suites.from_document("demo", yaml.parse(text))
    assert not loaded.problems
    return loaded
