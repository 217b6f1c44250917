"""Translation through the engine: what no test of images and values would notice."""

from __future__ import annotations

import torch

from bench.parts.datasets import IGNORED
from bench.train.checkpoints import Checkpoints
from bench.train.course import order
from bench.train.lanes import resident
from tests.train.runs import TRANSFORMER, prepared, run_of

WORDS = {"name": "number_words", "train": 60, "test": 20, "below": 100}


def trained(**given):
    """A trained run, and how training went."""
    ready = prepared(run_of(**{"model": TRANSFORMER, "dataset": WORDS, "optimizer": {"name": "adam", "lr": 0.01}, "batch_size": 20, **given}))
    return ready, resident.train(ready, lambda done, loss: None, Checkpoints())


def test_it_learns_to_count_beyond_what_it_has_seen():
    _, how = trained(epochs=60, model={**TRANSFORMER, "d_model": 16, "d_ff": 32, "d_head": 8})
    values = how.history.values
    assert values["test_accuracy"][0] < 0.2
    assert values["test_accuracy"][-1] > 0.9


def test_accuracy_is_the_share_of_words_foretold():
    ready, how = trained(epochs=3)
    for split, inputs, targets in (("train", ready.data.train_inputs, ready.data.train_targets), ("test", ready.data.test_inputs, ready.data.test_targets)):
        with torch.no_grad():
            best = ready.model.eval()(inputs).argmax(-1)
        right = [int(word == target) for word, target in zip(best.flatten(), targets.flatten(), strict=True) if target != IGNORED]
        assert how.history.values[f"{split}_accuracy"][-1] == sum(right) / len(right)


def test_a_penalty_counts_although_inputs_are_no_values():
    sgd = {"name": "sgd", "lr": 0.5}
    plain, penalized = (trained(epochs=2, optimizer=sgd, penalties=terms)[0].model.state_dict() for terms in ((), ["r2"]))
    assert any((plain[name] - penalized[name]).abs().max() > 1e-4 for name in plain)


def test_the_rate_rises_with_steps_of_mini_batches():
    """Three steps an epoch: after one epoch of plain descent the weights are where rates 1, 2 and 3 times w^-1.5 take them."""
    noam = {"name": "noam", "d_model": 1, "warmup": 100}
    rising = trained(epochs=1, optimizer={"name": "sgd", "lr": 1000.0}, schedule=noam)[0].model.state_dict()
    ready = prepared(run_of(model=TRANSFORMER, dataset=WORDS, optimizer={"name": "sgd", "lr": 1.0}, batch_size=20, epochs=1))
    for step, index in zip(range(3), order(ready), strict=False):
        loss = ready.objective(ready.model(ready.data.train_inputs[index]), ready.data.train_targets[index])
        for parameter, slope in zip(ready.model.parameters(), torch.autograd.grad(loss, list(ready.model.parameters())), strict=True):
            parameter.data -= (step + 1) * slope
    for name, tensor in ready.model.state_dict().items():
        torch.testing.assert_close(rising[name], tensor, rtol=1e-4, atol=1e-5)
