"""Recorded steps against the same steps made one by one; on a CPU with a recorder that runs what it has recorded."""

from __future__ import annotations

import pytest
import torch

from bench.train import stack as stacks
from bench.train.compiler import Programs
from bench.train.graphs import Recorded, on_gpu
from bench.train.lanes import stacked
from bench.train.setup import DataStore, prepare
from bench.train.step import Batch, Draw
from tests.train.runs import run_of, sine_run

CLEAN = {"name": "squared", "network": "clean"}
STEPS = 30
RUNS = {
    "full batch, adam, masks": lambda seed: sine_run(seed, dropout=0.3, optimizer={"name": "adam", "lr": 0.01 * (1 + seed)}, steps=STEPS, schedule="cosine"),
    "mini-batches, the last one smaller": lambda seed: run_of(seed, dropout=0.2, batch_size=24, steps=STEPS),
    "a penalty": lambda seed: sine_run(seed, dropout=0.3, objective=CLEAN, penalties=[{"name": "r1", "coefficient": 1.0 + seed}], steps=STEPS),
    "a penalty of second order": lambda seed: sine_run(seed, dropout=0.3, penalties=["r2"], steps=STEPS),
}


class Repeating:
    """Records a function by running it, and replays it by running it again to the same place."""

    def __init__(self):
        self.recorded = 0

    def __call__(self, run):
        self.recorded += 1
        run()
        losses = run()
        return losses, lambda: losses.copy_(run())


def trained(make, folder, device="cpu", program=lambda program: program):
    """The final weights and losses of three members."""
    store = DataStore(folder, torch.device(device))
    members = [prepare(make(seed), store, torch.device(device)) for seed in range(3)]
    fit = stacked.agreement(members[0].run.cell, members[0].spec)
    stack = stacks.Stack(members, fit.layers, fit.rows, "eager", Programs(), fit)
    stack._program = program(stack._program)
    stack.advance(STEPS)
    return [value.cpu() for value in stack._values], stack.ended


@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)
def test_replayed_steps_are_the_steps(make, tmp_path):
    recorder = Repeating()
    plain, _ = trained(make, tmp_path)
    found, ended = trained(make, tmp_path, program=lambda program: Recorded(program, recorder))
    assert all(torch.equal(one, other) for one, other in zip(plain, found, strict=True))
    assert ended == [None] * 3
    assert recorder.recorded == 1


def test_other_shapes_are_recorded_anew():
    def program(parameters, states, batch, draw, numbers):
        parameters[0].add_(1)
        return batch.weights.sum(-1) * numbers

    recorder, weights = Repeating(), torch.zeros(2)
    step = Recorded(program, recorder)
    nothing = torch.zeros(2, 1)
    for rows, expected in ((4, 4.0), (4, 4.0), (3, 3.0), (4, 4.0)):
        losses = step([weights], [], Batch(nothing, nothing, torch.ones(2, rows)), Draw(nothing, nothing, nothing), torch.ones(2))
        assert losses.tolist() == [expected] * 2
    assert recorder.recorded == 2
    assert weights.tolist() == [4.0] * 2, "what recording runs besides is undone"


@pytest.mark.gpu
@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)
def test_a_gpu_replays_what_it_would_do(make, tmp_path):
    plain, _ = trained(make, tmp_path, "cuda", lambda recorded: recorded._program)
    found, _ = trained(make, tmp_path, "cuda")
    assert all(torch.equal(one, other) for one, other in zip(plain, found, strict=True))
    again, _ = trained(make, tmp_path, "cuda", lambda recorded: Recorded(recorded._program, on_gpu))
    assert all(torch.equal(one, other) for one, other in zip(plain, again, strict=True))
