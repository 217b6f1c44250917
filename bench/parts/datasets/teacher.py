"""A function of many variables that one neuron computes: what a wide student can condense to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from bench import seeding
from bench.datafiles import Files
from bench.parts.datasets import Data, DataSpec, datasets

TEST_SAMPLES = 1000


@datasets.register()
class teacher:
    """``f(x) = tanh(x_1 + … + x_d)`` at random x, without noise; the test samples are 1,000 more draws.

    The dropout lecture's fig. 1.3 (a, b) has d = 10 and 30 samples, and does not say how x is drawn: ``law`` is our reading.

    Args:
        inputs: d, how many variables there are.
        train: how many training samples.
        law: ``uniform`` on [-1, 1], or ``normal`` with variance 1; each variable by itself.
        draw: which samples are drawn; the seed of a run changes nothing.
    """

    def __init__(
        self,
        *,
        inputs: Annotated[int, Field(ge=1, le=10_000)] = 10,
        train: Annotated[int, Field(ge=1)] = 30,
        law: Literal["uniform", "normal"] = "uniform",
        draw: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._inputs = inputs
        self._train = train
        self._law = law
        self._draw = draw

    def spec(self) -> DataSpec:
        """Sizes and shapes."""
        return DataSpec("regression", (self._inputs,), 1, self._train, TEST_SAMPLES)

    def files(self) -> Files:
        """None: the values are computed."""
        return Files()

    def read(self, folder: Path, seed: int) -> Data:
        """The samples; neither folder nor seed changes anything."""
        return Data(*self._samples("teacher/train", self._train), *self._samples("teacher/test", TEST_SAMPLES))

    def _samples(self, stream: str, count: int) -> tuple[Tensor, Tensor]:
        generator, shape = seeding.generator(self._draw, stream), (count, self._inputs)
        x = generator.uniform(-1, 1, shape) if self._law == "uniform" else generator.standard_normal(shape)
        inputs, targets = (torch.from_numpy(array).float() for array in (x, np.tanh(x.sum(axis=1, keepdims=True))))
        return inputs, targets
