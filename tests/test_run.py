"""Planning stays linear in the runs: what is dear is done once per form of a cell, counted in calls."""

from __future__ import annotations

import pytest

from bench import run
from bench.cells import CellBuilder
from bench.train.lanes.stacked import agreement
from tests.planning import planned, resolved

GRID = "grid: {dropout: [0.0, 0.1], optimizer.lr: [0.1, 0.2, 0.3], model.width: [4, 8]}"
MANY = f"experiments: {{a: {{{GRID}, seeds: 5}}}}"


def runs_of(text: str):
    return planned(resolved(text)).to_train()


@pytest.fixture
def asked(monkeypatch):
    """The cells of which the agreement was worked out."""
    cells = []

    def counted(cell, spec):
        cells.append(cell)
        return agreement(cell, spec)

    monkeypatch.setattr(run, "agreement", counted)
    return cells


def test_agreements_are_worked_out_once_per_form(asked):
    runs = runs_of(MANY)
    packs = run.packs_of(runs, ["cpu"])
    assert len(runs) == 60
    assert len(asked) == 4  # drop rates and widths; neither learning rates nor seeds
    assert sum(len(pack.tasks) for pack in packs) == 60


@pytest.mark.parametrize(
    "text",
    [
        MANY,
        "experiments: {a: {grid: {optimizer: [{name: sgd, lr: 0.1}, {name: sgd, lr: 0.1, nesterov: true, momentum: 0.9}, {name: adam, lr: 0.1}]}, seeds: 3}}",
        "experiments: {a: {grid: {batch_size: [16, 32, full], epochs: [1, 2], schedule: [constant, cosine]}}, b: {model: resnet18, batch_size: 8}}",
    ],
)
def test_packs_are_those_of_each_cells_own_agreement(text):
    runs = runs_of(text)
    builder = CellBuilder()
    fits = [agreement(each.run.cell, builder.data(each.run.cell.dataset)) for each in runs]
    expected = run.pack([each.task for each in runs], fits, 2)
    assert [each.tasks for each in run.packs_of(runs, ["cpu"] * 2)] == [each.tasks for each in expected]


def test_a_gpu_is_asked_how_many_members_pay(monkeypatch, tmp_path):
    asked = []

    class Fake:
        def __init__(self, device, data, cache):
            asked.append((device, cache.name))

        def __call__(self, fit, member):
            asked.append(member)
            return 2

    monkeypatch.setattr(run, "Probes", Fake)
    runs = runs_of("experiments: {a: {grid: {dropout: [0.0, 0.1]}, seeds: 5}}")
    sizes = [len(each.tasks) for each in run.packs_of(runs, ["cuda:0"])]
    assert max(sizes) == 2
    assert sum(sizes) == len(runs)
    assert asked[0] == ("cuda:0", "packs")
    assert asked[1] == runs[0].run
    assert max(len(each.tasks) for each in run.packs_of(runs, ["cuda:0"], size=3)) == 3
