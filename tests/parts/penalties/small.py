"""Passes of small networks in double precision, with dropout in front of the last layer by masks that are given."""

from __future__ import annotations

import itertools

from torch import nn

from bench.train.passes import Passes


def network(depth, outputs, width=5, inputs=3, activation=nn.Tanh):
    """Hidden layers, and a last linear layer."""
    sizes = [inputs, *[width] * depth]
    hidden = [module for one, other in itertools.pairwise(sizes) for module in (nn.Linear(one, other), activation())]
    return nn.Sequential(*hidden, nn.Linear(width, outputs)).double()


def passes(model, inputs, loss, rate=0.0, lr=0.0, multipliers=None):
    """The passes of one network: `multipliers` stand at the last hidden layer of the dropped one, (…, rows, units) or (units,)."""

    def make(which):
        features = model[:-1](inputs)
        entering = features if which == "clean" or multipliers is None else features * multipliers
        return features, loss(model[-1](entering))

    number = inputs.new_tensor
    shares = inputs.new_full((len(inputs),), 1 / len(inputs))
    return Passes(make, list(model.parameters()), model[-1].weight, number(rate / (1 - rate)), number(lr), shares)
