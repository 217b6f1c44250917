"""A plugin: images of noise in place of MNIST, so that the benchmarks need no data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from bench import seeding
from bench.datafiles import Files
from bench.parts.datasets import Data, DataSpec, datasets


@datasets.register()
class random_images:  # noqa: N801  # a part's name is its name in suites
    """Standard normal images of 28 × 28 with classes at random: the shapes of MNIST and nothing to learn."""

    def __init__(self, *, train: Annotated[int, Field(ge=1)] = 1000) -> None:
        self._train = train

    def spec(self) -> DataSpec:
        return DataSpec("classification", (1, 28, 28), 10, self._train, 100)

    def files(self) -> Files:
        return Files()

    def read(self, folder: Path, seed: int) -> Data:
        return Data(*self._draw("train", self._train), *self._draw("test", 100))

    @staticmethod
    def _draw(split: str, count: int) -> tuple[Tensor, Tensor]:
        random = seeding.generator(0, f"random-images/{split}")
        images = torch.from_numpy(random.standard_normal((count, 1, 28, 28))).float()
        return images, torch.from_numpy(random.integers(0, 10, count))
