"""What all data sets of translations share: pairs of sentences as tensors of word numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bench.parts.datasets import BEGIN, END, IGNORED, PADDING, UNKNOWN

SPECIALS = ("<pad>", "<unk>", "<begin>", "<end>")
"""The first words of every vocabulary: none, an unknown one, and the two ends of a sentence; see `bench.parts.datasets` for their numbers."""

Pair = tuple[Sequence[str], Sequence[str]]
"""The words of a sentence and of its translation."""


def tensors(pairs: Sequence[Pair], numbers: Mapping[str, int], length: int) -> tuple[Tensor, Tensor]:
    """Pairs of sentences for teacher forcing.

    Args:
        pairs: the sentences.
        numbers: word -> its number; a word that is not there is unknown.
        length: words of a sentence with its end; what is longer is cut.

    Returns:
        Inputs (n, 2, length), the sentence with its end and the beginning with the translation, and targets (n, length), the
        translation with its end; see `bench.parts.datasets.Data`.
    """
    inputs, targets = [], []
    for pair in pairs:
        source, target = ([numbers.get(word, UNKNOWN) for word in sentence[: length - 1]] for sentence in pair)
        inputs.append([_filled([*source, END], length, PADDING), _filled([BEGIN, *target], length, PADDING)])
        targets.append(_filled([*target, END], length, IGNORED))
    return torch.tensor(inputs), torch.tensor(targets)


def _filled(numbers: list[int], length: int, filler: int) -> list[int]:
    return numbers + [filler] * (length - len(numbers))
