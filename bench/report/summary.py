"""Rows of runs -> one number of a table: the mean over seeds, its interval, and which of several is best."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.points import failures, resolution
from bench.analysis.statistics import Values, mean_intervals
from bench.metric import Metric
from bench.report.grid import Places, readable
from bench.report.table import Number

_FIRST = ("test_accuracy", "train_accuracy", "generalization_gap", "test_loss", "train_loss")


def shown_metrics(runs: pd.DataFrame, metrics: Mapping[str, Metric], names: Sequence[str] = ()) -> list[Metric]:
    """The metrics with a value in some row: those named, or all, accuracies and losses first."""
    wanted = names or sorted(metrics, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    return [metrics[name] for name in wanted if name in metrics and name in runs and runs[name].notna().any()]


def quantity(metric: Metric) -> str:
    """The metric in words with its unit, as a figure's axis names it."""
    unit = "%" if metric.scale == "points" else metric.unit
    return f"{readable(metric.name)} ({unit})" if unit else readable(metric.name)


def heading(metric: Metric) -> str:
    """A column's title: the metric in words, its unit, an arrow towards better."""
    arrow = {"higher": " ↑", "lower": " ↓", "neither": ""}[metric.better]
    return f"{quantity(metric)}{arrow}"


def summarize(runs: pd.DataFrame, fields: Sequence[Places], metric: Metric) -> list[Number]:
    """Each field's mean over seeds with its 95% t interval; over several cells the average of each seed comes first.

    Cells share seeds, hence initial weights and data order: their values are dependent, so seeds are the only replicates
    (STATISTICS.md, pooling). Only seeds count that are ok in every cell; what failed is never averaged in.

    Args:
        runs: rows of one experiment.
        fields: which of them a number is about, each of one or more cells.
        metric: which column, and how it is counted.
    """
    shown: Literal["percent", "number"] = "percent" if metric.scale == "points" else "number"
    numbers = [Number(None, n=0, shown=shown)] * len(fields)
    if metric.name not in runs:
        return numbers
    values = pd.to_numeric(runs[metric.name]).to_numpy(dtype=np.float64, na_value=math.nan)
    values = np.where(_ok(runs), values, math.nan)
    seeds, cells = runs["seed"].to_numpy(dtype=np.int64), pd.factorize(runs["cell_id"])[0]
    samples = [_complete(seeds[places], cells[places], values[places]) for places in fields]
    sizes = list(zip(runs["train_size"].tolist(), runs["test_size"].tolist(), strict=True))
    # What has one shape and one resolution is worked out together, which for many cells is what takes long.
    alike: dict[tuple[tuple[int, ...], float], list[int]] = {}
    for index, (places, sample) in enumerate(zip(fields, samples, strict=True)):
        if len(sample):
            mine = [{"train_size": train, "test_size": test} for train, test in {sizes[place] for place in places}]
            alike.setdefault((sample.shape, resolution(metric, mine)), []).append(index)
    for (_, step), indices in alike.items():
        for index, interval in zip(indices, mean_intervals([samples[index] for index in indices], step), strict=True):
            numbers[index] = Number(interval.mean, interval.low, interval.high, interval.n, shown)
    return numbers


def _complete(seeds: Places, cells: Places, values: Values) -> Values:
    """A metric by seed and cell, of the seeds that have it in every cell."""
    names, row = np.unique(seeds, return_inverse=True)
    kinds, column = np.unique(cells, return_inverse=True)
    table = np.full((len(names), len(kinds)), math.nan)
    known = np.flatnonzero(~np.isnan(values))[::-1]  # backwards, so that of two values the first stays
    table[row[known], column[known]] = values[known]
    complete: Values = table[~np.isnan(table).any(axis=1)]
    return complete


