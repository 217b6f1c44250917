"""What every data set promises; a new file in bench/parts/datasets is tested by existing."""

from __future__ import annotations

import os
import re
import typing
from pathlib import Path, PurePosixPath

import pytest
import torch

from bench.datafiles import missing
from bench.parts.datasets import IGNORED, PADDING, DataSpec, checksum, datasets

FOLDER = Path(os.environ.get("BENCH_DATA", "nowhere"))
FIELDS = ("train_inputs", "train_targets", "test_inputs", "test_targets")


def make(part, **options):
    """The data set with defaults; a required parameter takes the first value that its annotation names."""
    for name, info in part.schema.model_fields.items():
        if info.is_required() and name not in options:
            options[name] = typing.get_args(info.annotation)[0]
    complete, problems = part.check(options)
    assert not problems
    return part.target(**complete)


def case(part):
    return pytest.param(part, id=part.name, marks=[pytest.mark.data] if make(part).files().sha256 else [])


ALL = [case(part) for part in datasets]
NOISY = [case(part) for part in datasets if "label_noise" in part.schema.model_fields]


def read(part, seed=0, **options):
    dataset = make(part, **options)
    if missing(dataset.files(), FOLDER):
        pytest.skip("its files are not in BENCH_DATA")
    return dataset.read(FOLDER, seed)


def small(part, **options):
    """A few samples of what has many."""
    return read(part, train=300, test=200, **options) if "test" in part.schema.model_fields else read(part, **options)


@pytest.mark.parametrize("part", ALL)
def test_spec_agrees_with_what_is_read(part):
    data, spec = read(part), make(part).spec()
    assert isinstance(spec, DataSpec)
    assert data.train_inputs.shape == (spec.train, *spec.inputs)
    assert data.test_inputs.shape == (spec.test, *spec.inputs)
    if spec.task == "classification":
        for targets in (data.train_targets, data.test_targets):
            assert targets.dtype == torch.int64
            assert set(targets.unique().tolist()) == set(range(spec.outputs))
    if spec.task == "regression":
        assert data.train_targets.shape == (spec.train, spec.outputs)
        assert data.test_targets.shape == (spec.test, spec.outputs)
        assert data.train_targets.dtype == data.test_targets.dtype == torch.float32
    if spec.task == "translation":
        for inputs, targets, count in ((data.train_inputs, data.train_targets, spec.train), (data.test_inputs, data.test_targets, spec.test)):
            assert_teacher_forced(inputs, targets, spec.outputs)
            assert targets.shape == (count, spec.inputs[-1])
    if spec.task in {"classification", "regression"}:
        assert data.train_inputs.dtype == data.test_inputs.dtype == torch.float32
        assert data.train_inputs.isfinite().all()
        assert data.test_inputs.isfinite().all()


def assert_teacher_forced(inputs, targets, words):
    """Sentences that end, are filled up behind their end alone, and are seen one place to the right of where they are foretold."""
    assert inputs.dtype == targets.dtype == torch.int64
    sources, known = inputs.unbind(1)
    assert set(inputs.unique().tolist()) <= set(range(words))
    assert set(targets.unique().tolist()) <= {IGNORED, *range(PADDING + 1, words)}
    for filled, filler in ((sources, PADDING), (known, PADDING), (targets, IGNORED)):
        empty = (filled == filler).int()
        assert (empty.diff(dim=1) >= 0).all()
        assert not empty[:, 0].any()
    (begin,) = known[:, 0].unique()
    assert begin not in known[:, 1:]
    assert torch.equal(known == PADDING, targets == IGNORED)
    later = known[:, 1:] != PADDING
    assert torch.equal(known[:, 1:][later], targets[:, :-1][later])
    last = targets.gather(1, (targets != IGNORED).sum(1, keepdim=True) - 1)
    assert len(last.unique()) == 1


@pytest.mark.parametrize("part", ALL)
def test_reading_twice_gives_the_same_in_memory_of_its_own(part):
    first, second = small(part, seed=3), small(part, seed=3)
    for field in FIELDS:
        one, other = getattr(first, field), getattr(second, field)
        assert torch.equal(one, other)
        assert one.is_contiguous()
        assert one.untyped_storage().nbytes() == one.nbytes
        assert one.data_ptr() != other.data_ptr()


