"""The resident lane agrees with the plain loop, and the comparison notices what it must."""

from __future__ import annotations

import pytest
import torch

from bench.config import Run
from bench.train import dropout
from bench.train.checkpoints import Checkpoints
from bench.train.lanes import resident
from tests.oracles import plain_loop
from tests.train.runs import DIGITS, SINE, prepared, run_of, sine_run

STEPS = 120
RAGGED = {"dataset": {**DIGITS, "train": 60}, "batch_size": 16}
FULL = {"batch_size": "full"}
DEEP = {"model": {"name": "fnn", "width": 8, "depth": 2, "activation": "tanh"}}
SHARED = {"dropout": 0.3, "mask": "shared"}
CLEAN = {"objective": {"name": "squared", "network": "clean"}}
TWO_PHASES = [{"until": 30, **CLEAN, "optimizer_state": "fresh"}, {"until": 70, "objective": "squared"}]
CASES = {
    "sgd, dropout, batches": run_of(steps=STEPS, dropout=0.4, **RAGGED),
    "sgd, full": run_of(steps=STEPS, **FULL),
    "momentum, shared masks, full": run_of(steps=STEPS, optimizer={"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True}, **SHARED, **FULL),
    "adam, dropout, full": run_of(steps=STEPS, optimizer={"name": "adam", "lr": 0.01}, dropout=0.5, **FULL, **DEEP),
    "adam, shared masks, batches": run_of(steps=STEPS, optimizer={"name": "adam", "lr": 0.01, "weight_decay": 0.01}, **SHARED, **RAGGED),
    "adamw, batches": run_of(steps=STEPS, optimizer={"name": "adamw", "lr": 0.01, "weight_decay": 0.1}, **RAGGED),
    "adamw, dropout, full": run_of(steps=STEPS, optimizer={"name": "adamw", "lr": 0.01}, dropout=0.2, **FULL),
    "rmsprop, dropout, batches": run_of(steps=STEPS, optimizer={"name": "rmsprop", "lr": 0.003, "eps": 1e-4}, dropout=0.1, **RAGGED),
    "rmsprop, shared masks, full": run_of(steps=STEPS, optimizer={"name": "rmsprop", "lr": 0.003, "momentum": 0.5, "eps": 1e-4}, **SHARED, **FULL),
    "rprop, full": sine_run(steps=STEPS, optimizer={"name": "rprop", "lr": 0.001}, **DEEP),
    "rprop, dropout, batches": run_of(steps=STEPS, optimizer={"name": "rprop", "lr": 0.001, "step_max": 0.01}, dropout=0.2, **RAGGED),
    "torch, shared masks, batches": run_of(steps=STEPS, optimizer={"name": "torch", "algorithm": "NAdam", "arguments": {"lr": 0.005}}, **SHARED, **RAGGED),
    "torch, cosine, full": run_of(steps=STEPS, optimizer={"name": "torch", "algorithm": "Adagrad", "arguments": {"lr": 0.02}}, schedule="cosine", **FULL),
    "two rates, another seed": run_of(3, steps=STEPS, dropout=(0.2, 0.5), **RAGGED, **DEEP),
    "cosine": run_of(steps=STEPS, schedule={"name": "cosine", "floor": 0.1}, **RAGGED),
    "multi_step": run_of(steps=STEPS, schedule={"name": "multi_step", "milestones": [3, 7]}, optimizer={"name": "adam", "lr": 0.01}, **RAGGED),
    "exponential": run_of(steps=STEPS, schedule={"name": "exponential", "gamma": 0.9}, dropout=0.1, **RAGGED),
    "augmentation": run_of(steps=STEPS, augmentation=[{"name": "crop", "padding": 1}, "flip"], dropout=0.1, **RAGGED),
    "clean network": run_of(steps=STEPS, objective={"name": "cross_entropy", "network": "clean"}, dropout=0.5, **RAGGED),
    "squared error of classes": run_of(steps=STEPS, objective="squared", initializer={"name": "xavier_normal"}, dropout=0.3, **RAGGED),
    "regression": sine_run(steps=STEPS, dataset={**SINE, "frequency": 2.0}, dropout=0.1, batch_size=3),
    "r1": sine_run(steps=STEPS, dropout=0.3, **CLEAN, penalties=["r1"]),
    "r2, cosine": sine_run(steps=STEPS, dropout=0.3, penalties=["r2"], schedule="cosine"),
    "both, signed, batches": run_of(steps=40, dropout=0.3, objective="squared", penalties=[{"name": "r1", "coefficient": -0.1}, "r2"], **RAGGED),
    "a phase, state kept": sine_run(steps=STEPS, dropout=0.2, optimizer={"name": "adam", "lr": 0.01}, phases=[{"until": 50, **CLEAN}]),
    "two phases, fresh state": sine_run(steps=STEPS, dropout=0.2, optimizer={"name": "adam", "lr": 0.01}, **CLEAN, penalties=["r1"], phases=TWO_PHASES),
    "residual, batch norm": run_of(steps=20, model={"name": "resnet20", "width": 4}, optimizer={"name": "sgd", "lr": 0.01}, dropout=0.2, **RAGGED),
}


def far(run, seed=None):
    """The largest relative distance of the lane from the oracle: over all tensors of the model and all training losses."""
    ready = prepared(run)
    ours = resident.train(ready, lambda done, loss: None, Checkpoints())
    oracle = plain_loop.train(run if seed is None else Run(run.cell, seed))
    assert ours.diverged_at is None
    losses = torch.tensor(ours.history.values["train_loss"]), torch.tensor(oracle.evaluated)
    pairs = [losses, *((ready.model.state_dict()[name], tensor) for name, tensor in oracle.model.state_dict().items())]
    return max(float((mine - other).double().norm() / other.double().norm().clamp_min(1e-6)) for mine, other in pairs)


@pytest.mark.parametrize("run", CASES.values(), ids=CASES.keys())
def test_agrees_with_the_plain_loop(run):
    assert far(run) < 1e-5


def test_bf16_rounds_as_autocast_does():
    run = run_of(steps=60, precision="bf16", dropout=0.2, **RAGGED)
    assert far(run) < 1e-3
    wide = run_of(steps=60, dropout=0.2, **RAGGED)
    weights = [prepared(one).model for one in (run, wide)]
    assert all(tensor.dtype == torch.float32 for tensor in weights[0].state_dict().values())
    exact, rounded = (plain_loop.train(one).losses[-1] for one in (wide, run))
    assert exact != rounded


@pytest.mark.parametrize("fault", ["seed", "site", "step"])
def test_the_comparison_notices(fault, monkeypatch):
    run = run_of(steps=30, dropout=0.4, **RAGGED, **DEEP)
    keys = dropout.step_keys
    if fault == "step":
        monkeypatch.setattr(dropout, "step_keys", lambda place, step: keys(place, 0))
    elif fault == "site":
        monkeypatch.setattr(dropout.CounterDropout, "_path", property(lambda module: "", lambda module, path: None), raising=False)
    assert far(run, seed=1 if fault == "seed" else None) > 1e-2


@pytest.mark.gpu
def test_a_gpu_agrees_with_the_plain_loop():
    from pathlib import Path

    from bench.train.setup import DataStore, prepare

    run = CASES["adam, dropout, full"]
    device = torch.device("cuda:0")
    ready = prepare(run, DataStore(Path(), device), device)
    resident.train(ready, lambda done, loss: None, Checkpoints())
    for name, tensor in plain_loop.train(run).model.state_dict().items():
        torch.testing.assert_close(ready.model.state_dict()[name].cpu(), tensor, rtol=1e-3, atol=1e-4)
