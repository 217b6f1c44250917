"""Numbers in English and German words: a translation task that is generated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import Tensor

from bench import seeding
from bench.datafiles import Files
from bench.errors import UsageError
from bench.parts.datasets import Data, DataSpec, datasets
from bench.parts.datasets.sentences import SPECIALS, tensors

LENGTH = 8
"""Words of the longest number, as 7,777, and an end."""

_ENGLISH = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_ENGLISH_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_GERMAN = (
    *("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf", "dreizehn"),
    *("vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"),
)
_GERMAN_TENS = ("zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")


@datasets.register()
class number_words:
    """Numbers from English into German: ``four hundred and twenty one`` into ``vier hundert ein und zwanzig``.

    A German number is one word, which is cut into its parts here. Units come before tens there, and ``eins`` is ``ein``
    inside: what is to be learned is an order and a context, with 63 words in both languages. Numbers are drawn without
    repetition, training numbers from the front of one fixed order, test numbers from its end: fewer are the first of more.

    Args:
        train: how many training numbers.
        test: how many test numbers.
        below: numbers run from 0 to one less.
        draw: which order; the seed of a run changes nothing.

    Raises:
        UsageError: if there are not as many numbers.
    """

    def __init__(
        self,
        *,
        train: Annotated[int, Field(ge=1)] = 2048,
        test: Annotated[int, Field(ge=1)] = 512,
        below: Annotated[int, Field(ge=2, le=10_000)] = 10_000,
        draw: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        if train + test > below:
            raise UsageError(f"{train} training and {test} test numbers are wanted, and there are {below} below {below}", hint="Take fewer, or raise below.")
        self._train, self._test, self._below, self._draw = train, test, below, draw

    def spec(self) -> DataSpec:
        """Sizes and shapes; all options have the same words."""
        return DataSpec("translation", (2, LENGTH), len(_WORDS), self._train, self._test)

    def files(self) -> Files:
        """None: the numbers are generated."""
        return Files()

    def read(self, folder: Path, seed: int) -> Data:
        """The pairs; neither folder nor seed changes anything."""
        order = seeding.generator(self._draw, "number-words").permutation(self._below).tolist()
        return Data(*_tensors(order[: self._train]), *_tensors(order[: -self._test - 1 : -1]))


def english(number: int) -> list[str]:
    """The words of a number below 10,000, as ``one thousand and sixteen``."""
    thousands, hundreds, rest = number // 1000, number // 100 % 10, number % 100
    words = [_ENGLISH[thousands], "thousand"] if thousands else []
    words += [_ENGLISH[hundreds], "hundred"] if hundreds else []
    if rest or not words:
        words += ["and"] if words else []
        words += [_ENGLISH[rest]] if rest < 20 else [_ENGLISH_TENS[rest // 10 - 2], *([_ENGLISH[rest % 10]] if rest % 10 else [])]
    return words


def german(number: int) -> list[str]:
    """The parts of the word of a number below 10,000; together they are the word, as ``ein tausend sechzehn``."""
    thousands, hundreds, rest = number // 1000, number // 100 % 10, number % 100
    words = [_inside(thousands), "tausend"] if thousands else []
    words += [_inside(hundreds), "hundert"] if hundreds else []
    if rest or not words:
        words += [_GERMAN[rest]] if rest < 20 else [*([_inside(rest % 10), "und"] if rest % 10 else []), _GERMAN_TENS[rest // 10 - 2]]
    return words


def _inside(digit: int) -> str:
    """A digit that is not the end of its number."""
    return "ein" if digit == 1 else _GERMAN[digit]


_WORDS = (*SPECIALS, *_ENGLISH, *_ENGLISH_TENS, "hundred", "thousand", "and", *_GERMAN, *_GERMAN_TENS, "ein", "hundert", "tausend", "und")
_NUMBERS = {word: number for number, word in enumerate(_WORDS)}


def _tensors(numbers: list[int]) -> tuple[Tensor, Tensor]:
    return tensors([(english(number), german(number)) for number in numbers], _NUMBERS, LENGTH)
