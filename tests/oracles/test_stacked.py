"""The stacked lane agrees with the plain loop over 300 steps: in double precision, in single precision, and compiled.

The distance is that of the final weights: for each parameter tensor the norm of the difference over that of the oracle's,
and of these the largest over the tensors of both members. The oracle has the precision of what is compared: single
precision is some 1e-5 from double by itself, for instance by the rounding of AdamW's 1 - lr * weight_decay.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from bench import seeding
from bench.cells import CATALOGS
from bench.config import Run
from bench.parts.models import fnn
from bench.parts.optimizers import adam
from bench.train import compiler, course, dropout, samples
from bench.train.compiler import Programs
from bench.train.lanes import stacked
from bench.train.layers import ACTIVATIONS
from bench.train.stack import Stack
from tests.oracles import plain_loop
from tests.train.runs import prepared, run_of

STEPS = 300
ALL = [name for kind in ACTIVATIONS for name, other in fnn.ACTIVATIONS.items() if other is kind]
SMOOTH = [name for name in ALL if name not in {"relu", "leaky_relu", "elu"}]
# For each optimizer: its name, what members must agree on, and the numbers of two members. Rates and memories are such
# that training is stable: where it is not, as with Adam at beta2 0.95, the oracle is 1e-6 from itself after a change of 1e-15.
OPTIMIZERS = {
    "sgd": ("sgd", {}, {"lr": 0.1}, {"lr": 0.03, "momentum": 0.8, "weight_decay": 0.01}),
    "nesterov": ("sgd", {"nesterov": True}, {"lr": 0.005, "momentum": 0.9}, {"lr": 0.02, "momentum": 0.5, "weight_decay": 0.01}),
    "adam": ("adam", {}, {"lr": 0.001}, {"lr": 0.002, "beta1": 0.8, "beta2": 0.99, "eps": 1e-4, "weight_decay": 0.02}),
    "adamw": ("adamw", {}, {"lr": 0.001}, {"lr": 0.002, "beta1": 0.7, "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.1}),
    "rmsprop": ("rmsprop", {}, {"lr": 0.0005}, {"lr": 0.0003, "alpha": 0.9, "eps": 1e-3, "momentum": 0.7, "weight_decay": 0.05}),
    "rprop": ("rprop", {}, {"lr": 1e-4, "step_max": 5e-4}, {"lr": 2e-4, "eta_minus": 0.4, "eta_plus": 1.3, "step_min": 1e-5, "step_max": 3e-4}),
}
DIGITS, SINE = {"name": "digits", "test": 8}, {"name": "functions", "target": "sin"}
# The last batches are smaller, and the full batches padded: to 8 rows and to 16.
DATA = {
    "points": ({"objective": "squared", "batch_size": "full"}, {**SINE, "train": 7}, {**SINE, "train": 5}),
    "batches of points": ({"objective": "squared", "batch_size": 3}, {**SINE, "train": 7}, {**SINE, "train": 7}),
    "classes": ({"objective": "cross_entropy", "batch_size": "full"}, {**DIGITS, "train": 11}, {**DIGITS, "train": 13}),
    "batches of classes": ({"objective": "cross_entropy", "batch_size": 8}, {**DIGITS, "train": 22}, {**DIGITS, "train": 22, "label_noise": 0.3}),
    "batches of codes": ({"objective": "squared", "batch_size": 8}, {**DIGITS, "train": 22}, {**DIGITS, "train": 22, "label_noise": 0.3}),
}
DROPOUT = {
    "none": ("per_sample", "dropped", 0.0, 0.0),
    "per sample": ("per_sample", "dropped", 0.2, 0.5),
    "shared": ("shared", "dropped", 0.4, 0.1),
    "clean": ("per_sample", "clean", 0.2, 0.5),
}
DEPTHS = (1, 2, 3)
BIASES = {"both": {}, "output": {"bias": False}, "hidden": {"output_bias": False}, "none": {"bias": False, "output_bias": False}}
SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class Case:
    """What the members of a stack have in common, by the names above."""

    optimizer: str
    activation: str
    data: str = "batches of classes"
    dropout: str = "per sample"
    depth: int = 2
    biases: str = "both"
    schedule: str = "constant"

    def __str__(self) -> str:
        return ", ".join(str(level) for level in vars(self).values())

    def runs(self, steps=STEPS):
        """Two runs that differ in their seed, drop rate, data, and the optimizer's numbers."""
        name, form, *numbers = OPTIMIZERS[self.optimizer]
        common, *datasets = DATA[self.data]
        mask, network, *rates = DROPOUT[self.dropout]
        model = {"name": "fnn", "width": 6, "depth": self.depth, "activation": self.activation, **BIASES[self.biases]}
        given = {
            **common,
            "objective": {"name": common["objective"], "network": network},
            "model": model,
            "schedule": self.schedule,
            "mask": mask,
            "steps": steps,
        }
        return [
            run_of(seed, **given, dataset=dataset, dropout=rate, optimizer={"name": name, **form, **own})
            for seed, (dataset, rate, own) in enumerate(zip(datasets, rates, numbers, strict=True), 3)
        ]


