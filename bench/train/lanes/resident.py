"""The resident lane: one run at a time, its data on the device, its parameters in one vector, no loader in the loop."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench import seeding
from bench.parts.objectives import Network, terms
from bench.parts.optimizers import Optimizer, State
from bench.train.checkpoints import Checkpoints
from bench.train.course import CHECK_EVERY, Course, Report, Trained, order
from bench.train.flat import FlatParameters
from bench.train.passes import Pass, Passes
from bench.train.setup import Prepared


def train(prepared: Prepared, report: Report, checkpoints: Checkpoints) -> Trained:
    """Train one run to its end: its length, its stop rule, or a loss that is no longer finite.

    Args:
        prepared: what is trained; its model is left with the final weights.
        report: told (share of steps done, last training loss) after each evaluation.
        checkpoints: where it goes on from, and is kept on the way.
    """
    course = Course(prepared)
    checkpoint = checkpoints.load(prepared.checkpoint, prepared.data.train_inputs.device)
    if checkpoint is not None:
        course.resume(checkpoint)
    loop = Loop(prepared, course.step)
    if checkpoint is not None:
        loop.load_optimizer(checkpoint.optimizer)
    for milestone in course.ahead():
        start = time.monotonic()
        loop.advance(milestone)
        course.seconds += time.monotonic() - start
        if loop.diverged_at is not None:
            course.diverge(loop.diverged_at)
        else:
            course.look(milestone)
        if milestone and course.diverged_at is None:
            report(course.step / prepared.length.total_steps, course.loss())
        if course.over:
            break
        if milestone and checkpoints.due():
            checkpoints.save(prepared.checkpoint, course.checkpoint(loop.optimizer()))
            checkpoints.leave()
    return course.trained()


class Loop:
    """The steps of a run: batch, forward, backward, update.

    Args:
        prepared: the run, its model with the weights that it has after so many steps.
        step: steps made.

    Attributes:
        step: steps made.
        diverged_at: the first step whose loss was not finite, or None.
    """

    def __init__(self, prepared: Prepared, step: int = 0) -> None:
        self._prepared = prepared
        self._update = _PureUpdate(prepared) if isinstance(prepared.optimizer, Optimizer) else _TorchUpdate(prepared)
        self._order = order(prepared, step)
        self._losses: list[Tensor] = []
        self.step = step
        self.diverged_at: int | None = None
        self._stretch = prepared.stretch(step)
        self._dtype = next(prepared.model.parameters()).dtype
        self._last = next((module for module in reversed(list(prepared.model.modules())) if isinstance(module, nn.Linear)), None)

    def advance(self, until: int) -> None:
        """Make steps up to a number, within one stretch, and stop early if the loss is no longer finite."""
        self._stretch = self._prepared.stretch(self.step)
        if self._prepared.began(self.step) == self.step:
            self._update.forget()
        while self.step < until:
            self._losses.append(self._one())
            self.step += 1
            if (self.step % CHECK_EVERY == 0 or self.step == until) and self._find_divergence():
                return

    def optimizer(self) -> Any:
        """The optimizer's state."""
        return self._update.state()

    def load_optimizer(self, state: Any) -> None:
        """Go on with an optimizer's state."""
        self._update.load(state)

    def _one(self) -> Tensor:
        prepared = self._prepared
        index = next(self._order)
        inputs, targets = prepared.data.train_inputs[index], prepared.data.train_targets[index]
        for place, augment in enumerate(prepared.augment):
            key = seeding.key(prepared.run.seed, f"augmentation/{place}", self.step)
            inputs = augment(inputs, torch.Generator().manual_seed(key))
        factor = prepared.factor(self.step)
        self._update.zero_grads()
        loss = self._backward(inputs, targets, self._update.lr * factor)
        self._update(self.step - prepared.began(self.step), factor)
        return loss

    def _backward(self, inputs: Tensor, targets: Tensor, lr: float) -> Tensor:
        """Add the gradients of a batch, and give its loss; the mean over a piece counts by how many losses it is over."""
        chunk = self._prepared.run.cell.chunk
        if chunk is None or chunk >= len(targets):
            network = self._stretch.objective.network
            return _differentiated(self._penalized(inputs, targets, lr) if self._stretch.penalties else self._loss(network, inputs, targets))
        whole, total = terms(targets), targets.new_zeros((), dtype=self._dtype)
        for first in range(0, len(targets), chunk):
            piece = slice(first, first + chunk)
            loss = self._loss(self._stretch.objective.network, inputs[piece], targets[piece], first)
            total += _differentiated(loss * (terms(targets[piece]) / whole))
        return total

    def _loss(self, network: Network, inputs: Tensor, targets: Tensor, first: int = 0) -> Tensor:
        """The mean loss of samples in front of which so many others of the batch stand."""
        for dropout in self._prepared.dropouts:
            dropout.enabled = network == "dropped"
            dropout.set_step(self.step, first)
        with _precision(self._prepared, inputs):
            return self._stretch.objective(self._prepared.model(inputs).to(self._dtype), targets)

    def _penalized(self, inputs: Tensor, targets: Tensor, lr: float) -> Tensor:
        """The loss with penalties."""
        assert self._last is not None
        seen: list[Tensor] = []

        def make(network: Network) -> Pass:
            loss = self._loss(network, inputs, targets)
            return seen.pop(), loss

        number = self._last.weight.new_tensor  # inputs may be numbers of words
        rate = self._prepared.dropouts[-1].rate if self._prepared.dropouts else 0.0
        parameters = [parameter for parameter in self._prepared.model.parameters() if parameter.requires_grad]
        shares = self._last.weight.new_full((len(inputs),), 1 / len(inputs))
        passes = Passes(make, parameters, self._last.weight, number(rate / (1 - rate)), number(lr), shares)
        handle = self._last.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
        try:
            penalties = self._stretch.penalties
            return passes.total(self._stretch.objective.network, penalties, [number(penalty.coefficient) for penalty in penalties])
        finally:
            handle.remove()

    def _find_divergence(self) -> bool:
        """Look at the losses since the last look."""
        losses = torch.stack(self._losses)
        bad = (~torch.isfinite(losses)).nonzero()
        if len(bad):
            self.diverged_at = self.step - len(losses) + int(bad[0])
        self._losses = []
        return self.diverged_at is not None


