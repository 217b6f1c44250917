"""Multi30k: descriptions of pictures in English and German."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bench.datafiles import Download, Files, verify
from bench.errors import MissingError, UsageError
from bench.parts.datasets import Data, DataSpec, datasets
from bench.parts.datasets.sentences import SPECIALS, Pair, tensors

Split = Literal["val", "test_2016_flickr"]

LENGTH = 40
"""Words of the longest training sentence, with its end."""

MIN_FREQUENCY = 2
"""How often a word occurs that has a number."""

_FOLDER = "multi30k/task1/raw"
_SOURCE = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw"
_PAIRS = {"train": 29_000, "val": 1_014, "test_2016_flickr": 1_000}
_CHECKSUMS = {  # file -> MD5 of the source, SHA-256
    "train.en.gz": ("0065d13af80720a55ca8153d126e6627", "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"),
    "train.de.gz": ("81ff90b99829c0cd4b1b587d394afd39", "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
    "val.en.gz": ("2b69aa9253948ac9f67e94917272dd40", "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"),
    "val.de.gz": ("6e0e229eb049e3fc99a1ef02fb2d5f91", "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
    "test_2016_flickr.en.gz": ("ff2c0fcb4893a13bd73414306bc250ae", "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"),
    "test_2016_flickr.de.gz": ("efd67d314d98489b716b145475101932", "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"),
}


@datasets.register()
class multi30k:
    """Descriptions of pictures, from English into German; by default 2,048 pairs, as in the dropout lecture (Fig. 1.9 d, Table 1.1).

    Sentences are written in lower case and cut at blanks. A word has a number if it occurs twice in the training pairs
    that are taken, in both languages together; other words are one and the same unknown word. The lecture names neither
    its words nor the split that it tests on: these are our reading.

    Args:
        train: how many training pairs, the first in the official order.
        test: how many test pairs, likewise; all by default.
        split: which official split is the test set.
        vocabulary: how many numbers there are, the four of fillers, unknown words and ends of sentences too: the most
            frequent words take them, and numbers without a word are left unused. The default fits 2,048 pairs.

    Raises:
        UsageError: if more pairs are wanted than there are.

    Source: Elliott, Frank, Sima'an and Specia, Multi30K: Multilingual English-German image descriptions (2016), task 1.
    """

    def __init__(
        self,
        *,
        train: Annotated[int, Field(ge=1)] = 2048,
        test: Annotated[int, Field(ge=1)] | None = None,
        split: Split = "val",
        vocabulary: Annotated[int, Field(gt=len(SPECIALS))] = 2935,
    ) -> None:
        self._train, self._test = train, _PAIRS[split] if test is None else test
        self._split: Split = split
        self._vocabulary = vocabulary
        for name, wanted in (("train", self._train), (split, self._test)):
            if wanted > _PAIRS[name]:
                raise UsageError(f"{wanted} pairs are wanted, and multi30k has {_PAIRS[name]} in its split {name}")

    def spec(self) -> DataSpec:
        """Sizes and shapes, without reading anything."""
        return DataSpec("translation", (2, LENGTH), self._vocabulary, self._train, self._test)

    def files(self) -> Files:
        """All splits, from the repository of the data set."""
        downloads = tuple(Download((f"{_SOURCE}/{name}",), md5, f"{_FOLDER}/{name}") for name, (md5, _) in _CHECKSUMS.items())
        return Files({f"{_FOLDER}/{name}": sha256 for name, (_, sha256) in _CHECKSUMS.items()}, downloads)

    def read(self, folder: Path, seed: int) -> Data:
        """The pairs, from files that are verified before they are opened; the seed changes nothing.

        Raises:
            MissingError: if a file is missing or altered, or torchtext cannot be imported.
        """
        verify(self.files(), folder, "multi30k")
        train, test = _pairs(folder, "train")[: self._train], _pairs(folder, self._split)[: self._test]
        numbers = _vocabulary(train, self._vocabulary)
        return Data(*tensors(train, numbers, LENGTH), *tensors(test, numbers, LENGTH))


def _pairs(folder: Path, split: str) -> list[Pair]:
    sentences = []
    for language in ("en", "de"):
        with gzip.open(folder / _FOLDER / f"{split}.{language}.gz", "rt", encoding="utf-8") as lines:
            sentences.append([line.lower().split() for line in lines])
    return list(zip(*sentences, strict=True))


def _vocabulary(pairs: Sequence[Pair], size: int) -> Mapping[str, int]:
    """Word -> number, the more frequent first, and words of one frequency by the alphabet.

    Raises:
        MissingError: if torchtext cannot be imported.
    """
    try:
        from torchtext.vocab import Vocab
    except (ImportError, OSError, RuntimeError) as error:
        raise MissingError(f"torchtext cannot be imported: {error}", hint="Install implicit-bench[train], which brings torchtext 0.6.0.") from error
    counts = Counter(word for pair in pairs for sentence in pair for word in sentence)
    words = Vocab(counts, max_size=size - len(SPECIALS), min_freq=MIN_FREQUENCY, specials=list(SPECIALS)).itos
    return {word: number for number, word in enumerate(words)}