def covering(cases, *factors):
    """Each case with a level of each factor, chosen in turn so that levels come together that have not yet, or seldom."""
    met, found = Counter(), []
    for case in cases:
        row = list(enumerate(case))
        for levels in factors:
            row.append(max(((len(row), level) for level in levels), key=lambda one, row=row: (sum(1 / (1 + met[other, one]) for other in row), -met[one])))
        met.update([*row, *itertools.combinations(row, 2)])
        found.append(Case(*(level for _, level in row)))
    return found


def diagonals(first, second):
    """All pairs, one diagonal of their table after the other, so that the levels of both alternate."""
    return [(one, second[(place - shift) % len(second)]) for shift in range(len(second)) for place, one in enumerate(first)]


FACTORS = (DATA, DROPOUT, DEPTHS, BIASES, SCHEDULES)
CASES = covering(diagonals(OPTIMIZERS, ALL), *FACTORS)
SINGLE = covering(diagonals(OPTIMIZERS, SMOOTH)[: 3 * len(OPTIMIZERS)], *FACTORS)
TWO_EACH = (("points", "batches of classes"), ("per sample", "shared"), (1, 2), ("both", "none"))
COMPILED = covering(zip(OPTIMIZERS, ("relu", "tanh", "sigmoid", "silu", "gelu", "softplus"), strict=True), *TWO_EACH)


def taken_to(dtype, member):
    """A member with its weights and data in a precision."""
    data = replace(member.data, **{name: tensor.to(dtype) for name, tensor in vars(member.data).items() if tensor.is_floating_point()})
    return replace(member, model=member.model.to(dtype), data=data)


def trained(runs, dtype, backend="eager", programs=None):
    """The models of runs that were trained in one stack."""
    members = [taken_to(dtype, prepared(run)) for run in runs]
    fit, other = (stacked.agreement(member.run.cell, member.spec) for member in members)
    assert fit == other
    stack = Stack(members, fit.layers, fit.rows, backend, programs or Programs(), fit)
    stack.advance(fit.total_steps)
    assert stack.ended == [None, None]
    for number in range(len(members)):
        stack.unload(number)
    return [member.model for member in members]


