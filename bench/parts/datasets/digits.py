"""Handwritten digits that ship inside scikit-learn: no download."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.errors import MissingError
from bench.parts.datasets import datasets
from bench.parts.datasets.images import Images, Labelled


@datasets.register()
class digits(Images):
    """1,797 handwritten digits of 8×8 pixels; ships inside scikit-learn.

    The split is fixed: the first 1,280 in scikit-learn's order train (powers of two up to 256 divide it), the last 517
    test. The order runs by writer, so the test digits come from other hands than most training digits: a
    little harder than a shuffled split. Options: see `Images`.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository (1998), test part.
    """

    shape = (1, 8, 8)
    classes = 10
    official = (1280, 517)
    peak = 16.0
    mean = (0.305833,)
    std = (0.375541,)

    def splits(self, folder: Path) -> tuple[Labelled, Labelled]:
        """Training and test split, whole; the folder is not looked at.

        Raises:
            MissingError: if scikit-learn cannot be imported.
        """
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise MissingError(f"digits ships inside scikit-learn, which cannot be imported: {error}", hint="Install implicit-bench[train].") from error
        bunch = load_digits()
        images = torch.from_numpy(bunch.images).to(torch.uint8).unsqueeze(1)
        labels = torch.from_numpy(bunch.target)
        count = self.official[0]
        return (images[:count], labels[:count]), (images[count:], labels[count:])
