"""A registry and a suite in which every text that others can choose is hostile."""

from __future__ import annotations

import json

import pandas as pd

from bench import yaml
from bench.metric import Metric
from bench.suite import from_document
from tests.report.synthetic import METRICS, Memory, batch_sizes, history

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><svg onload=alert(1)>`${1}'&lt;\u202e"


class HostileMemory(Memory):
    """A registry whose metrics are described by others."""

    said: str

    def metrics(self):
        return {**METRICS, "test_loss": Metric("test_loss", self.said, "lower", "log", self.said)}


def hostile_suite(text):
    """A suite that says a text wherever one is free."""
    quoted = json.dumps(text)
    return from_document(
        "demo",
        yaml.parse(f"""
title: {quoted}
version: 1
source: {quoted}
notes: {quoted}
experiments:
  batch-size:
    title: {quoted}
    figure: {quoted}
    notes: {quoted}
    grid: {{batch_size: [16, 64, 256]}}
    claims:
      small-is-better:
        text: {quoted}
        profiles: [quick]
        metric: test_loss
        contrast: {{batch_size: 16}}
        against: {{batch_size: 256}}
        says: {{ratio: "< 1"}}
tables:
  losses: {{title: {quoted}, experiment: batch-size, rows: [odd], values: [test_loss]}}
figures:
  growth: {{title: {quoted}, experiment: batch-size, kind: curves, y: [test_loss], by: [batch_size]}}
"""),
    )


def hostile_registry(text):
    """Two commits of runs that carry a text in every column of texts, with one that failed for such a reason."""
    said = dict.fromkeys(("hardware", "device", "backend", "lane", "platform", "python", "torch", "numpy", "bench_version"), text)
    given = {**said, "axis.odd": text, "hp.odd": text, "code_id": text, "data_checksum": text, "cell": json.dumps({text: {text: [text]}})}
    runs = batch_sizes(**given)
    failed = runs[runs["seed"] == 2].assign(seed=3, status="crashed", reason=text, test_loss=None, test_accuracy=None)
    failed = failed.assign(row="f" + failed["row"].str[1:], run_id="f" + failed["run_id"].str[1:])
    old = batch_sizes(**{**given, "commit": text, "commit_time": pd.Timestamp("2024-04-01", tz="UTC"), "test_loss": 0.5})
    old = old.assign(row="e" + old["row"].str[1:])
    registry = HostileMemory(pd.concat([runs, failed, old], ignore_index=True), {"history": history(runs)})
    registry.said = text
    return registry
