"""Batches computed in pieces: the same gradients as the whole batch, whatever the loss, the masks and the last, shorter piece."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.config import Run
from bench.parts.datasets import Data
from bench.train.checkpoints import Checkpoints
from bench.train.dropout import CounterDropout
from bench.train.lanes import resident, stacked
from tests.oracles import plain_loop
from tests.train.runs import DIGITS, TRANSFORMER, numbers, pack_of, prepared, run_of, sine_run, trainer

WORDS = {"name": "number_words", "train": 20, "test": 5, "below": 1000}
FULL = {"batch_size": "full", "steps": 3, "optimizer": {"name": "sgd", "lr": 1.0}}
CASES = {
    "cross entropy": run_of(dropout=0.4, **FULL),
    "smoothed, mini-batches": run_of(**{**FULL, "batch_size": 50}, objective={"name": "cross_entropy", "smoothing": 0.1}, dropout=0.4),
    "squared, classes, shared masks": run_of(objective="squared", dropout=0.3, mask="shared", **{**FULL, "optimizer": {"name": "sgd", "lr": 0.1}}),
    "squared, values": sine_run(dataset={"name": "functions", "target": "sin", "train": 20}, dropout=0.2, **FULL),
    "clean network": run_of(objective={"name": "cross_entropy", "network": "clean"}, dropout=0.5, **FULL),
    "convolutions": run_of(model={"name": "vgg9", "width": 4, "drop_after": "pool"}, dropout=0.2, **{**FULL, "optimizer": {"name": "sgd", "lr": 0.1}}),
    "augmentation": run_of(augmentation=[{"name": "crop", "padding": 1}], dropout=0.2, **FULL),
    "translation": run_of(model=TRANSFORMER, dataset=WORDS, objective={"name": "cross_entropy", "smoothing": 0.1}, dropout=0.2, **FULL),
    "torch": run_of(dropout=0.4, **{**FULL, "optimizer": {"name": "torch", "algorithm": "SGD", "arguments": {"lr": 1.0}}}),
}


def pieces(run, chunk) -> Run:
    """The run, computed in pieces."""
    return Run(replace(run.cell, chunk=chunk), run.seed)


def exact(run):
    """The run in double precision."""
    ready = prepared(run)
    data = Data(*(tensor.double() if tensor.is_floating_point() else tensor for tensor in vars(ready.data).values()))
    return replace(ready, model=ready.model.double(), data=data)


def weights(run):
    """The parameters after each step, and the losses of the steps, (steps, parameters + 1)."""
    ready = exact(run)
    loop, course = resident.Loop(ready), []
    for _ in range(run.cell.steps):
        loss = loop._one()
        loop.step += 1
        course.append(torch.cat([loss.reshape(1), *(parameter.detach().reshape(-1) for parameter in ready.model.parameters())]))
    return torch.stack(course)


def far(run, chunk) -> float:
    """How far the run in pieces is from the whole one; with learning rates of about 1 these are distances of gradients."""
    return float((weights(pieces(run, chunk)) - weights(run)).abs().max())


@pytest.mark.parametrize("chunk", [1, 7, 19])
@pytest.mark.parametrize("run", CASES.values(), ids=CASES.keys())
def test_the_pieces_of_a_batch_add_up_to_it(run, chunk):
    assert far(run, chunk) <= 1e-12


@pytest.mark.parametrize("name", ["cross entropy", "squared, values", "translation"])
def test_a_wrong_weight_shows(name, monkeypatch):
    monkeypatch.setattr(resident, "terms", len)
    assert (far(CASES[name], 7) > 1e-6) == (name == "translation"), "words are not sentences"
    monkeypatch.setattr(resident, "terms", lambda targets: 1)
    assert far(CASES[name], 7) > 1e-3


def test_masks_of_the_first_piece_for_all_show(monkeypatch):
    before = CounterDropout.set_step
    monkeypatch.setattr(CounterDropout, "set_step", lambda self, step, first=0: before(self, step))
    assert far(CASES["cross entropy"], 7) > 1e-3


@pytest.mark.parametrize("mask", ["per_sample", "shared"])
@pytest.mark.parametrize("chunk", [1, 4, 9])
def test_a_piece_has_the_masks_that_it_has_in_the_whole(chunk, mask):
    module = CounterDropout(0.5, 3, "drop", mask).train()
    module.set_step(5)
    whole = [module(torch.ones(9, 4, 3)) for _ in range(2)]
    for first in range(0, 9, chunk):
        module.set_step(5, first)
        for call in whole:
            assert torch.equal(module(torch.ones(9, 4, 3)[first : first + chunk]), call[first : first + chunk])


def test_numbers_of_elements_wrap_as_words_do():
    module = CounterDropout(0.5, 3, "drop", "per_sample").train()
    module.set_step(0)
    start = module(torch.ones(2, 2**10))
    module.set_step(0, 2**22)  # 2^32 elements later
    assert torch.equal(module(torch.ones(2, 2**10)), start)
    module.set_step(0, 2**21)
    assert not torch.equal(module(torch.ones(2, 2**10)), start)


def test_batch_norm_takes_the_statistics_of_each_piece():
    run = run_of(model={"name": "resnet20", "width": 2}, dataset={**DIGITS, "train": 16}, **{**FULL, "steps": 1})
    assert far(run, 5) > 1e-6
    ready = prepared(pieces(run, 5))
    resident.train(ready, lambda *_: None, Checkpoints())
    assert {int(tensor) for name, tensor in ready.model.state_dict().items() if name.endswith("num_batches_tracked")} == {4}


def test_the_engine_trains_it_alone_and_agrees_with_the_plain_loop():
    run = run_of(steps=40, dropout=0.4, optimizer={"name": "adam", "lr": 0.01}, batch_size=50)
    cut = pieces(run, 16)
    assert stacked.agreement(run.cell, prepared(run).spec) is not None
    assert stacked.agreement(cut.cell, prepared(cut).spec) is None
    whole, parts = trainer()(pack_of(run, cut, measures=["loss"]), lambda _: None)
    assert (whole.machine.lane, parts.machine.lane) == ("stacked", "resident")
    ready = prepared(cut)
    resident.train(ready, lambda *_: None, Checkpoints())
    for name, tensor in plain_loop.train(run).model.state_dict().items():
        torch.testing.assert_close(ready.model.state_dict()[name], tensor, rtol=1e-4, atol=1e-6)
    assert numbers(parts)[0] != numbers(whole)[0]
    assert parts.metrics["train_loss"] == pytest.approx(whole.metrics["train_loss"], rel=1e-4)


def test_a_loss_that_is_not_finite_ends_the_run():
    run = run_of(steps=40, optimizer={"name": "sgd", "lr": 1e30}, batch_size="full")
    how = [resident.train(prepared(each), lambda *_: None, Checkpoints()).diverged_at for each in (run, pieces(run, 24))]
    assert how[0] == how[1] is not None
