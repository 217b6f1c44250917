"""The resident lane: one run at a time, its data on the device, its parameters in one vector, no loader in the loop."""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from bench import seeding
from bench.parts.optimizers import Optimizer
from bench.train.course import CHECK_EVERY, Course, Report, Trained, order
from bench.train.evaluate import evaluation_epochs
from bench.train.flat import FlatParameters
from bench.train.setup import Prepared


def train(prepared: Prepared, report: Report) -> Trained:
    """Train one run to its end, or until its loss is no longer finite.

    Args:
        prepared: what is trained; its model is left with the final weights.
        report: told (share of steps done, last training loss) after each evaluation.
    """
    loop = _Loop(prepared)
    course = Course(prepared)
    course.evaluate(0)
    seconds = 0.0
    for epoch in evaluation_epochs(loop.epochs):
        start = time.monotonic()
        loop.advance(min(epoch * prepared.length.steps_per_epoch, prepared.length.total_steps))
        seconds += time.monotonic() - start
        if loop.diverged_at is not None:
            break
        train_loss = course.evaluate(loop.step)
        if not math.isfinite(train_loss):
            loop.diverged_at = loop.step
            break
        report(loop.step / prepared.length.total_steps, train_loss)
    return Trained(course.history(), loop.diverged_at, loop.step, seconds)


class _Loop:
    """The steps of a run: batch, forward, backward, update."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._update = _PureUpdate(prepared) if isinstance(prepared.optimizer, Optimizer) else _TorchUpdate(prepared)
        self._order = order(prepared)
        self._window = torch.zeros(CHECK_EVERY, device=prepared.data.train_inputs.device)
        self.epochs = -(-prepared.length.total_steps // prepared.length.steps_per_epoch)
        self.step = 0
        self.diverged_at: int | None = None
        for dropout in prepared.dropouts:
            dropout.enabled = prepared.objective.network == "dropped"

    def advance(self, until: int) -> None:
        """Make steps up to a number, and stop early if the loss is no longer finite."""
        while self.step < until:
            self._window[self.step % CHECK_EVERY] = self._one()
            self.step += 1
            if (self.step % CHECK_EVERY == 0 or self.step == until) and self._find_divergence():
                return

    def _one(self) -> Tensor:
        prepared = self._prepared
        for dropout in prepared.dropouts:
            dropout.set_step(self.step)
        index = next(self._order)
        inputs, targets = prepared.data.train_inputs[index], prepared.data.train_targets[index]
        for place, augment in enumerate(prepared.augment):
            key = seeding.key(prepared.run.seed, f"augmentation/{place}", self.step)
            inputs = augment(inputs, torch.Generator().manual_seed(key))
        with _precision(prepared, inputs):
            loss = prepared.objective(prepared.model(inputs).float(), targets)
        factor = prepared.schedule(self.step / prepared.length.steps_per_epoch, prepared.length.total_steps / prepared.length.steps_per_epoch)
        self._update(loss, self.step, factor)
        return loss.detach()

    def _find_divergence(self) -> bool:
        """Look at the losses since the last look."""
        first = (self.step - 1) // CHECK_EVERY * CHECK_EVERY
        bad = (~torch.isfinite(self._window[: self.step - first])).nonzero()
        if len(bad):
            self.diverged_at = first + int(bad[0])
        return self.diverged_at is not None


class _PureUpdate:
    """A step of one of the engine's own optimizers, on the vector of all parameters."""

    def __init__(self, prepared: Prepared) -> None:
        assert isinstance(prepared.optimizer, Optimizer)
        self._optimizer = prepared.optimizer
        self._flat = FlatParameters(prepared.model)
        self._hyperparameters = self._optimizer.hyperparameters()
        self._state = self._optimizer.init(self._flat.values)

    def __call__(self, loss: Tensor, step: int, factor: float) -> None:
        self._flat.zero_grads()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        with torch.no_grad():
            numbers = self._optimizer.coefficients({**self._hyperparameters, "lr": self._hyperparameters["lr"] * factor}, step)
            values, self._state = self._optimizer.update(self._flat.values, self._flat.grads, self._state, numbers)
            self._flat.assign(values)


class _TorchUpdate:
    """A step of an optimizer of ``torch.optim``."""

    def __init__(self, prepared: Prepared) -> None:
        assert not isinstance(prepared.optimizer, Optimizer)
        self._optimizer = prepared.optimizer.build(prepared.model.parameters())
        self._rates = [group["lr"] for group in self._optimizer.param_groups]

    def __call__(self, loss: Tensor, step: int, factor: float) -> None:
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._optimizer.step()


def _precision(prepared: Prepared, inputs: Tensor) -> AbstractContextManager[object]:
    if prepared.run.cell.precision == "bf16":
        return torch.autocast(inputs.device.type, dtype=torch.bfloat16)
    return nullcontext()
