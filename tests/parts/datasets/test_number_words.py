"""Number words: hard cases of both languages, and what is learned from what."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.parts.datasets import BEGIN, END, IGNORED, PADDING, UNKNOWN
from bench.parts.datasets.number_words import LENGTH, english, german, number_words
from bench.parts.datasets.sentences import tensors

UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
VALUES = {word: value for value, word in enumerate(UNITS.split())} | {word: 10 * value for value, word in enumerate(TENS.split(), start=2)}


@pytest.mark.parametrize(
    ("number", "in_english", "in_german"),
    [
        (0, "zero", "null"),
        (1, "one", "eins"),
        (12, "twelve", "zwölf"),
        (16, "sixteen", "sechzehn"),
        (17, "seventeen", "siebzehn"),
        (20, "twenty", "zwanzig"),
        (21, "twenty one", "einundzwanzig"),
        (30, "thirty", "dreißig"),
        (67, "sixty seven", "siebenundsechzig"),
        (76, "seventy six", "sechsundsiebzig"),
        (100, "one hundred", "einhundert"),
        (101, "one hundred and one", "einhunderteins"),
        (110, "one hundred and ten", "einhundertzehn"),
        (121, "one hundred and twenty one", "einhunderteinundzwanzig"),
        (1000, "one thousand", "eintausend"),
        (1001, "one thousand and one", "eintausendeins"),
        (1016, "one thousand and sixteen", "eintausendsechzehn"),
        (1100, "one thousand one hundred", "eintausendeinhundert"),
        (2040, "two thousand and forty", "zweitausendvierzig"),
        (9999, "nine thousand nine hundred and ninety nine", "neuntausendneunhundertneunundneunzig"),
    ],
)
def test_hard_cases(number, in_english, in_german):
    assert " ".join(english(number)) == in_english
    assert "".join(german(number)) == in_german


@given(st.integers(0, 9999))
def test_english_words_add_up_to_the_number(number):
    total, last = 0, 0
    for word in english(number):
        scale = {"hundred": 100, "thousand": 1000}.get(word)
        total, last = (total + last * scale, 0) if scale else (total, last + VALUES.get(word, 0))
    assert total + last == number


def test_every_number_has_words_of_its_own_that_fit():
    for words in (english, german):
        sentences = [tuple(words(number)) for number in range(10_000)]
        assert len(set(sentences)) == len({"".join(sentence) for sentence in sentences}) == 10_000
        assert max(map(len, sentences)) == LENGTH - 1


def test_all_words_are_known_and_no_number_is_in_both_splits():
    data = number_words(train=9000, test=1000).read(Path(), 0)
    assert not (torch.cat([data.train_inputs, data.test_inputs]) == UNKNOWN).any()
    sources = [tuple(row) for row in torch.cat([data.train_inputs, data.test_inputs])[:, 0].tolist()]
    assert len(set(sources)) == 10_000


def test_fewer_numbers_are_the_first_of_more_and_a_draw_has_its_own():
    more, fewer, other = (number_words(train=train, test=9, **given).read(Path(), 0) for train, given in ((50, {}), (20, {}), (50, {"draw": 1})))
    assert torch.equal(more.train_inputs[:20], fewer.train_inputs)
    assert torch.equal(more.test_inputs, fewer.test_inputs)
    assert not torch.equal(more.train_inputs, other.train_inputs)


def test_numbers_stay_below():
    data = number_words(train=15, test=5, below=20).read(Path(), 0)
    assert torch.cat([data.train_inputs, data.test_inputs]).ne(PADDING).sum((1, 2)).max() == 4


def test_refuses_more_numbers_than_there_are():
    with pytest.raises(UsageError, match="15 training and 6 test numbers are wanted, and there are 20"):
        number_words(train=15, test=6, below=20)


def test_a_pair_by_hand():
    inputs, targets = tensors([(["a", "b"], ["c"])], {"a": 4, "c": 5}, 4)
    assert inputs.tolist() == [[[4, UNKNOWN, END, PADDING], [BEGIN, 5, PADDING, PADDING]]]
    assert targets.tolist() == [[5, END, IGNORED, IGNORED]]


def test_a_long_sentence_is_cut_and_ends_all_the_same():
    inputs, targets = tensors([(["a"] * 9, ["c"] * 9)], {"a": 4, "c": 5}, 3)
    assert inputs.tolist() == [[[4, 4, END], [BEGIN, 5, 5]]]
    assert targets.tolist() == [[5, 5, END]]
