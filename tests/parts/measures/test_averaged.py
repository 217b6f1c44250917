"""Averaged weights: one of them is the last, a linear network gives the mean of the outputs, and the epochs are those that are named."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from bench.parts.datasets import Data, DataSpec
from bench.parts.measures import View, measures
from bench.parts.measures.averaged import averaged_accuracy, averaged_loss, mean
from bench.parts.objectives.cross_entropy import CrossEntropy
from bench.parts.objectives.squared import Squared
from bench.train.checkpoints import Checkpoints
from bench.train.lanes import resident
from bench.train.snapshots import snapshot_steps
from tests.train.runs import pack_of, part, prepared, run_of, trainer


@pytest.mark.parametrize(
    "run",
    [
        run_of(dropout=0.3, epochs=4),
        run_of(model={"name": "resnet20", "width": 2}, dataset={"name": "digits", "train": 32, "test": 16}, dropout=0.2, steps=3, batch_size="full"),
    ],
    ids=["stacked", "resident, batch norm"],
)
def test_one_of_them_is_the_last(run):
    wanted = [{"name": "averaged_loss", "snapshots": {"last": 1}}, {"name": "averaged_accuracy", "snapshots": {"last": 1, "every": 3}}]
    (result,) = trainer()(pack_of(run, measures=["loss", "accuracy", *wanted]), lambda _: None)
    for name in ("train_loss", "test_loss"):
        assert result.metrics[f"averaged_{name}"] == pytest.approx(result.metrics[name], rel=1e-6)
    for name in ("train_accuracy", "test_accuracy"):
        assert result.metrics[f"averaged_{name}"] == result.metrics[name]


@pytest.mark.parametrize(("last", "every"), [(2, 1), (3, 2), (4, 1), (50, 1)])
def test_they_are_those_of_the_last_epochs(last, every):
    """A run that is as much shorter ends with the weights that the long one had there."""

    def ends(epochs):
        ready = prepared(run_of(dropout=0.3, epochs=epochs))
        ready = replace(
            ready, snapshots=snapshot_steps([part("measure", {"name": "averaged_loss", "snapshots": {"last": last, "every": every}})], 4 * epochs, 4)
        )
        return ready.model, resident.train(ready, lambda *_: None, Checkpoints()).snapshots

    epochs = list(range(6, 0, -every))[:last]
    _, snapshots = ends(6)
    assert sorted(snapshots, reverse=True) == [4 * epoch for epoch in epochs]
    shorter = [dict(ends(epoch)[0].named_parameters()) for epoch in epochs]
    for name, tensor in mean(snapshots).items():
        torch.testing.assert_close(tensor, torch.stack([weights[name].detach().double() for weights in shorter]).mean(0).float())


def linear(outputs, targets, objective, task):
    """A linear network on 30 samples of 3 numbers, and five weights that it had."""
    inputs = torch.randn(30, 3, generator=torch.Generator().manual_seed(1))
    model = nn.Linear(3, outputs)
    snapshots = {step: {name: torch.randn(tensor.shape) for name, tensor in model.state_dict().items()} for step in range(5)}
    data = Data(inputs[:20], targets[:20], inputs[20:], targets[20:])
    return View(model.eval().requires_grad_(False), objective, data, DataSpec(task, (3,), outputs, 20, 10), None, 0, 7, snapshots)


def outputs_of(view, inputs):
    return torch.stack([inputs @ weights["weight"].T + weights["bias"] for weights in view.snapshots.values()]).mean(0)


def test_a_linear_network_gives_the_mean_of_its_outputs():
    torch.manual_seed(0)
    view = linear(2, torch.randn(30, 2), Squared(), "regression")
    found = averaged_loss(view).values
    for split in ("train", "test"):
        inputs, targets = getattr(view.data, f"{split}_inputs"), getattr(view.data, f"{split}_targets")
        expected = (outputs_of(view, inputs) - targets).square().sum(1).mean() / 2
        assert found[f"averaged_{split}_loss"] == pytest.approx(float(expected), rel=1e-5)


def test_and_their_share_of_right_classes():
    torch.manual_seed(0)
    view = linear(4, torch.randint(4, (30,)), CrossEntropy(), "classification")
    found = averaged_accuracy(view).values
    for split in ("train", "test"):
        inputs, targets = getattr(view.data, f"{split}_inputs"), getattr(view.data, f"{split}_targets")
        assert found[f"averaged_{split}_accuracy"] == float((outputs_of(view, inputs).argmax(1) == targets).double().mean())


def test_counts_are_not_averaged():
    snapshots = {step: {"weight": torch.tensor([step / 2]), "num_batches_tracked": torch.tensor(step)} for step in (2, 6, 4)}
    found = mean(snapshots)
    assert (found["weight"].item(), found["num_batches_tracked"].item()) == (2.0, 6)


@pytest.mark.parametrize("snapshots", [{"every": 3}, {"last": 0}, {"last": 3, "often": 2}, [1, 2], {"log": 3}])
def test_what_names_no_epochs_is_refused(snapshots):
    for name in ("averaged_loss", "averaged_accuracy"):
        assert measures[name].check({"snapshots": snapshots})[1]
