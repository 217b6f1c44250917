"""Small networks with given weights, and views of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from bench.parts.datasets import Data, DataSpec
from bench.parts.measures import History, View


def linear(weight, bias=None) -> nn.Linear:
    """A linear layer with given rows, in double precision."""
    weight = torch.as_tensor(weight, dtype=torch.float64)
    layer = nn.Linear(*reversed(weight.shape), bias=bias is not None, dtype=torch.float64)
    layer.weight.data = weight
    if bias is not None:
        layer.bias.data = torch.as_tensor(bias, dtype=torch.float64)
    return layer


def two_layer(w, b, a, activation=nn.ReLU) -> nn.Sequential:
    """x -> sum_j a_j s(w_j . x + b_j), with rows w_j, or numbers where one number enters."""
    rows = torch.as_tensor(w, dtype=torch.float64)
    leaving = torch.as_tensor(a, dtype=torch.float64)
    return nn.Sequential(nn.Flatten(), linear(rows.reshape(len(rows), -1), b), activation(), nn.Dropout(0.0), linear(leaving.reshape(-1, len(rows))))


def view_of(model, train=(0.0,), grid=(0.0,), *, inputs=(1,), outputs=1, seed=0, snapshots=None) -> View:
    """A view of a model on samples of one number."""
    train, grid = (torch.as_tensor(points, dtype=torch.float64).reshape(-1, 1) for points in (train, grid))
    spec = DataSpec("regression", inputs, outputs, len(train), len(grid))
    data = Data(train, torch.zeros_like(train), grid, torch.zeros_like(grid))
    return View(model.eval().requires_grad_(False), None, data, spec, History([0, 5], [0.0, 5.0], {}), seed, 100, snapshots or {})


def spider() -> np.ndarray:
    """Seven unit vectors: a body, three knees at 12 degrees from it, and behind each knee a foot at 27.6 degrees."""
    turns = np.arange(3) * 2 * np.pi / 3
    polar = [(0.0, 0.0), *((np.radians(tilt), turn) for tilt in (12, 27.6) for turn in turns)]
    return np.array([[np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)] for tilt, turn in polar])
