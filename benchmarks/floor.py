"""The floor under the time of a two-layer step: a C++ program, built on the spot, and shown to be right before it is timed."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from bench.train.dropout import CounterDropout
from bench.train.setup import Prepared
from benchmarks.cells import LEARNING_RATE
from benchmarks.plain import PlainLoop

SOURCE = Path(__file__).with_suffix(".cpp")
WARM_UP = 1000
CHECKED_STEPS = 300
TANH_ERROR = 5e-7
"""Relative; rounding alone makes 3e-7."""

ROUNDING = 3
"""How many times as far from double precision as the plain loop in single precision its weights may be."""


@dataclass(frozen=True)
class Floor:
    """The program.

    Attributes:
        program: where it lies.
    """

    program: Path

    def check(self, member: Prepared) -> None:
        """Show that it does what the plain loop does from a member's initial weights, but for rounding."""
        exact, single = plain_weights(member, torch.float64), plain_weights(member, torch.float32)
        found, _ = self.train(member, CHECKED_STEPS)
        error, allowed = float((found - exact).abs().max()), ROUNDING * float((single - exact).abs().max())
        assert self.tanh_error() < TANH_ERROR, f"the program's tanh is off by {self.tanh_error():.1e}"
        assert error < allowed, f"after {CHECKED_STEPS} steps the program's weights are off by {error:.1e}; rounding explains {allowed:.1e}"

    def tanh_error(self) -> float:
        """The largest relative error of its tanh."""
        return float(self._run(["tanh"], b"").stdout)

    def train(self, member: Prepared, steps: int, warm_up: int = 0) -> tuple[Tensor, float]:
        """Train a two-layer network from a member's initial weights, on its data and under its masks.

        Returns:
            All parameters after the warm-up and the steps, in the order of the module, and the microseconds of a step.
        """
        inputs, targets = member.data.train_inputs, member.data.train_targets
        rate, key = (member.dropouts[0].rate, member.dropouts[0].key(0)) if member.dropouts else (0.0, 0)
        width = next(member.model.parameters()).shape[0]
        words = ["train", width, len(inputs), warm_up, steps, LEARNING_RATE, rate, key]
        numbers = torch.cat([parameters_to_vector(member.model.parameters()).detach(), inputs.flatten(), targets.flatten()])
        done = self._run([str(word) for word in words], numbers.numpy().tobytes())
        return torch.from_numpy(np.frombuffer(done.stdout, dtype=np.float32).copy()), float(done.stderr)

    def _run(self, words: list[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([self.program, *words], input=given, capture_output=True, check=True)


def compiler() -> str | None:
    """The C++ compiler: ``$CXX``, or the first that is found; None without one."""
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++", "c++"]
    return next((found for name in names if (found := shutil.which(name))), None)


def build(folder: Path, chosen: str) -> Floor:
    """Compile the program for this processor."""
    program = folder / "floor"
    subprocess.run([chosen, "-std=c++17", "-Ofast", "-march=native", SOURCE, "-o", program], check=True)
    return Floor(program)


def plain_weights(member: Prepared, dtype: torch.dtype) -> Tensor:
    """All parameters after the plain loop under the engine's masks, in double precision."""
    model = copy.deepcopy(member.model).to(dtype)
    dropouts = [module for module in model.modules() if isinstance(module, CounterDropout)]
    loop = PlainLoop(model, member.data.train_inputs.to(dtype), member.data.train_targets.to(dtype), LEARNING_RATE)
    for step in range(CHECKED_STEPS):
        for dropout in dropouts:
            dropout.set_step(step)
        loop.advance(1)
    return parameters_to_vector(model.parameters()).detach().double()
