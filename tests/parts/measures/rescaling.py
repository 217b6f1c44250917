"""Networks with Gaussian weights, views of them, and rescalings that keep the function."""

from __future__ import annotations

import torch
from torch import nn

from bench.parts.datasets import Data, DataSpec
from bench.parts.measures import History, View, measures
from bench.parts.objectives import objectives


def filled(model, seed=0):
    """The model in float64 with Gaussian parameters, and running statistics of its own."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.double().requires_grad_(False).state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=torch.float64))
        if name.endswith("running_var"):
            tensor.square_().add_(0.1)
    return model.eval()


def relu_net(bias=False, outputs=2):
    return filled(nn.Sequential(nn.Linear(3, 6, bias=bias), nn.ReLU(), nn.Linear(6, outputs, bias=bias)))


def linear_net():
    """f(x) = W x: the squared loss is quadratic in W."""
    return filled(nn.Linear(3, 2, bias=False))


def layers_rescaled(model, factor=10.0):
    """The same function of a two-layer ReLU network: (c W_1, c b_1, W_2 / c)."""
    return neurons_rescaled(model, torch.full((6,), factor, dtype=torch.float64))


def neurons_rescaled(model, factors=(0.1, 0.5, 1.0, 2.0, 5.0, 10.0)):
    """The same function of a two-layer ReLU network: what enters neuron j times c_j, what leaves it over c_j."""
    factors = torch.as_tensor(factors, dtype=torch.float64)
    with torch.no_grad():
        model[0].weight.mul_(factors[:, None])
        if model[0].bias is not None:
            model[0].bias.mul_(factors)
        model[2].weight.div_(factors)
    return model


def view(model, inputs=(3,), outputs=2, samples=20, *, seed=0, objective="squared", batch=12):
    """A view of a model on Gaussian samples; targets are classes for the cross entropy, else Gaussian.

    PyTorch computes with one thread, as the trainer has it.
    """
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(samples, *inputs, generator=generator, dtype=torch.float64)
    y = torch.randn(samples, outputs, generator=generator, dtype=torch.float64)
    if objective == "cross_entropy":
        y = y.argmax(dim=1)
    spec = DataSpec("classification" if objective == "cross_entropy" else "regression", inputs, outputs, samples, samples)
    return View(model, objectives[objective].target(), Data(x, y, x, y), spec, History([], [], {}), seed, batch)


def take(name, seen, **parameters):
    """The values of a measure with checked parameters."""
    checked, problems = measures[name].check(parameters)
    assert not problems
    return dict(measures[name].target(seen, **checked).values)


def whole(seen):
    """The loss of all samples at once, written out."""
    names, shapes = zip(*((name, parameter.shape) for name, parameter in seen.model.named_parameters()), strict=True)

    def loss(vector):
        pieces = vector.split([shape.numel() for shape in shapes])
        weights = {name: piece.view(shape) for name, shape, piece in zip(names, shapes, pieces, strict=True)}
        return seen.objective(torch.func.functional_call(seen.model, weights, (seen.data.train_inputs,)), seen.data.train_targets)

    return loss
