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

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class DataSpec:
    """What is known of a data set without reading it.

    Attributes:
        task: whether targets are classes or values.
        inputs: the shape of one sample.
        outputs: the number of classes or of values.
        train: how many training samples there are.
        test: how many test samples there are.
    """

    task: Task
    inputs: tuple[int, ...]
    outputs: int
    train: int
    test: int


@dataclass(frozen=True)
class Data:
    """The samples: inputs (n, *inputs) as float32; targets (n,) as int64 classes, or (n, outputs) as float32 values."""

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
