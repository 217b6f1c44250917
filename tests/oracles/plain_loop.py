"""The oracle of every lane: the eager loop, one run at a time, as a PyTorch user would write it.

It shares with the engine the parts that have tests of their own (models, data sets, initializers, augmentations, and
the names of streams). Masks, batches, updates, schedules and evaluation are computed here, by slow and plain means.
"""

from __future__ import annotations

import hashlib
import math
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bench import seeding
from bench.parts.augmentations import augmentations
from bench.parts.datasets import Data, datasets
from bench.parts.initializers import initializers
from bench.parts.models import models

WORD = 2**32


@dataclass
class Trained:
    """The losses of all steps, the training losses at the start and after each epoch, and the final model."""

    losses: list[float]
    evaluated: list[float]
    model: nn.Module


def mixed(words):
    """The 32-bit mixing function of an integer, or of words held in 64 bits so that nothing wraps."""
    words = words ^ (words >> 16)
    words = (words * 0x7FEB352D) % WORD
    words = words ^ (words >> 15)
    words = (words * 0x846CA68B) % WORD
    return words ^ (words >> 16)


def kept(seed, path, call, step, shape, rate):
    """Which elements stay, as the engine defines it: element i does iff its hash, read as a signed word, is at least (rate - 1/2) * 2^32."""
    digest = hashlib.sha256(f"{seed}\x1fdropout/{path}\x1f{call}".encode()).digest()
    key = int.from_bytes(digest[:8], "big") // 2
    low, high = key % WORD, key // WORD
    first = mixed(mixed(low ^ mixed(step % WORD)) ^ high ^ (step // WORD))
    second = mixed(mixed(high ^ first) ^ mixed((step + 0x9E3779B9) % WORD))
    hashes = mixed((mixed(np.arange(math.prod(shape), dtype=np.uint64) ^ np.uint64(first)) + np.uint64(second)) % WORD)
    signed = np.where(hashes >= WORD // 2, hashes.astype(np.int64) - WORD, hashes.astype(np.int64))
    return torch.from_numpy(signed >= round((rate - 0.5) * WORD)).reshape(shape)


class FedDropout(nn.Module):
    """Dropout with masks from `kept`; `step` is set from outside."""

    def __init__(self, seed, path, rate, mask):
        super().__init__()
        self.place, self.rate, self.mask = (seed, path), rate, mask
        self.step = 0

    def forward(self, inputs):
        if not self.training or self.rate == 0:
            return inputs
        shape = inputs.shape if self.mask == "per_sample" else inputs.shape[1:]
        return torch.where(kept(*self.place, 0, self.step, tuple(shape), self.rate), inputs / (1 - self.rate), torch.zeros_like(inputs))


def train(run, dtype=torch.float32) -> Trained:
    """Train a run from its description alone; weights and data are made in float32, and may be taken to another precision before the first step."""
    cell = run.cell
    dataset = datasets[cell.dataset.name].target(**cell.dataset.parameters)
    data = Data(*(tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in vars(dataset.read(Path(), run.seed)).values()))
    model, dropouts = _model(run, dataset.spec())
    model.to(dtype)
    optimizer = _optimizer(cell.optimizer, model)
    rate = optimizer.param_groups[0]["lr"]
    size = len(data.train_inputs) if cell.batch_size == "full" else cell.batch_size
    per_epoch = math.ceil(len(data.train_inputs) / size)
    steps = cell.steps or cell.epochs * per_epoch
    result = Trained([], [_evaluated(cell.objective, model, data)], model)
    for step in range(steps):
        if any(phase.until == step and phase.optimizer_state == "fresh" for phase in cell.phases):
            optimizer = _optimizer(cell.optimizer, model)
        objective, penalties = next(((phase.objective, phase.penalties) for phase in cell.phases if step < phase.until), (cell.objective, cell.penalties))
        for dropout in dropouts:
            dropout.step = step
        optimizer.param_groups[0]["lr"] = rate * _factor(cell.schedule, step / per_epoch, steps / per_epoch)
        index = _batch(run.seed, step, len(data.train_inputs), size, per_epoch)
        inputs = _augmented(cell.augmentation, data.train_inputs[index], run.seed, step)
        targets = data.train_targets[index]

        def base(network, inputs=inputs, targets=targets, objective=objective):
            model.train(network == "dropped")
            with torch.autocast("cpu", dtype=torch.bfloat16) if cell.precision == "bf16" else nullcontext():
                outputs = model(inputs)
            return _loss(objective, outputs.to(dtype), targets)

        loss = base(objective.parameters["network"])
        for penalty in penalties:
            term = _PENALTIES[penalty.name](model, base, inputs, dropouts[-1].rate, optimizer.param_groups[0]["lr"])
            loss = loss + penalty.parameters["coefficient"] * term
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        result.losses.append(loss.item())
        if (step + 1) % per_epoch == 0 or step + 1 == steps:
            result.evaluated.append(_evaluated(cell.objective, model, data))
    return result


def _r1(model, base, inputs, rate, lr):
    """The sum over samples and hidden units, written out."""
    features, weight = model[:-1].eval()(inputs), model[-1].weight
    total = sum(weight[:, unit].norm() ** 2 * features[sample, unit] ** 2 for sample in range(len(features)) for unit in range(weight.shape[1]))
    return rate / (1 - rate) / (2 * len(inputs)) * total


def _r2(model, base, inputs, rate, lr):
    slopes = torch.autograd.grad(base("dropped"), list(model.parameters()), create_graph=True)
    return lr / 4 * torch.cat([slope.flatten() for slope in slopes]).norm() ** 2


_PENALTIES = {"r1": _r1, "r2": _r2}


@torch.no_grad()
def _evaluated(objective, model, data):
    return _loss(objective, model.eval()(data.train_inputs), data.train_targets).item()


def _model(run, spec):
    cell = run.cell
    key = seeding.key(run.seed, "initial-weights")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key)
        model = models[cell.model.name].target(spec.inputs, spec.outputs, cell.dropout.rate, **cell.model.parameters)
    initializers[cell.initializer.name].target(model, torch.Generator().manual_seed(key), **cell.initializer.parameters)
    dropouts = []
    for path, module in list(model.named_modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Dropout):
                dropouts.append(FedDropout(run.seed, f"{path}.{name}".lstrip("."), child.p, cell.dropout.mask))
                setattr(module, name, dropouts[-1])
    return model, dropouts


def _batch(seed, step, total, size, per_epoch):
    if size == total:
        return torch.arange(total)
    epoch, place = divmod(step, per_epoch)
    order = torch.randperm(total, generator=torch.Generator().manual_seed(seeding.key(seed, "order", epoch)))
    return order[place * size : (place + 1) * size]


def _augmented(specs, inputs, seed, step):
    for place, spec in enumerate(specs):
        generator = torch.Generator().manual_seed(seeding.key(seed, f"augmentation/{place}", step))
        inputs = augmentations[spec.name].target(inputs, generator, **spec.parameters)
    return inputs


def _loss(spec, outputs, targets):
    if spec.name == "cross_entropy":
        return functional.cross_entropy(outputs, targets)
    values = targets if targets.dim() == 2 else functional.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
    return functional.mse_loss(outputs, values) * outputs.shape[1] / 2


def _factor(spec, epoch, total):
    numbers = spec.parameters
    return {
        "constant": lambda: 1.0,
        "cosine": lambda: numbers["floor"] + (1 - numbers["floor"]) * (1 + math.cos(math.pi * epoch / total)) / 2,
        "multi_step": lambda: numbers["gamma"] ** sum(epoch >= milestone for milestone in numbers["milestones"]),
        "exponential": lambda: numbers["gamma"] ** int(epoch),
    }[spec.name]()


def _optimizer(spec, model):
    numbers = dict(spec.parameters)
    if spec.name == "torch":
        return getattr(torch.optim, numbers["algorithm"])(model.parameters(), **numbers["arguments"])
    if spec.name in {"adam", "adamw"}:
        numbers["betas"] = (numbers.pop("beta1"), numbers.pop("beta2"))
    if spec.name == "rprop":
        numbers["etas"] = (numbers.pop("eta_minus"), numbers.pop("eta_plus"))
        numbers["step_sizes"] = (numbers.pop("step_min"), numbers.pop("step_max"))
    names = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "rprop": "Rprop"}
    return getattr(torch.optim, names[spec.name])(model.parameters(), **numbers)
