"""Multi30k: its words and sentences from small files of the same form, and the real ones where BENCH_DATA holds them."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
from pathlib import Path

import pytest

from bench.datafiles import missing
from bench.errors import MissingError, UsageError
from bench.parts.datasets import BEGIN, END, IGNORED, PADDING, UNKNOWN
from bench.parts.datasets import multi30k as module
from bench.parts.datasets.multi30k import LENGTH, multi30k
from bench.parts.datasets.sentences import SPECIALS

FOLDER = Path(os.environ.get("BENCH_DATA", "nowhere"))
LINES = {
    "train.en": ["A dog runs .", "a Dog sleeps .", "unseen unseen"],
    "train.de": ["Ein Hund läuft .", "ein Hund\u00a0schläft .", "a"],
    "val.en": ["a dog flies flies ."],
    "val.de": ["ein Vogel ."],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder of a few sentences, with their own checksums."""
    checksums = {}
    for name, lines in LINES.items():
        path = tmp_path / "multi30k/task1/raw" / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
        checksums[path.name] = ("", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(module, "_CHECKSUMS", checksums)
    return tmp_path


def test_words_that_occur_twice_have_numbers_by_frequency_and_alphabet(folder):
    data = multi30k(train=2, test=1).read(folder, 0)
    dot, a, dog, ein, hund = range(len(SPECIALS), len(SPECIALS) + 5)
    assert data.train_inputs[0, 0, :6].tolist() == [a, dog, UNKNOWN, dot, END, PADDING]
    assert data.train_inputs[1, 1, :6].tolist() == [BEGIN, ein, hund, UNKNOWN, dot, PADDING]
    assert data.test_inputs[0, 0, :7].tolist() == [a, dog, UNKNOWN, UNKNOWN, dot, END, PADDING]
    assert data.test_targets[0, :5].tolist() == [ein, UNKNOWN, dot, END, IGNORED]


def test_words_are_counted_in_the_pairs_taken_and_in_both_languages(folder):
    two, three = (multi30k(train=train, test=1).read(folder, 0) for train in (2, 3))
    assert two.train_inputs.max() == len(SPECIALS) + 4
    assert three.train_inputs.max() == len(SPECIALS) + 5
    dot, a = len(SPECIALS), len(SPECIALS) + 1
    assert three.train_inputs[0, 0, :4].tolist()[::3] == [a, dot]
    assert three.train_targets[2, :2].tolist() == [a, END]


def test_the_most_frequent_words_take_the_numbers(folder):
    data = multi30k(train=2, test=1, vocabulary=len(SPECIALS) + 1).read(folder, 0)
    assert data.train_inputs[0, 0, :5].tolist() == [UNKNOWN, UNKNOWN, UNKNOWN, len(SPECIALS), END]
    assert multi30k(vocabulary=len(SPECIALS) + 1).spec().outputs == len(SPECIALS) + 1


def test_one_fetch_brings_all_splits():
    names = [f"{split}.{language}.gz" for split in ("train", "val", "test_2016_flickr") for language in ("en", "de")]
    for split in ("val", "test_2016_flickr"):
        files = multi30k(split=split).files()
        assert [Path(path).name for path in files.sha256] == names
        assert [url.rpartition("/")[2] for download in files.downloads for url in download.urls] == names
    assert multi30k(split="test_2016_flickr").spec().test == 1000


@pytest.mark.parametrize(
    ("options", "text"), [({"train": 29_001}, "29001 pairs .* 29000 in its split train"), ({"test": 1015}, "1015 pairs .* 1014 in its split val")]
)
def test_refuses_more_pairs_than_there_are(options, text):
    with pytest.raises(UsageError, match=text):
        multi30k(**options)


@pytest.mark.fault("F35")
def test_an_altered_file_is_refused_before_it_is_opened(folder, monkeypatch):
    victim = folder / "multi30k/task1/raw/val.de.gz"
    victim.write_bytes(victim.read_bytes() + b"?")
    monkeypatch.setattr(gzip, "open", None)
    with pytest.raises(MissingError, match="not what it should be"):
        multi30k(train=2, test=1).read(folder, 0)


@pytest.mark.fault("F59")
def test_without_torchtext_the_message_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchtext.vocab", None)
    with pytest.raises(MissingError, match="torchtext cannot be imported") as caught:
        multi30k(train=2, test=1).read(folder, 0)
    assert "torchtext 0.6.0" in caught.value.hint


@pytest.fixture
def real():
    if missing(multi30k().files(), FOLDER):
        pytest.skip("its files are not in BENCH_DATA")
    return FOLDER


@pytest.mark.data
def test_the_default_vocabulary_is_that_of_the_first_2048_pairs(real):
    vocabulary = multi30k().spec().outputs
    wider = multi30k(vocabulary=vocabulary + 100).read(real, 0)
    assert max(wider.train_inputs.max(), wider.train_targets.max()) == vocabulary - 1


@pytest.mark.data
def test_no_training_sentence_is_cut(real):
    data = multi30k(train=29_000, test=1).read(real, 0)
    last = data.train_targets[:, -1]
    assert set(last.tolist()) == {IGNORED, END}
    assert (data.train_inputs[:, 0, LENGTH - 5 :] != PADDING).any()


@pytest.mark.data
def test_the_first_pair(real):
    """Two young, White males are outside near many bushes. Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche."""
    data = multi30k().read(real, 0)
    assert int((data.train_inputs[0, 0] != PADDING).sum()) == 9 + 1
    assert int((data.train_targets[0] != IGNORED).sum()) == 12 + 1
    one, other = data.train_inputs[0, 1, 1:13], data.train_targets[0, :12]
    assert one.tolist() == other.tolist()
