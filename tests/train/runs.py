"""Small runs to train in tests."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.cells import CATALOGS
from bench.config import Cell, Dropout, PartSpec, Phase, Run
from bench.packing import Pack, Task
from bench.train.setup import DataStore, Prepared, prepare
from bench.train.trainer import Trainer

DIGITS = {"name": "digits", "train": 64, "test": 32}
SINE = {"name": "functions", "target": "sin", "train": 8}
SMALL = {"name": "fnn", "width": 8}
TRANSFORMER = {"name": "transformer", "d_model": 6, "d_ff": 8, "d_head": 3, "heads": 2, "layers": 1}
CPU = torch.device("cpu")
STORE = DataStore(Path(), CPU)


def part(kind, given) -> PartSpec:
    """A checked part, by name or as a mapping with ``name``."""
    raw = {"name": given} if isinstance(given, str) else dict(given)
    name = raw.pop("name")
    parameters, problems = CATALOGS[kind][name].check(raw)
    assert not problems
    return PartSpec(name, parameters)


def run_of(
    seed=0, *, dropout=0.0, mask="per_sample", augmentation=(), batch_size=16, steps=None, epochs=None, precision="float32", penalties=(), phases=(), **parts
) -> Run:
    """A run: one small hidden layer on 64 digits, unless said otherwise."""
    given = {"model": SMALL, "dataset": DIGITS, "objective": "cross_entropy", "optimizer": {"name": "sgd", "lr": 0.1}, "schedule": "constant"}
    given |= {"initializer": "default", **parts}
    cell = Cell(
        **{kind: part(kind, value) for kind, value in given.items()},
        augmentation=tuple(part("augmentation", value) for value in augmentation),
        dropout=Dropout(dropout, mask),
        batch_size=batch_size,
        steps=steps,
        epochs=2 if epochs is None and steps is None else epochs,
        precision=precision,
        penalties=tuple(part("penalty", value) for value in penalties),
        phases=tuple(phase(**value) for value in phases),
    )
    return Run(cell, seed)


def phase(until, objective, penalties=(), optimizer_state="keep") -> Phase:
    """A phase of checked parts."""
    return Phase(until, part("objective", objective), tuple(part("penalty", value) for value in penalties), optimizer_state)


def sine_run(seed=0, **given) -> Run:
    """A regression run on 8 points of a sine."""
    return run_of(seed, **{"dataset": SINE, "objective": "squared", "batch_size": "full", "optimizer": {"name": "sgd", "lr": 0.05}, **given})


def prepared(run) -> Prepared:
    """The run, ready to be trained on the CPU, with one thread as the trainer has it."""
    torch.set_num_threads(1)
    return prepare(run, STORE, CPU)


def pack_of(*runs, measures=()) -> Pack:
    """A pack of runs, with measures by name or as mappings."""
    wanted = tuple(part("measure", measure) for measure in measures)
    return Pack("pack", tuple(Task(run, wanted) for run in runs))


def trainer(device="cpu") -> Trainer:
    """A trainer whose data need no folder."""
    return Trainer(device, Path(), "a processor")


def numbers(result):
    """What a run's result says but for times, memory and machine."""
    return result.run_id, result.status, result.reason, result.metrics, result.tables, result.steps_done, result.parameters, result.data_checksum
