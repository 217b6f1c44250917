"""What all data sets of labelled images share: selection, standardization, label noise and random labels."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from bench.datafiles import Files
from bench.errors import UsageError
from bench.parts.datasets import Data, DataSpec
from bench.seeding import generator

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Normalization = Literal["dataset", "image", "none"]
Labelled = tuple[Tensor, Tensor]


class Images(ABC):
    """Labelled images in a fixed split.

    Args:
        train: how many training samples, the first in the official order; all by default.
        test: how many test samples, likewise.
        normalize: ``dataset`` subtracts each channel's mean over the official training set and divides by its standard
            deviation; ``image`` does so with each image's own, over all its channels (see `whiten`); ``none`` leaves
            pixels in [0, 1].
        label_noise: the probability with which a training label becomes another class, each of the others equally
            likely (symmetric noise). For one seed the labels changed at a lower rate are changed at a higher one too.
        random_labels: every training label is drawn from all classes alike, whatever is seen (Zhang et al. 2017,
            "Understanding deep learning requires rethinking generalization", Sec. 2.1).

    Label noise and random labels depend on the seed and on a sample's place in the official order alone: they stay
    through all epochs, and a smaller training set has the same labels. Test labels are always true.

    Attributes:
        shape: channels, height, width.
        classes: how many classes there are.
        official: how many training and test samples there are.
        peak: the largest pixel value in the source.
        mean: each channel's mean over the official training set, of pixels in [0, 1].
        std: each channel's standard deviation, likewise.

    Raises:
        UsageError: if more samples are wanted than there are, or noise on labels that are random anyway.
    """

    shape: ClassVar[tuple[int, int, int]]
    classes: ClassVar[int]
    official: ClassVar[tuple[int, int]]
    peak: ClassVar[float]
    mean: ClassVar[tuple[float, ...]]
    std: ClassVar[tuple[float, ...]]

    def __init__(
        self,
        *,
        train: Count | None = None,
        test: Count | None = None,
        normalize: Normalization = "dataset",
        label_noise: Share = 0.0,
        random_labels: bool = False,
    ) -> None:
        self._train = self._count("train", train, self.official[0])
        self._test = self._count("test", test, self.official[1])
        self._normalize = normalize
        if random_labels and label_noise:
            raise UsageError(f"label_noise {label_noise} does nothing to random labels", hint="Give label_noise or random_labels, not both.")
        self._label_noise = label_noise
        self._random_labels = random_labels

    @abstractmethod
    def splits(self, folder: Path) -> tuple[Labelled, Labelled]:
        """The official training and test split, whole.

        Args:
            folder: the data folder.

        Returns:
            For each split pixels from 0 to `peak` (n, channels, height, width) and classes (n,), of any integer type.
        """

    def spec(self) -> DataSpec:
        """Sizes and shapes, without reading anything."""
        return DataSpec("classification", self.shape, self.classes, self._train, self._test)

    def files(self) -> Files:
        """The files needed; none unless a subclass says so."""
        return Files()

    def read(self, folder: Path, seed: int) -> Data:
        """Read, select and standardize; the seed decides label noise and random labels."""
        (train_images, train_labels), (test_images, test_labels) = self.splits(folder)
        labels = self._relabelled(train_labels.long(), seed)
        return Data(
            self._standardized(train_images[: self._train]),
            labels[: self._train].clone(),
            self._standardized(test_images[: self._test]),
            test_labels.long()[: self._test].clone(),
        )

    def clean(self) -> Self:
        """The same data set with its true labels."""
        other = copy.copy(self)
        other._label_noise, other._random_labels = 0.0, False
        return other

    def _count(self, split: str, wanted: int | None, available: int) -> int:
        if wanted is not None and wanted > available:
            raise UsageError(f"{split} is {wanted}, and {type(self).__name__} has {available} {split} samples")
        return available if wanted is None else wanted

    def _standardized(self, images: Tensor) -> Tensor:
        pixels = images.contiguous().float().div_(self.peak)
        if self._normalize == "none":
            return pixels
        if self._normalize == "image":
            return whiten(pixels)
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        return pixels.sub_(mean).div_(std)

    def _relabelled(self, labels: Tensor, seed: int) -> Tensor:
        random = generator(seed, "label-noise")
        if self._random_labels:
            return torch.from_numpy(random.integers(self.classes, size=len(labels)))
        if self._label_noise:
            return corrupt(labels, self._label_noise, self.classes, random)
        return labels


def whiten(images: Tensor) -> Tensor:
    """Give each image mean 0 and standard deviation 1: (x − mean) / max(std, 1/√N) with N the number of its values.

    The floor keeps a uniform image from being divided by zero (Zhang et al. 2017, Appendix A: per-image whitening).

    Args:
        images: (n, channels, height, width), float32.

    Returns:
        The same shape and type.
    """
    values = images.flatten(1).double()
    std, mean = torch.std_mean(values, dim=1, correction=0, keepdim=True)
    floor = 1 / math.sqrt(values.shape[1])
    return ((values - mean) / std.clamp_min(floor)).float().view_as(images)


def corrupt(labels: Tensor, rate: float, classes: int, random: np.random.Generator) -> Tensor:
    """Replace each label, with probability `rate`, by one of the other classes, each equally likely.

    Args:
        labels: (n,) classes, int64; stays as it is.
        rate: between 0 and 1.
        classes: how many classes there are.
        random: gives two numbers per label, whatever the rate.

    Returns:
        (n,) classes, int64.
    """
    hit = torch.from_numpy(random.random(len(labels)) < rate)
    shift = torch.from_numpy(random.integers(1, classes, size=len(labels)))
    return torch.where(hit, (labels + shift) % classes, labels)