@pytest.mark.parametrize("part", ALL)
def test_the_seed_changes_nothing_by_default(part):
    first, second = small(part, seed=0), small(part, seed=1)
    assert all(torch.equal(getattr(first, field), getattr(second, field)) for field in FIELDS)


@pytest.mark.parametrize("part", list(datasets), ids=lambda part: part.name)
def test_files_are_relative_and_have_checksums(part):
    files = make(part).files()
    for path, sha256 in files.sha256.items():
        assert not PurePosixPath(path).is_absolute()
        assert ".." not in PurePosixPath(path).parts
        assert re.fullmatch(r"[0-9a-f]{64}", sha256)
    for download in files.downloads:
        assert download.urls
        assert re.fullmatch(r"[0-9a-f]{32}", download.md5)
        assert download.target is None or download.target in files.sha256
    assert bool(files.sha256) == bool(files.downloads)


@pytest.mark.parametrize("part", list(datasets), ids=lambda part: part.name)
def test_checksum_needs_no_files_and_is_stable(part):
    value = checksum(make(part), Path("nowhere"))
    assert re.fullmatch(r"[0-9a-f]{64}", value)
    assert checksum(make(part), Path("elsewhere")) == value


@pytest.mark.parametrize("part", NOISY)
def test_label_noise_keeps_the_checksum_the_inputs_and_the_test_labels(part):
    clean, noisy = small(part), small(part, seed=1, label_noise=0.5)
    assert not torch.equal(clean.train_targets, noisy.train_targets)
    for field in set(FIELDS) - {"train_targets"}:
        assert torch.equal(getattr(clean, field), getattr(noisy, field))
    assert checksum(make(part, label_noise=0.5), FOLDER) == checksum(make(part), FOLDER)


@pytest.mark.parametrize("options", [{}, {"label_noise": 0.4}, {"random_labels": True}], ids=str)
@pytest.mark.parametrize("part", NOISY)
def test_fewer_samples_are_the_first_of_more(part, options):
    more, fewer = read(part, seed=5, **options), read(part, seed=5, train=100, test=50, **options)
    for field in FIELDS:
        few = getattr(fewer, field)
        assert len(few) == (100 if field.startswith("train") else 50)
        assert torch.equal(few, getattr(more, field)[: len(few)])


@pytest.mark.parametrize("part", NOISY)
def test_labels_change_as_often_as_said_and_with_the_seed(part):
    true = read(part, train=1200, test=1).train_targets
    noisy = [read(part, train=1200, test=1, seed=seed, label_noise=0.3).train_targets for seed in (0, 1)]
    count = len(true)
    for labels in noisy:
        assert abs((labels != true).sum() - 0.3 * count) < 4 * (count * 0.3 * 0.7) ** 0.5
    assert not torch.equal(*noisy)
    assert (read(part, train=1200, test=1, label_noise=1.0).train_targets != true).all()


@pytest.mark.parametrize("part", NOISY)
def test_random_labels_are_uniform_and_know_nothing_of_the_truth(part):
    true, labels = read(part, train=1200, test=1).train_targets, read(part, train=1200, test=1, random_labels=True).train_targets
    classes, count = make(part).spec().outputs, len(true)
    tolerance = 5 * (count / classes) ** 0.5
    assert ((labels.bincount(minlength=classes) - count / classes).abs() < tolerance).all()
    assert abs((labels == true).sum() - count / classes) < tolerance


@pytest.mark.parametrize("part", NOISY)
def test_normalizations(part):
    pixels = small(part, normalize="none")
    assert pixels.train_inputs.min() == 0
    assert pixels.train_inputs.max() == 1
    single = small(part, normalize="image").test_inputs.flatten(1)
    torch.testing.assert_close(single.mean(1), torch.zeros(len(single)), atol=1e-5, rtol=0)
    torch.testing.assert_close(single.std(1, correction=0), torch.ones(len(single)), atol=1e-5, rtol=0)
    std, mean = torch.std_mean(read(part, test=1).train_inputs, dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-5, rtol=0)
    torch.testing.assert_close(std, torch.ones_like(std), atol=1e-5, rtol=0)
