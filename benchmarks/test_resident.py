"""The resident lane against the loop that a PyTorch user would write, with its loader and its evaluations."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from bench.config import Cell, PartSpec, Run
from bench.train.checkpoints import Checkpoints
from bench.train.lanes import resident
from bench.train.setup import DataStore, build_model, prepare
from benchmarks.cells import LEARNING_RATE, epochs_of_digits
from benchmarks.interleaved import in_turn, microseconds

EPOCHS = 3
CASES = {
    "fnn": PartSpec("fnn", {"width": 256, "depth": 2}),
    "vgg16": PartSpec("vgg16", {"width": 16}),
    "resnet18": PartSpec("resnet18", {"width": 8}),
}


def plain(wanted: Cell) -> None:
    """nn.Module, nn.Dropout, torch.optim, DataLoader."""
    store = DataStore(Path(), torch.device("cpu"))
    spec, data, _ = store.get(wanted.dataset, 0)
    model = build_model(wanted, spec, 0)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
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
    resident.train(prepare(Run(wanted, 0), store, torch.device("cpu")), lambda done, loss: None, Checkpoints())


@pytest.mark.parametrize("rate", [0.0, 0.5])
@pytest.mark.parametrize("name", CASES)
def test_ratio_to_a_plain_loop(keep, name, rate):
    wanted = epochs_of_digits(CASES[name], rate, EPOCHS)
    engine(wanted), plain(wanted)
    timed = in_turn({"plain": lambda: microseconds(lambda: plain(wanted)), "engine": lambda: microseconds(lambda: engine(wanted))})
    ratio = timed.ratio("plain", "engine")
    keep(
        timed.microseconds["engine"],
        ratio=ratio.median,
        quartiles=(ratio.low, ratio.high),
        microseconds={side: timed.of(side).median for side in ("plain", "engine")},
    )
    print(f"\n{name}, dropout {rate}: {ratio} times as fast as a plain loop")