def far(models, runs, dtype):
    """The largest relative distance of a parameter tensor from the oracle's."""
    expected = [plain_loop.train(run, dtype).model for run in runs]
    pairs = [pair for mine, other in zip(models, expected, strict=True) for pair in zip(mine.parameters(), other.parameters(), strict=True)]
    assert all(mine.dtype == other.dtype == dtype for mine, other in pairs)
    with torch.no_grad():
        return max(float((mine.double() - other.double()).norm() / other.double().norm()) for mine, other in pairs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_agrees_in_double_precision(case):
    runs = case.runs()
    assert far(trained(runs, torch.float64), runs, torch.float64) <= 1e-9


@pytest.mark.parametrize("case", SINGLE, ids=str)
def test_agrees_in_single_precision(case):
    runs = case.runs()
    assert far(trained(runs, torch.float32), runs, torch.float32) <= 1e-5


R1, R2, BOTH = ["r1"], ["r2"], [{"name": "r2", "coefficient": -1.0}, "r1"]
CLEAN = {"name": "squared", "network": "clean"}
# The lecture's losses, and others: objective, penalties, depth, drop rate, masks, data.
PENALIZED = {
    "L1 = R_S + R1": (CLEAN, R1, 1, 0.3, "per_sample", "points"),
    "L2 = R_S + R2": (CLEAN, R2, 1, 0.3, "per_sample", "points"),
    "L3 = R_S^drop - R2": ("squared", [{"name": "r2", "coefficient": -1.0}], 1, 0.3, "shared", "points"),
    "L4 = R_S^drop - R1": ("squared", [{"name": "r1", "coefficient": -1.0}], 1, 0.3, "per_sample", "batches of codes"),
    "R1 of a deep network": (CLEAN, R1, 3, [0.0, 0.0, 0.4], "per_sample", "batches of points"),
    "R2 of a deep network": ("cross_entropy", R2, 2, [0.2, 0.4], "per_sample", "batches of classes"),
    "both": ("squared", BOTH, 2, [0.0, 0.4], "shared", "batches of codes"),
}


def penalized(objective, penalties, depth, rate, mask, data, steps=STEPS):
    """Two runs that differ in their seed, their data, the learning rate and the coefficients."""
    common, *datasets = DATA[data]
    given = {**common, "objective": objective, "mask": mask, "schedule": "cosine", "steps": steps, "dropout": tuple(rate) if isinstance(rate, list) else rate}
    given |= {"model": {"name": "fnn", "width": 6, "depth": depth, "activation": "tanh"}}
    other = [{**({"name": one} if isinstance(one, str) else one), "coefficient": 0.3} for one in penalties]
    members = zip(datasets, (penalties, other), (0.1, 0.05), strict=True)
    return [run_of(seed, **given, dataset=dataset, penalties=terms, optimizer={"name": "sgd", "lr": lr}) for seed, (dataset, terms, lr) in enumerate(members)]


@pytest.mark.parametrize("case", PENALIZED.values(), ids=PENALIZED)
def test_agrees_with_penalties(case):
    runs = penalized(*case)
    assert far(trained(runs, torch.float64), runs, torch.float64) <= 1e-9


@pytest.mark.parametrize("penalty", ["r1", "r2"])
def test_the_comparison_notices_a_penalty_that_is_left_out(penalty, monkeypatch):
    runs = penalized("squared", [penalty], 1, 0.3, "per_sample", "points", steps=60)
    monkeypatch.setattr(CATALOGS["penalty"][penalty].target, "__call__", lambda self, passes: 0 * passes.lr)
    assert far(trained(runs, torch.float64), runs, torch.float64) > 1e-5


@pytest.fixture(scope="module")
def programs():
    if not compiler.available():
        pytest.skip("this machine cannot compile")
    return Programs()


@pytest.mark.parametrize("case", COMPILED, ids=str)
def test_agrees_when_compiled(case, programs):
    runs = case.runs()
    assert far(trained(runs, torch.float32, "compiled", programs), runs, torch.float32) <= 1e-5


@pytest.mark.parametrize(
    "case", [case for case in PENALIZED.values() if "r2" not in str(case)], ids=[name for name, case in PENALIZED.items() if "r2" not in str(case)]
)
def test_agrees_with_penalties_when_compiled(case, programs):
    runs = penalized(*case)
    assert far(trained(runs, torch.float32, "compiled", programs), runs, torch.float32) <= 1e-5


def test_every_pair_of_settings_occurs():
    assert {name for name, *_ in OPTIMIZERS.values()} == set(CATALOGS["optimizer"].names()) - {"torch"}
    assert_pairs_occur(CASES, (OPTIMIZERS, ALL, *FACTORS))
    assert_pairs_occur(COMPILED, ((), (), *TWO_EACH))


def assert_pairs_occur(cases, factors):
    met = {pair for case in cases for pair in itertools.combinations(enumerate(vars(case).values()), 2)}
    levels = [[(place, level) for level in factor] for place, factor in enumerate(factors)]
    assert {pair for two in itertools.combinations(levels, 2) for pair in itertools.product(*two)} <= met


def backward_of_another_slope(patch):
    patch.setitem(ACTIVATIONS, nn.Tanh, replace(ACTIVATIONS[nn.Tanh], backward=lambda grad, active: grad * (1 - active * active.abs())))


def update_without_eps(patch):
    update = adam.Adam.update
    patch.setattr(adam.Adam, "update", lambda self, *given: update(self, *given[:-1], {**given[-1], "eps": 0 * given[-1]["eps"]}))


def masks_of_one_step(patch):
    keys = dropout.step_keys
    patch.setattr(dropout, "step_keys", lambda key, step: keys(key, 0 * step))


def masks_of_one_place(patch):
    patch.setattr(dropout.CounterDropout, "key", lambda self, call: seeding.key(self._seed, "dropout/3", call))


def order_of_another_seed(patch):
    patch.setattr(samples, "order", lambda member, step: course.order(replace(member, run=Run(member.run.cell, 0)), step))


def shares_of_all_rows(patch):
    shares = samples.Samples._shares
    patch.setattr(samples.Samples, "_shares", lambda self, counts: shares(self, torch.full_like(counts, self._rows)))


FAULTS = (backward_of_another_slope, update_without_eps, masks_of_one_step, masks_of_one_place, order_of_another_seed, shares_of_all_rows)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_comparison_notices(fault, monkeypatch):
    runs = Case("adam", "tanh").runs(steps=20)
    fault(monkeypatch)
    assert far(trained(runs, torch.float64), runs, torch.float64) > 1e-5
