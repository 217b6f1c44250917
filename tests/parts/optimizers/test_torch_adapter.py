"""Optimizers of torch.optim by name, and what is refused before any training."""

from __future__ import annotations

import pytest
import torch

from bench.errors import UsageError
from bench.parts.optimizers import TorchOptimizer, optimizers
from bench.parts.optimizers.torch_adapter import TorchAdapter

USABLE = ["ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD"]


@pytest.mark.parametrize("algorithm", USABLE)
def test_builds_and_steps(algorithm):
    params = torch.nn.Parameter(torch.ones(3, 2))
    optimizer = TorchAdapter(algorithm=algorithm, arguments={"lr": 0.01}).build([params])
    params.sum().backward()
    optimizer.step()
    assert type(optimizer) is getattr(torch.optim, algorithm)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01]
    assert (params < 1).all()


def test_hands_its_arguments_on():
    part = optimizers["torch"]
    parameters, problems = part.check({"algorithm": "NAdam", "arguments": {"lr": 0.2, "betas": [0.5, 0.6]}})
    adapter = part.target(**parameters)
    assert not problems
    assert isinstance(adapter, TorchOptimizer)
    assert adapter.build([torch.nn.Parameter(torch.ones(1))]).defaults["betas"] == [0.5, 0.6]


@pytest.mark.parametrize(
    ("algorithm", "arguments", "message"),
    [
        ("NAdm", {"lr": 0.1}, "torch.optim has no optimizer 'NAdm'. Did you mean 'NAdam'?"),
        ("Optimizer", {"lr": 0.1}, "torch.optim has no optimizer 'Optimizer'"),
        ("lr_scheduler", {"lr": 0.1}, "torch.optim has no optimizer 'lr_scheduler'"),
        ("LBFGS", {"lr": 0.1}, "torch.optim.LBFGS cannot be used here: it evaluates the loss several times in a step"),
        ("SparseAdam", {"lr": 0.1}, "torch.optim.SparseAdam cannot be used here: it takes sparse gradients alone"),
        ("Adam", {}, "optimizer 'torch' needs 'lr' among its arguments"),
        ("Adam", {"lr": 0.1, "beta": [0.9, 0.99]}, "torch.optim.Adam has no argument 'beta'. Did you mean 'betas'?"),
        ("Adam", {"lr": 0.1, "params": []}, "torch.optim.Adam has no argument 'params'"),
        ("Adam", {"lr": -1.0}, "torch.optim.Adam refuses the arguments {'lr': -1.0}: Invalid learning rate: -1.0"),
        ("Adam", {"lr": "fast"}, "torch.optim.Adam refuses the arguments {'lr': 'fast'}"),
        ("SGD", {"lr": 0.1, "nesterov": True}, "torch.optim.SGD refuses the arguments"),
    ],
)
def test_refuses_at_once(algorithm, arguments, message):
    with pytest.raises(UsageError) as caught:
        TorchAdapter(algorithm=algorithm, arguments=arguments)
    assert str(caught.value).startswith(message)


def test_refuses_parameters_that_the_class_cannot_take():
    muon = TorchAdapter(algorithm="Muon", arguments={"lr": 0.1})
    with pytest.raises(UsageError, match="Muon refuses"):
        muon.build([torch.nn.Parameter(torch.ones(3))])
