"""Data sets: what is learned, held as whole tensors, without a loader.

What a data set needs on disk it declares as `bench.datafiles.Files`; these are verified before anything reads them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from bench.catalog import Catalog
from bench.config import canonical
from bench.datafiles import Files

Task = Literal["classification", "regression", "translation"]

PADDING = 0
"""The number of no word: what fills up a sentence that goes into a model."""

UNKNOWN, BEGIN, END = 1, 2, 3
"""The numbers of a word that has none of its own, and of the two ends of a sentence."""

IGNORED = -100
"""What fills up a sentence of targets: no loss and no accuracy counts it. Torch's losses leave this number out too."""


@dataclass(frozen=True)
class DataSpec:
    """What is known of a data set without reading it.

    Attributes:
        task: whether targets are classes, values or sentences.
        inputs: the shape of one sample; (2, length) for translation.
        outputs: the number of classes, of values, or of words, which both languages number as one list.
        train: how many training samples there are.
        test: how many test samples there are.
    """

    task: Task
    inputs: tuple[int, ...]
    outputs: int
    train: int
    test: int

    @property
    def numbers(self) -> int:
        """How many numbers a model returns for a sample."""
        return self.outputs * (self.inputs[-1] if self.task == "translation" else 1)


@dataclass(frozen=True)
class Data:
    """The samples: inputs (n, *inputs) as float32; targets (n,) as int64 classes, or (n, outputs) as float32 values.

    For translation all are numbers of words, int64. Inputs (n, 2, length) are the sentence to translate and, one place to
    the right, its translation as far as it is known; both are filled up with `PADDING`. Targets (n, length) are the
    translation, filled up with `IGNORED`: from the words before it, each next one is to be foretold (teacher forcing).
    """

    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor


class Dataset(Protocol):
    """A data set with its options fixed."""

    def spec(self) -> DataSpec:
        """Sizes and shapes, without reading anything."""

    def files(self) -> Files:
        """The files needed; none for what is generated or ships in a dependency."""

    def read(self, folder: Path, seed: int) -> Data:
        """Read, select and standardize; the seed decides label noise and nothing else.

        Args:
            folder: the data folder; its files have been verified.
            seed: the run's seed.
        """


@runtime_checkable
class Relabelled(Protocol):
    """A data set whose training labels the seed may change."""

    def clean(self) -> Dataset:
        """The same data set with its true labels."""


def checksum(dataset: Dataset, folder: Path) -> str:
    """What a run's data are, before label noise: the SHA-256 over its files' checksums, or over its arrays if it needs no files.

    Args:
        dataset: a data set with its options fixed.
        folder: the data folder; read only if no files are declared.

    Returns:
        64 hexadecimal digits, the same for every seed.
    """
    if declared := dataset.files().sha256:
        return hashlib.sha256(canonical(dict(declared)).encode()).hexdigest()
    data = (dataset.clean() if isinstance(dataset, Relabelled) else dataset).read(folder, seed=0)
    total = hashlib.sha256()
    for field in fields(data):
        array = getattr(data, field.name).contiguous().numpy()
        total.update(f"{field.name} {array.dtype} {array.shape}\n".encode())
        total.update(array)
    return total.hexdigest()


datasets: Catalog[type[Dataset]] = Catalog("dataset", __name__)
