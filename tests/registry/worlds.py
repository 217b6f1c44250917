"""Registries of every kind, drawn at random: what packs hold, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st

from bench.metric import Metric
from bench.registry.store import Registry
from tests.registry.tables import ACCURACY, Quick, a_history, some_runs

COMMITS = {"a" * 40: datetime(2026, 1, 1, tzinfo=UTC), "b" * 40: datetime(2026, 1, 2, tzinfo=UTC), None: None}
SHARPNESS = [Metric("sharpness", "", "lower", "log", f"version {version}", version=version) for version in (1, 2)]


@dataclass(frozen=True)
class Row:
    """A row of runs, but for its names."""

    run: int
    generation: int
    status: str
    accuracy: float | None
    curve: int
    reused: bool


@dataclass(frozen=True)
class Pack:
    """The rows of a pack, and what its file is like."""

    rows: list[Row]
    suite: str
    commit: str | None
    width: str
    sharpness: int
    orphan: bool


ROWS = st.builds(
    Row,
    run=st.integers(0, 3),
    generation=st.integers(0, 2),
    status=st.sampled_from(["ok", "diverged", "crashed"]),
    accuracy=st.none() | st.sampled_from([0.25, 0.5]),
    curve=st.integers(0, 3),
    reused=st.booleans(),
)
PACKS = st.builds(
    Pack,
    rows=st.lists(ROWS, min_size=1, max_size=4),
    suite=st.sampled_from(["tricks", "dropout"]),
    commit=st.sampled_from(list(COMMITS)),
    width=st.sampled_from(["int64", "float64", "string"]),
    sharpness=st.integers(0, 2),
    orphan=st.booleans(),
)
WORLDS = st.lists(PACKS, min_size=1, max_size=6)


def build(root: Path, packs: list[Pack], chosen: range | None = None) -> Registry:
    """Write packs, or some of them, whose rows have the same names wherever they are written."""
    registry = Registry(root, Quick())
    registry.prepare()
    for number in range(len(packs)) if chosen is None else chosen:
        write(registry, number, packs[number])
    return registry


def write(registry: Registry, number: int, pack: Pack) -> None:
    """Write a pack."""
    names = [f"p{number}r{place}" for place in range(len(pack.rows))]
    made = COMMITS[pack.commit]
    shared = {"suite": pack.suite, "commit": pack.commit, "commit_time": made, "dirty": None if made is None else False, "pack": f"p{number}"}
    shared |= {"hp.model.width": {"int64": 4, "float64": 0.5, "string": "full"}[pack.width]}
    rows = [
        shared
        | {"row": name, "run_id": f"run{row.run}", "generation": row.generation, "status": row.status, "test_accuracy": row.accuracy}
        | {"written": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number), "reused_from": "p0r0" if row.reused else None}
        for name, row in zip(names, pack.rows, strict=True)
    ]
    metrics = [ACCURACY, *SHARPNESS[pack.sharpness - 1 : pack.sharpness]] if pack.sharpness else [ACCURACY]
    tables = {"runs": some_runs(*rows, metrics=metrics, parameters={"model.width": pack.width}, axes=[f"a{number % 2}"])}
    curves = [(name, step, step / 4) for name, row in zip(names, pack.rows, strict=True) for step in range(row.curve)]
    stem = f"{pack.suite}.quick.p{number}"
    registry.append(stem, tables | ({"history": a_history(*curves)} if curves else {}))
    if pack.orphan:
        (registry.root / "runs" / f"{stem}.parquet").unlink()
