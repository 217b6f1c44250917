"""A run's numbers do not depend on its pack: alone, in a pack of any size and order, beside a member that diverges."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import sys

import pytest
import torch

from bench.cells import CATALOGS
from bench.config import Run, Stop
from bench.executors import Finished
from bench.executors.processes import Processes
from bench.train import compiler, dropout
from bench.train.checkpoints import Checkpoints
from bench.train.compiler import Programs
from bench.train.lanes import resident, stacked
from bench.train.layers import ACTIVATIONS
from bench.train.trainer import Trainer
from tests.train.runs import DIGITS, numbers, pack_of, prepared, run_of, sine_run, trainer

LR = {"sgd": 0.1, "adam": 0.01, "adamw": 0.01, "rmsprop": 0.001, "rprop": 0.001}
OPTIMIZERS = sorted(set(CATALOGS["optimizer"].names()) - {"torch"})
NAMES = {"ReLU": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "SiLU": "silu", "GELU": "gelu", "Softplus": "softplus", "ELU": "elu", "LeakyReLU": "leaky_relu"}


PROGRAMS = Programs()


def trained(*runs, checkpoints=None, report=lambda *_: None):
    """The history and the final weights of each run, trained in one pack."""
    members = [prepared(run) for run in runs]
    fit = stacked.agreement(runs[0].cell, members[0].spec)
    hows = stacked.train(members, fit, report, PROGRAMS, checkpoints or Checkpoints())
    return [(how, weights(member)) for how, member in zip(hows, members, strict=True)]


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


def few_samples(seed, **given):
    """Full batches of other numbers of samples, and other rates."""
    dataset = {"name": "functions", "target": "sin", "train": 5 + seed % 4}
    return sine_run(seed, dataset=dataset, dropout=0.1 + 0.1 * (seed % 3), optimizer={"name": "adam", "lr": 0.01 * (1 + seed % 2)}, **{"steps": 60, **given})


def test_not_on_how_many_samples_the_others_have():
    runs = [few_samples(seed) for seed in range(8)]
    together = trained(*runs)
    assert {prepared(run).spec.train for run in runs} == {5, 6, 7, 8}
    assert all(same(how, trained(run)[0]) for run, how in zip(runs, together, strict=True))
    assert all(same(how, other) for how, other in zip(together[::-1], trained(*runs[::-1]), strict=True))


def penalized(seed, **given):
    """Members that differ in the coefficients of two penalties, of which one differentiates twice, and go through two turns."""
    terms = [{"name": "r1", "coefficient": 0.5 + 0.1 * (seed % 3)}, {"name": "r2", "coefficient": (-1.0) ** seed}]
    clean = {"name": "squared", "network": "clean"}
    phases = [{"until": 21, "objective": clean, "optimizer_state": "fresh"}, {"until": 40, "objective": clean, "penalties": terms[:1]}]
    lengths = {"name": "functions", "target": "sin", "train": 5 + seed % 4}
    rate, lr = 0.1 + 0.1 * (seed % 3), 0.01 * (1 + seed % 2)
    return sine_run(
        seed, dataset=lengths, dropout=rate, penalties=terms, phases=phases, optimizer={"name": "sgd", "lr": lr, "weight_decay": 0.01}, **{"steps": 60, **given}
    )


def test_not_with_penalties_and_phases():
    runs = [penalized(seed) for seed in range(8)]
    alone = [trained(run)[0] for run in runs]
    assert len({stacked.agreement(run.cell, prepared(run).spec) for run in runs}) == 1
    for packs in ([runs], [runs[:3], runs[3:]], [runs[::-1]]):
        found = {run.seed: how for each in packs for run, how in zip(each, trained(*each), strict=True)}
        assert all(same(found[run.seed], how) for run, how in zip(runs, alone, strict=True))
    perturbed = trained(*runs[:2], penalized(10), *runs[3:])
    assert [same(one, other) for one, other in zip(alone, perturbed, strict=True)] == [number != 2 for number in range(8)]


def adam_run(state, until=30):
    clean = {"name": "squared", "network": "clean"}
    return sine_run(steps=60, dropout=0.2, optimizer={"name": "adam", "lr": 0.01}, phases=[{"until": until, "objective": clean, "optimizer_state": state}])


def test_a_phase_ends_where_it_says_and_keeps_the_optimizer_or_not():
    plain = trained(sine_run(steps=60, dropout=0.2, optimizer={"name": "adam", "lr": 0.01}, objective={"name": "squared", "network": "clean"}))[0]
    found = {state: trained(adam_run(state))[0] for state in ("keep", "fresh")}
    losses = {state: how[0].history.values["train_loss"] for state, how in found.items()}
    steps = found["keep"][0].history.steps
    here = steps.index(30) + 1
    assert losses["keep"][:here] == losses["fresh"][:here] == plain[0].history.values["train_loss"][:here]
    assert losses["keep"][here] != losses["fresh"][here]
    assert losses["keep"][here] != plain[0].history.values["train_loss"][here]
    assert not same(found["keep"], trained(adam_run("keep", until=29))[0])


def with_stop(run, below):
    return Run(dataclasses.replace(run.cell, stop=Stop("train_loss", below)), run.seed)


def test_those_that_stop_leave_and_change_nothing():
    """Seven of eight stop on the way, so that the stack closes up more than once."""
    plain = [few_samples(seed, steps=300) for seed in range(8)]
    full = [trained(run)[0] for run in plain]
    losses = [how.history.values["train_loss"] for how, _ in full]
    # Each bound is one that the run passes after a tenth, two tenths, … of its evaluations.
    bounds = [min(losses[seed][: 1 + (seed + 1) * len(losses[seed]) // 10]) * (1 + 1e-9) for seed in range(7)]
    runs = [*(with_stop(run, bound) for run, bound in zip(plain, bounds, strict=False)), plain[7]]
    together = trained(*runs)
    assert all(same(how, trained(run)[0]) for run, how in zip(runs, together, strict=True))
    assert same(together[7], full[7])
    steps = [how.steps for how, _ in together]
    assert steps[7] == 300
    assert all(step < 300 for step in steps[:7])
    assert len(set(steps)) > 4
    for (how, _), loss, bound in zip(together, losses, bounds, strict=False):
        assert how.diverged_at is None
        assert how.history.values["train_loss"] == loss[: len(how.history.steps)]
        assert how.history.values["train_loss"][-1] < bound <= min(how.history.values["train_loss"][:-1])


class Killed(BaseException):
    """Stands for a worker that is killed."""


def interrupted_after(reports):
    """A report that interrupts training when it is called once too often."""
    counter = itertools.count(1)

    def report(*_):
        if next(counter) > reports:
            raise Killed

    return report


@pytest.mark.parametrize("reports", [1, 7, 20, 33])
def test_not_on_a_stop_and_a_resume(tmp_path, monkeypatch, reports):
    runs = [few_samples(seed) for seed in range(5)] if reports % 2 else [mixed(seed) for seed in range(20)]
    expected = trained(*runs)
    monkeypatch.setattr(sys.modules[__name__], "prepared", functools.partial(named_by, prepared))
    with pytest.raises(Killed):
        trained(*runs, checkpoints=Checkpoints(tmp_path, every=0), report=interrupted_after(reports))
    kept = sorted({path.stem for path in tmp_path.iterdir()}) if tmp_path.exists() else []
    started: list[float] = []
    again = trained(*runs, checkpoints=Checkpoints(tmp_path, every=1e9), report=lambda _, done, __: started.append(done))
    assert all(same(how, other) for how, other in zip(again, expected, strict=True))
    assert len(kept) == (len(runs) if reports >= len(runs) else 0)
    first = expected[0][0].history.steps[1] / expected[0][0].history.steps[-1]
    assert (min(started) > first) == bool(kept), "it did not go on from where it was"
    # Those that were saved go on; the others start anew, in a stack of their own.
    for path in (path for run in kept[::2] for path in tmp_path.glob(f"{run}.*")):
        path.unlink()
    assert all(same(how, other) for how, other in zip(trained(*runs, checkpoints=Checkpoints(tmp_path, every=1e9)), expected, strict=True))


def named_by(prepare, run):
    return dataclasses.replace(prepare(run), checkpoint=run.run_id)


@pytest.mark.parametrize("lane", ["stacked", "resident"])
@pytest.mark.parametrize("state", ["keep", "fresh"])
@pytest.mark.parametrize("reports", [29, 30, 31])
def test_not_on_a_stop_at_a_turn(tmp_path, reports, state, lane):
    """Interrupted before, at and after the step at which a phase ends."""
    run = adam_run(state)

    def through(checkpoints, report=lambda *_: None):
        member = named_by(prepared, run)
        fit = stacked.agreement(run.cell, member.spec)
        how = resident.train(member, report, checkpoints) if lane == "resident" else stacked.train([member], fit, report, PROGRAMS, checkpoints)[0]
        return how, weights(member)

    expected = through(Checkpoints())
    assert set(range(1, 41)) <= set(expected[0].history.steps), "a look at every step"
    with pytest.raises(Killed):
        through(Checkpoints(tmp_path, every=0), interrupted_after(reports))
    assert len({path.stem for path in tmp_path.iterdir()}) == 1
    assert same(through(Checkpoints(tmp_path, every=1e9)), expected)


@pytest.mark.parametrize("optimizer", [{"name": "adam", "lr": 0.01}, {"name": "torch", "algorithm": "SGD", "arguments": {"lr": 0.1, "momentum": 0.9}}])
def test_the_resident_lane_goes_on_from_a_checkpoint(tmp_path, optimizer):
    run = run_of(3, model={"name": "resnet20", "width": 2}, dropout=0.2, augmentation=["crop", "flip"], optimizer=optimizer, epochs=4)
    one, other = (named_by(prepared, run) for _ in range(2))
    expected = resident.train(one, lambda *_: None, Checkpoints())
    with pytest.raises(Killed):
        resident.train(named_by(prepared, run), interrupted_after(2), Checkpoints(tmp_path, every=0))
    assert list(tmp_path.iterdir())
    found = resident.train(other, lambda *_: None, Checkpoints(tmp_path, every=1e9))
    assert same((found, weights(other)), (expected, weights(one)))
    assert all(torch.equal(tensor, other.model.state_dict()[name]) for name, tensor in one.model.state_dict().items())


def test_not_on_the_process(tmp_path):
    """Two workers, each with half of the runs, and one process with all of them."""
    runs = [mixed(seed) for seed in range(6)]
    make = functools.partial(Trainer, folder=tmp_path, processor="a processor")
    whole = {result.run_id: numbers(result) for result in trainer()(pack_of(*runs), lambda _: None)}
    halves = [dataclasses.replace(pack_of(*half), name=str(number)) for number, half in enumerate((runs[::2], runs[1::2]))]
    events = [event for event in Processes(["cpu", "cpu"]).run(halves, make) if isinstance(event, Finished)]
    assert {event.worker for event in events} == {0, 1}
    assert {result.run_id: numbers(result) for event in events for result in event.results} == whole


compiled = pytest.mark.skipif(not compiler.available(), reason="no C++ compiler")


@compiled
@pytest.mark.parametrize(
    "runs",
    [
        [few_samples(seed) for seed in range(5)],
        [mixed(seed) for seed in range(5)],
        [Run(adam_run("fresh").cell, seed) for seed in range(5)],
        [few_samples(seed, penalties=[{"name": "r1", "coefficient": 0.1 * (1 + seed)}]) for seed in range(5)],
    ],
    ids=["full", "mini-batches", "phases", "penalty"],
)
def test_what_is_compiled_does_not_depend_on_its_pack(monkeypatch, runs):
    eager = trained(*runs)
    monkeypatch.setattr(compiler, "COMPILED_STEPS", 1)
    together = trained(*runs)
    assert all(same(how, trained(run)[0]) for run, how in zip(runs, together, strict=True))
    assert all(same(how, other) for how, other in zip(together, [*trained(*runs[:2]), *trained(*runs[2:])], strict=True))
    assert not any(same(how, other) for how, other in zip(together, eager, strict=True)), "nothing was compiled"
    for (_, found), (_, expected) in zip(together, eager, strict=True):
        assert found == pytest.approx(expected.numpy(), rel=1e-3, abs=1e-5)


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
