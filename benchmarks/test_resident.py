"""The resident lane against the loop that a PyTorch user would write, interleaved in one process; ratios, not seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from bench.config import Cell, Dropout, PartSpec, Run
from bench.train.lanes import resident
from bench.train.setup import DataStore, prepare

ROUNDS = 5
EPOCHS = 3
CASES = {
    "fnn": PartSpec("fnn", {"width": 256, "depth": 2}),
    "vgg16": PartSpec("vgg16", {"width": 16}),
    "resnet18": PartSpec("resnet18", {"width": 8}),
}


def cell(model: PartSpec, rate: float) -> Cell:
    return Cell(
        model=model,
        dataset=PartSpec("digits", {}),
        objective=PartSpec("cross_entropy", {}),
        optimizer=PartSpec("adam", {"lr": 0.001}),
        schedule=PartSpec("constant", {}),
        initializer=PartSpec("default", {}),
        augmentation=(),
        dropout=Dropout(rate),
        batch_size=64,
        epochs=EPOCHS,
        steps=None,
        precision="float32",
    )


def plain(wanted: Cell) -> None:
    """nn.Module, nn.Dropout, torch.optim, DataLoader."""
    from bench.train.setup import build_model

    store = DataStore(Path(), torch.device("cpu"))
    spec, data, _ = store.get(wanted.dataset, 0)
    model = build_model(wanted, spec, 0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    loader = DataLoader(TensorDataset(data.train_inputs, data.train_targets), batch_size=64, shuffle=True)
    for _ in range(EPOCHS):
        model.train()
        for inputs, targets in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for inputs, targets in ((data.train_inputs, data.train_targets), (data.test_inputs, data.test_targets)):
                outputs = model(inputs)
                nn.functional.cross_entropy(outputs, targets).item()
                (outputs.argmax(1) == targets).float().mean().item()


def engine(wanted: Cell) -> None:
    store = DataStore(Path(), torch.device("cpu"))
    resident.train(prepare(Run(wanted, 0), store, torch.device("cpu")), lambda done, loss: None)


def seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.mark.parametrize("rate", [0.0, 0.5])
@pytest.mark.parametrize("name", CASES)
def test_ratio_to_a_plain_loop(benchmark, name, rate):
    torch.set_num_threads(1)
    wanted = cell(CASES[name], rate)
    engine(wanted), plain(wanted)
    pairs = [(seconds(lambda: plain(wanted)), seconds(lambda: engine(wanted))) for _ in range(ROUNDS)]
    ratios = sorted(slow / fast for slow, fast in pairs)
    quartiles = statistics.quantiles(ratios, n=4)
    benchmark.extra_info |= {"ratio": statistics.median(ratios), "quartiles": (quartiles[0], quartiles[2])}
    benchmark.pedantic(lambda: engine(wanted), rounds=1, iterations=1)
    print(f"\n{name}, dropout {rate}: {statistics.median(ratios):.2f} times as fast as a plain loop (quartiles {quartiles[0]:.2f} to {quartiles[2]:.2f})")
