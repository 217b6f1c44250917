"""Table 1.1 of the dropout lecture: its rows as the suite has them at paper scale, on real data where BENCH_DATA holds them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench import suite as suites
from bench.config import Cell, PartSpec, Run
from bench.datafiles import missing
from bench.overrides import Overrides
from bench.resolve import Choice, resolve
from bench.train.lanes import resident
from bench.train.setup import DataStore, dataset_of, prepare
from tests.train.runs import CPU

FOLDER = Path(os.environ.get("BENCH_DATA", "nowhere"))
SUITE = suites.load(Path(__file__).parents[2] / "suites" / "dropout.yaml")
(TABLE,) = resolve(SUITE, "paper", Overrides({}), Choice(experiments=["fig-1.9"]))
ROWS = ("fnn", "vgg9", "resnet20", "transformer")


def cell_of(model, dropped=True) -> Cell:
    """A row's cell, with dropout or without."""
    (cell,) = [found.cell for found in TABLE.cells if found.cell.model.name == model and (found.cell.dropout.rate != 0) == dropped]
    return cell


def test_each_row_is_trained_with_and_without_dropout_and_otherwise_alike():
    assert len(TABLE.cells) == 2 * len(ROWS)
    for row in ROWS:
        assert replace(cell_of(row), dropout=cell_of(row, dropped=False).dropout) == cell_of(row, dropped=False)
    assert [cell_of(row).dropout.rate for row in ROWS] == [(0.2, 0.5), 0.2, 0.2, 0.1]
    assert [cell_of(row).batch_size for row in ROWS] == [128, "full", "full", "full"]


@pytest.mark.data
@pytest.mark.parametrize("model", ROWS)
def test_a_row_starts_and_trains_on_real_data(model):
    """Two steps on the first samples, in pieces where the row has pieces: model, loss, optimizer, schedule and dropout are the row's."""
    cell = cell_of(model)
    dataset = PartSpec(cell.dataset.name, {**cell.dataset.parameters, "train": 40})
    if missing(dataset_of(cell).files(), FOLDER):
        pytest.skip("its files are not in BENCH_DATA")
    torch.set_num_threads(1)
    whole = prepare(Run(cell, 0), DataStore(FOLDER, CPU), CPU)
    assert whole.length.full_batch == (cell.chunk is not None)
    few = replace(cell, dataset=dataset, batch_size="full", chunk=cell.chunk and 16)
    ready = prepare(Run(few, 0), DataStore(FOLDER, CPU), CPU)
    before = [parameter.detach().clone() for parameter in ready.model.parameters()]
    loop = resident.Loop(ready)
    loop.advance(2)
    assert loop.step == 2
    assert loop.diverged_at is None
    assert all(not torch.equal(parameter, old) for parameter, old in zip(ready.model.parameters(), before, strict=True))