def comparable(runs: pd.DataFrame, fields: Sequence[Places], metric: Metric) -> list[tuple[str, ...]]:
    """What the cells of two fields must share for one of them to be better: the data; the loss as well, unless a share is counted.

    Args:
        runs: rows of one experiment.
        fields: which of them each field has.
        metric: what is compared.
    """
    names = ["hp.dataset", "data_checksum", *([] if metric.scale == "points" else ["hp.objective"])]
    ok = _ok(runs)
    columns = [runs[name].astype(object).where(ok & runs[name].notna(), None).to_numpy() for name in names if name in runs]
    return [tuple("/".join(sorted({str(value) for value in column[places] if value is not None})) for column in columns) for places in fields]


def _ok(runs: pd.DataFrame) -> NDArray[np.bool_]:
    return runs["status"].eq("ok").to_numpy(dtype=bool)


def mark_best(numbers: Sequence[Number], groups: Sequence[Hashable], metric: Metric) -> list[Number]:
    """Mark, in each group, the best number and those whose mean lies within its interval.

    Nothing is marked where the metric has no better direction, where there is nothing to compare, or where the best comes
    from one seed: it has no interval, so nothing is known to be apart from it.

    Args:
        numbers: the numbers to compare.
        groups: to which group each belongs.
        metric: says which direction is better.
    """
    marked = list(numbers)
    for group in dict.fromkeys(groups):
        places = [index for index, other in enumerate(groups) if other == group and numbers[index].mean is not None]
        low, high = _interval_of_best([numbers[index] for index in places], metric)
        for index in places:
            marked[index] = replace(numbers[index], best=low <= (numbers[index].mean or 0.0) <= high)
    return marked


def _interval_of_best(known: Sequence[Number], metric: Metric) -> tuple[float, float]:
    """The interval of the best number, empty if nothing can be called best."""
    nowhere = (math.inf, -math.inf)
    if metric.better == "neither" or len(known) < 2:
        return nowhere
    sign = 1 if metric.better == "higher" else -1
    best = max(known, key=lambda number: sign * (number.mean or 0.0))
    return nowhere if best.low is None or best.high is None else (best.low, best.high)


def notes_on_numbers(numbers: Sequence[Number]) -> list[str]:
    """What a reader must know of means and intervals, and of bold."""
    counts = sorted({number.n for number in numbers if number.n})
    if not counts:
        return []
    if counts == [1]:
        return ["One seed: no interval can be given."]
    seeds = str(counts[-1]) if len(counts) == 1 else f"{counts[-1]} unless stated"
    notes = [f"Mean ± half-width of the 95% t interval over n seeds, given the data; n = {seeds}."]
    if any(number.low is None and (number.n or 0) > 1 for number in numbers):
        notes.append("± —: every seed gives one value, so the spread over seeds is not known.")
    if any(number.best for number in numbers):
        notes.append("Bold: the best mean, and those within its interval.")
    return notes


def note_on_test_set(runs: pd.DataFrame, metric: Metric, numbers: Sequence[Number]) -> list[str]:
    """The standard error that the finite test set itself gives an accuracy p over m samples: √(p(1 − p)/m)."""
    size = int(runs["test_size"].min()) if len(runs) else 0
    shares = [number.mean for number in numbers if number.mean is not None and 0 <= number.mean <= 1]
    # A gap of two shares is counted over the test set as well, but is no share p.
    if metric.counted_over != "test" or not metric.name.endswith("accuracy") or not size or not shares:
        return []
    errors = sorted(100 * math.sqrt(share * (1 - share) / size) for share in shares)
    span = f"{errors[0]:.2f}" if f"{errors[0]:.2f}" == f"{errors[-1]:.2f}" else f"{errors[0]:.2f} to {errors[-1]:.2f}"
    return [f"{readable(metric.name)}: the standard error of the test set itself ({size} samples) is {span} pp, and is in no interval."]


def with_counts(numbers: Sequence[Number], seeds: int) -> list[Number]:
    """Say n of N behind each number that rests on fewer seeds than there are.

    Args:
        numbers: the numbers of a table.
        seeds: how many seeds its experiment has.
    """
    return [replace(number, note=f"n = {number.n} of {seeds}") if number.n and number.n < seeds else number for number in numbers]


def failed(runs: pd.DataFrame) -> str:
    """How many runs are not ok, as ``1 crashed, 2 diverged``."""
    return failures({"status": status} for status in runs["status"])
