"""A run's numbers do not depend on its pack: alone, in a pack of any size and order, beside a member that diverges."""

from __future__ import annotations

import itertools

import pytest
import torch

from bench.cells import CATALOGS
from bench.train import dropout
from bench.train.checkpoints import Checkpoints
from bench.train.compiler import Programs
from bench.train.lanes import resident, stacked
from bench.train.layers import ACTIVATIONS
from tests.train.runs import DIGITS, prepared, run_of, sine_run

LR = {"sgd": 0.1, "adam": 0.01, "adamw": 0.01, "rmsprop": 0.001, "rprop": 0.001}
OPTIMIZERS = sorted(set(CATALOGS["optimizer"].names()) - {"torch"})
NAMES = {"ReLU": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "SiLU": "silu", "GELU": "gelu", "Softplus": "softplus", "ELU": "elu", "LeakyReLU": "leaky_relu"}


def trained(*runs):
    """The history and the final weights of each run, trained in one pack."""
    members = [prepared(run) for run in runs]
    return [
        (how, weights(member))
        for how, member in zip(
            stacked.train(members, stacked.agreement(runs[0].cell, members[0].spec), lambda *_: None, Programs(), Checkpoints()), members, strict=True
        )
    ]


def weights(member):
    return torch.cat([parameter.detach().flatten() for parameter in member.model.parameters()])


def same(one, other):
    return one[0].history == other[0].history and one[0].diverged_at == other[0].diverged_at and torch.equal(one[1], other[1])


def mixed(seed):
    """Members that differ in all that may differ: seed, learning rate, decay, momentum, drop rate, initial scale, labels."""
    optimizer = {"name": "sgd", "lr": 0.05 * (1 + seed % 3), "momentum": 0.1 * (seed % 4), "weight_decay": 1e-3 * (seed % 2)}
    dataset = {**DIGITS, "label_noise": 0.1 * (seed % 3)}
    initializer = {"name": "xavier_normal", "multiplier": 1.0 + seed % 2}
    return run_of(seed, dropout=0.1 + 0.2 * (seed % 3), optimizer=optimizer, dataset=dataset, initializer=initializer, epochs=3)


def test_not_on_its_pack():
    runs = [mixed(seed) for seed in range(32)]
    alone = [trained(run)[0] for run in runs]
    for packs in ([runs], [runs[:2], runs[2:10], runs[10:]], [runs[::-1]]):
        found = {run.seed: how for each in packs for run, how in zip(each, trained(*each), strict=True)}
        assert all(same(found[run.seed], how) for run, how in zip(runs, alone, strict=True))
    assert not any(same(one, other) for one, other in itertools.pairwise(alone))


def test_not_on_a_member_that_diverges():
    wild = run_of(1, dropout=0.1, optimizer={"name": "sgd", "lr": 1e30}, epochs=3)
    pack = [mixed(0), wild, mixed(2)]
    found = trained(*pack)
    assert found[1][0].diverged_at is not None
    for number in (0, 2):
        assert same(found[number], trained(pack[number])[0])
        assert found[number][0].diverged_at is None
    assert len(found[1][0].history.steps) < len(found[0][0].history.steps)
    assert same(found[1], trained(wild)[0])


def test_perturbing_one_member_changes_it_alone():
    before = trained(mixed(0), mixed(1), mixed(2))
    after = trained(mixed(0), mixed(4), mixed(2))
    assert [same(one, other) for one, other in zip(before, after, strict=True)] == [True, False, True]


@pytest.mark.parametrize("ignored", ["step", "site"])
def test_masks_that_ignore_step_or_site_show(monkeypatch, ignored):
    run = run_of(0, dropout=0.5, model={"name": "fnn", "width": 8, "depth": 2})
    before = trained(run)[0]
    if ignored == "step":
        original = dropout.step_keys
        monkeypatch.setattr(dropout, "step_keys", lambda key, step: original(key, 0 * step))
    else:
        monkeypatch.setattr(dropout.CounterDropout, "key", lambda self, call: dropout.seeding.key(0, "dropout/1", call))
    assert not same(before, trained(run)[0])


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_lanes_mean_the_same(optimizer, activation):
    """The hand-written backward pass against autograd: depth, dropout, batches and the mask vary with the case."""
    case = OPTIMIZERS.index(optimizer) + list(ACTIVATIONS).index(activation)
    model = {"name": "fnn", "width": 8, "depth": 1 + case % 3, "activation": NAMES[activation.__name__], "bias": case % 4 != 3}
    given = {
        "model": model,
        "optimizer": {"name": optimizer, "lr": LR[optimizer]},
        "dropout": (0.0, 0.3)[case % 2],
        "mask": ("per_sample", "shared")[case % 3 == 0],
    }
    run = run_of(3, **given, batch_size=(16, "full")[case % 5 == 0], steps=40) if case % 2 else sine_run(3, **given, steps=40)
    (how, found), member = trained(run)[0], prepared(run)
    expected = resident.train(member, lambda *_: None, Checkpoints())
    assert found == pytest.approx(weights(member).numpy(), rel=1e-4, abs=1e-5)
    assert how.history.values["train_loss"] == pytest.approx(expected.history.values["train_loss"], rel=1e-4)


def test_who_fits_together():
    def fit(**given):
        run = run_of(**given)
        return stacked.agreement(run.cell, prepared(run).spec)

    base = fit(dropout=0.1)
    assert base is not None
    for alike in (
        {"dropout": 0.3},
        {"dropout": 0.1, "seed": 9},
        {"dropout": 0.1, "optimizer": {"name": "sgd", "lr": 0.7, "momentum": 0.3}},
        {"dropout": 0.1, "initializer": "lecun_normal"},
    ):
        assert fit(**alike) == base
        assert hash(fit(**alike)) == hash(base)
    others = (
        {},
        {"mask": "shared"},
        {"optimizer": "adam"},
        {"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.5, "nesterov": True}},
        {"batch_size": 32},
        {"epochs": 3},
        {"schedule": "cosine"},
        {"objective": "squared"},
        {"model": {"name": "fnn", "width": 9}},
        {"dataset": {**DIGITS, "train": 48}},
    )
    for other in others:
        assert fit(**{"dropout": 0.1, **other} if other else {}) != base
    for alone in (
        {"model": {"name": "cnn", "width": 2}},
        {"augmentation": ["flip"]},
        {"precision": "bf16"},
        {"optimizer": {"name": "torch", "algorithm": "SGD", "arguments": {"lr": 0.1}}},
    ):
        assert fit(**alone) is None


def test_large_members_are_trained_one_at_a_time():
    cell = run_of(model={"name": "fnn", "width": 1000, "depth": 2}).cell
    fit = stacked.agreement(cell, prepared(run_of()).spec)
    assert fit is not None
    assert fit.members == 1
    small = stacked.agreement(run_of().cell, prepared(run_of()).spec)
    assert small is not None
    assert small.members == 32


def test_an_objective_without_losses_of_samples_is_left_to_the_resident_lane(monkeypatch):
    run = run_of(objective="squared")
    spec = prepared(run).spec
    assert stacked.agreement(run.cell, spec) is not None
    monkeypatch.delattr(type(prepared(run).objective), "per_sample")
    assert stacked.agreement(run.cell, spec) is None
