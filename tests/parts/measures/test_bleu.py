"""BLEU: closed cases, sacrebleu itself on the sentences in words, and greedy decoding against a search written out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sacrebleu.metrics import BLEU
from torch import nn
from torch.nn.functional import one_hot

from bench import seeding
from bench.parts.datasets import BEGIN, END, IGNORED, PADDING, UNKNOWN
from bench.parts.datasets.number_words import LENGTH, german, number_words
from bench.parts.measures import View
from bench.parts.measures.bleu import bleu, translations
from bench.train.checkpoints import Checkpoints
from bench.train.lanes import resident
from tests.train.runs import TRANSFORMER, pack_of, prepared, run_of, trainer

SET = number_words(train=20, test=50)
DATA = SET.read(Path(), 0)
WORDS = SET.spec().outputs


class Told(nn.Module):
    """Knows a translation of each test sentence and tells its next word, whatever came before."""

    def __init__(self, answers):
        super().__init__()
        self._answers = {tuple(source.tolist()): answer for source, answer in zip(DATA.test_inputs[:, 0], answers, strict=True)}

    def forward(self, inputs):
        told = torch.stack([self._answers[tuple(source.tolist())] for source in inputs[:, 0]])
        return one_hot(told, WORDS).float()


def padded(rows):
    """Rows of words with their ends; nobody asks for what stands behind."""
    return torch.tensor([[*row, END, *[PADDING] * LENGTH][:LENGTH] for row in rows])


TRUE = [[word for word in row if word not in (IGNORED, END)] for row in DATA.test_targets.tolist()]


def view_of(model, data=DATA):
    return View(model.eval(), None, data, SET.spec(), None, 0, 7)


def score(answers, data=DATA):
    return bleu(view_of(Told(padded(answers)), data)).values["bleu"]


def test_a_perfect_translation_has_a_hundred():
    assert score(TRUE) == pytest.approx(100, abs=1e-9)


def test_a_wrong_one_has_next_to_nothing():
    assert score([[4] * len(row) for row in TRUE]) < 1
    assert score([[] for _ in TRUE]) == 0


def test_one_word_less_is_punished_for_being_short():
    """All words and orders are right, and the translations are as a whole r - n words long: exp(1 - r / (r - n))."""
    long = [row for row in TRUE if len(row) >= 5]
    keep = [index for index, row in enumerate(TRUE) if len(row) >= 5]
    data = replace(DATA, test_inputs=DATA.test_inputs[keep], test_targets=DATA.test_targets[keep])
    words = sum(map(len, long))
    assert score([row[:-1] if len(row) >= 5 else row for row in TRUE], data) == pytest.approx(100 * math.exp(1 - words / (words - len(long))))


def test_agrees_with_sacrebleu_on_the_words_themselves():
    numbers = seeding.generator(0, "number-words").permutation(10_000).tolist()[:-51:-1]
    sentences = [german(number) for number in numbers]
    words = {number: word for target, sentence in zip(TRUE, sentences, strict=True) for number, word in zip(target, sentence, strict=True)}
    answers = [[*row[1:], *row[:1]] if index % 3 else row for index, row in enumerate(TRUE)]
    found, wanted = ([" ".join(row) for row in rows] for rows in ([[words[number] for number in row] for row in answers], sentences))
    expected = BLEU(tokenize="none", force=True).corpus_score(found, [wanted])
    assert 20 < expected.score < 95
    assert score(answers) == pytest.approx(expected.score, abs=1e-9)


def test_an_unknown_word_is_never_right():
    targets = DATA.test_targets.clone()
    targets[:, 0] = UNKNOWN
    answers = [[UNKNOWN, *row[1:]] for row in TRUE]
    data = replace(DATA, test_targets=targets)
    assert score(answers, data) == pytest.approx(score([[5, *row[1:]] for row in TRUE], data), abs=1e-9)
    assert score(answers, data) < 90


def test_its_remark_is_the_signature_and_comes_with_the_result():
    remark = bleu(view_of(Told(padded(TRUE)))).remark
    assert remark.startswith("nrefs:1|case:mixed|eff:no|tok:none|smooth:exp|version:")
    run = run_of(model=TRANSFORMER, dataset={"name": "number_words", "train": 10, "test": 5}, steps=1)
    (result,) = trainer()(pack_of(run, measures=["loss", "bleu"]), lambda _: None)
    assert result.remarks == {"bleu": remark}
    assert 0 <= result.metrics["bleu"] < 5


class Peeking(nn.Module):
    """Its next word depends on every place of the translation that it is given."""

    def forward(self, inputs):
        return one_hot((inputs[:, 1] * torch.arange(1, LENGTH + 1)).sum(1, keepdim=True).expand(-1, LENGTH) % WORDS, WORDS).float()


def test_no_true_word_is_there_to_be_seen():
    blind = torch.stack([DATA.test_inputs[:, 0], torch.full_like(DATA.test_inputs[:, 1], 9)], dim=1)
    assert translations(Peeking(), DATA.test_inputs, 7) == translations(Peeking(), blind, 7)


def searched(model, source):
    """One sentence at a time, from the beginning at each word."""
    found = []
    while len(found) < LENGTH and END not in found:
        target = [BEGIN, *found][:LENGTH]
        inputs = torch.tensor([[source.tolist(), target + [PADDING] * (LENGTH - len(target))]])
        with torch.no_grad():
            found.append(int(model(inputs)[0, len(found)].argmax()))
    return [word for word in found if word != END]


@pytest.mark.parametrize("epochs", [1, 8])
def test_decoding_is_greedy_and_looks_at_no_true_word(epochs):
    run = run_of(model=TRANSFORMER, dataset={"name": "number_words", "train": 100, "test": 50}, optimizer={"name": "adam", "lr": 0.02}, epochs=epochs)
    ready = prepared(run)
    resident.train(ready, lambda *_: None, Checkpoints())
    model, inputs = ready.model.eval(), ready.data.test_inputs[:23]
    expected = [searched(model, sentence[0]) for sentence in inputs]
    blind = torch.stack([inputs[:, 0], torch.full_like(inputs[:, 1], 9)], dim=1)
    assert translations(model, inputs, 7) == translations(model, blind, 23) == expected
    assert len({len(words) for words in expected}) > 1 or epochs == 1