class _PureUpdate:
    """A step of one of the engine's own optimizers, on the vector of all parameters."""

    def __init__(self, prepared: Prepared) -> None:
        assert isinstance(prepared.optimizer, Optimizer)
        self._optimizer = prepared.optimizer
        self._flat = FlatParameters(prepared.model)
        self._hyperparameters = self._optimizer.hyperparameters()
        self.forget()

    @property
    def lr(self) -> float:
        """The learning rate, before the schedule."""
        return self._hyperparameters["lr"]

    def forget(self) -> None:
        """Begin with a fresh state."""
        self._state = self._optimizer.init(self._flat.values)

    def zero_grads(self) -> None:
        self._flat.zero_grads()

    def __call__(self, step: int, factor: float) -> None:
        with torch.no_grad():
            numbers = self._optimizer.coefficients({**self._hyperparameters, "lr": self._hyperparameters["lr"] * factor}, step)
            values, self._state = self._optimizer.update(self._flat.values, self._flat.grads, self._state, numbers)
            self._flat.assign(values)

    def state(self) -> State:
        return self._state

    def load(self, state: State) -> None:
        self._state = state


class _TorchUpdate:
    """A step of an optimizer of ``torch.optim``."""

    def __init__(self, prepared: Prepared) -> None:
        assert not isinstance(prepared.optimizer, Optimizer)
        self._make = partial(prepared.optimizer.build, list(prepared.model.parameters()))
        self.forget()
        self._rates = [group["lr"] for group in self._optimizer.param_groups]

    @property
    def lr(self) -> float:
        """The learning rate, before the schedule."""
        return float(self._rates[0])

    def forget(self) -> None:
        """Begin with a fresh state."""
        self._optimizer = self._make()

    def zero_grads(self) -> None:
        self._optimizer.zero_grad()

    def __call__(self, step: int, factor: float) -> None:
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self._optimizer.step()

    def state(self) -> dict[str, Any]:
        return self._optimizer.state_dict()

    def load(self, state: dict[str, Any]) -> None:
        self._optimizer.load_state_dict(state)


def _differentiated(loss: Tensor) -> Tensor:
    """The loss, after its gradients were added to those of the parameters."""
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return loss.detach()


def _precision(prepared: Prepared, inputs: Tensor) -> AbstractContextManager[object]:
    if prepared.run.cell.precision == "bf16":
        return torch.autocast(inputs.device.type, dtype=torch.bfloat16)
    return nullcontext()
