"""What training a run gives: numbers, rows for tables, and how it went. Plain data, so that workers can send it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "diverged", "out_of_memory", "timeout", "crashed", "interrupted"]


FAILED = "failed: "
"""How the remark of a measure begins that could not be taken."""


class Interrupted(Exception):  # noqa: N818 - no error: the run goes on from where it is
    """Training was asked to stop, or must not go on; the same command goes on from there."""


@dataclass(frozen=True)
class Machine:
    """Where and how a run was trained: columns of the registry of the same names."""

    device: str
    hardware: str
    lane: str
    backend: str
    matmul: str
    threads: int
    torch: str


@dataclass(frozen=True)
class RunResult:
    """The result of one run.

    Attributes:
        run_id: the run.
        status: ``ok``, or what went wrong.
        reason: why it is not ok.
        signal: the name of the signal that ended its worker.
        log: the last that its worker wrote, where it failed.
        shared: whether other processes used the GPU meanwhile.
        metrics: metric -> value; empty unless ok.
        tables: table -> its rows, without the columns ``row`` and ``run_id``.
        remarks: measure -> what must be said with its values.
        machine: where and how it was trained; None if it never started.
        steps_done: optimizer steps made.
        parameters: trainable parameters of the model.
        train_seconds: time spent training, evaluations included.
        measure_seconds: time spent on measures.
        samples_per_second: training samples per second, evaluations excluded.
        peak_memory: bytes, of the device or else of the process.
        data_checksum: SHA-256 of the data before label noise.
        weights: SHA-256 of the final weights, where they were kept.
    """

    run_id: str
    status: Status
    reason: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    machine: Machine | None = None
    steps_done: int | None = None
    parameters: int | None = None
    train_seconds: float | None = None
    measure_seconds: float | None = None
    samples_per_second: float | None = None
    peak_memory: int | None = None
    data_checksum: str | None = None
    weights: str | None = None
    signal: str | None = None
    log: str | None = None
    shared: bool | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed_measures(self) -> dict[str, str]:
        """The measures that could not be taken, with the reason."""
        return {name: remark for name, remark in self.remarks.items() if remark.startswith(FAILED)}


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        run_id: the run.
        done: the share of its steps that is done, from 0 to 1.
        loss: the last training loss known.
    """

    run_id: str
    done: float
    loss: float
