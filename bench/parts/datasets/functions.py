"""Functions of one variable, sampled at equally spaced points: the one-dimensional regressions of the lectures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from bench.datafiles import Files
from bench.errors import UsageError
from bench.parts.datasets import Data, DataSpec, datasets

Values = NDArray[np.float64]
TEST_POINTS = 1000


@dataclass(frozen=True)
class Target:
    """A function with the interval and the number of training points of its source."""

    function: Callable[[Values, float], Values]
    low: float
    high: float
    train: int


def _relu(x: Values) -> Values:
    return np.maximum(x, 0)


TARGETS: Mapping[str, Target] = {
    "sin": Target(lambda x, frequency: np.sin(frequency * x), -pi, pi, 64),
    "two_tanh": Target(lambda x, _: np.tanh(x - 6) + np.tanh(x + 6), -12, 12, 15),
    "relu": Target(lambda x, _: _relu(x + 0.5), 0.5, 1.5, 2),
    "two_relu": Target(lambda x, _: (_relu(-x - 1 / 3) + _relu(x - 1 / 3)) / 2, -5 / 3, 5 / 3, 6),
    "four_relu": Target(lambda x, _: -_relu(x) + _relu(2 * (x + 0.3)) - _relu(1.5 * (x - 0.4)) + _relu(0.5 * (x - 0.8)), -1, 1, 40),
    "parabola": Target(lambda x, _: x**2, -0.5, 0.5, 4),
    "piecewise_linear": Target(lambda x, _: np.interp(x, np.linspace(-1, 1, 5), (0, 0.6, -0.3, 0.5, 0.1)), -1, 1, 5),
}


@datasets.register()
class functions:
    """A function of one variable at equally spaced points, without noise; the test samples are 1,000 such points.

    ==================  ==========================================================  ============  ======  ==============
    target              f(x)                                                        interval      points  source
    ==================  ==========================================================  ============  ======  ==============
    sin                 sin(frequency · x)                                          [−π, π]       64      002, Sec. 1.4.5
    two_tanh            tanh(x − 6) + tanh(x + 6)                                   [−12, 12]     15      000, Fig. 1.2
    relu                relu(x + ½)                                                 [½, 3/2]      2       000, Fig. 1.5
    two_relu            ½ relu(−x − ⅓) + ½ relu(x − ⅓)                              [−5/3, 5/3]   6       000, Fig. 1.1
    four_relu           −relu(x) + relu(2(x + .3)) − relu(1.5(x − .4))              [−1, 1]       40      003, Fig. 1.5
                        + relu(.5(x − .8))
    parabola            x²                                                          [−.5, .5]     4       003, Fig. 1.2
    piecewise_linear    straight lines through (−1, 0), (−.5, .6), (0, −.3),        [−1, 1]       5       002, Fig. 1.4
                        (.5, .5), (1, .1)
    ==================  ==========================================================  ============  ======  ==============

    Points that the lectures do not give (those of sin, four_relu and piecewise_linear) are our choice, and so is the target relu:
    Fig. 1.5 says of it that it is one neuron, active on both of two samples.

    Args:
        target: which function.
        frequency: the factor v in sin(v x); for ``sin`` alone.
        train: how many training points, both ends of the interval included (one point lies at its left end); by default as the table says.
        low: the interval's left end; by default as the table says.
        high: its right end, likewise.

    Raises:
        UsageError: if the interval is empty, or a frequency is given to another target than ``sin``.
    """

    def __init__(
        self,
        *,
        target: Literal["sin", "two_tanh", "relu", "two_relu", "four_relu", "parabola", "piecewise_linear"],
        frequency: Annotated[float, Field(gt=0)] = 1.0,
        train: Annotated[int, Field(ge=1)] | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        chosen = TARGETS[target]
        self._function = chosen.function
        self._frequency = frequency
        self._train = chosen.train if train is None else train
        self._low = chosen.low if low is None else low
        self._high = chosen.high if high is None else high
        if not self._low < self._high:
            raise UsageError(f"the interval from low {self._low} to high {self._high} is empty")
        if frequency != 1.0 and target != "sin":
            raise UsageError(f"frequency {frequency} does nothing to target {target!r}", hint="Only target sin has a frequency.")

    def spec(self) -> DataSpec:
        """Sizes and shapes."""
        return DataSpec("regression", (1,), 1, self._train, TEST_POINTS)

    def files(self) -> Files:
        """None: the values are computed."""
        return Files()

    def read(self, folder: Path, seed: int) -> Data:
        """The points and values; neither folder nor seed changes anything."""
        return Data(*self._samples(self._train), *self._samples(TEST_POINTS))

    def _samples(self, count: int) -> tuple[Tensor, Tensor]:
        x = np.linspace(self._low, self._high, count)
        values = (x, self._function(x, self._frequency))
        inputs, targets = (torch.from_numpy(array).float().unsqueeze(1) for array in values)
        return inputs, targets
