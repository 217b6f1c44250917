"""Labelled images: the laws of noise and of standardization, on made-up images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import UsageError
from bench.parts.datasets import checksum, datasets
from bench.parts.datasets.digits import digits
from bench.parts.datasets.images import Images, corrupt, whiten
from bench.seeding import generator

NOWHERE = Path("nowhere")


class Made(Images):
    """Three images of two channels, 2×1 pixels, in four classes."""

    shape = (2, 2, 1)
    classes = 4
    official = (3, 1)
    peak = 10.0
    mean = (0.5, 0.2)
    std = (0.25, 0.1)
    inputs = torch.arange(12).reshape(3, 2, 2, 1).to(torch.uint8)

    def splits(self, folder):
        labels = torch.tensor([0, 1, 2], dtype=torch.uint8)
        return (self.inputs, labels), (self.inputs[:1], labels[:1])


def test_standardized_by_hand():
    data = Made().read(NOWHERE, 0)
    expected = [[[-2.0, -1.6], [0.0, 1.0]], [[-0.4, 0.0], [4.0, 5.0]], [[1.2, 1.6], [8.0, 9.0]]]
    torch.testing.assert_close(data.train_inputs.squeeze(-1), torch.tensor(expected))
    assert data.train_targets.tolist() == [0, 1, 2]
    assert Made.inputs.sum() == 66


def test_more_than_there_is_is_refused():
    with pytest.raises(UsageError, match="train is 4, and Made has 3 train samples"):
        Made(train=4)
    with pytest.raises(UsageError, match="test is 2, and Made has 1 test samples"):
        Made(test=2)


def test_noise_on_random_labels_is_refused():
    with pytest.raises(UsageError, match="does nothing"):
        Made(label_noise=0.1, random_labels=True)


def test_the_signature_is_the_schema_of_every_member():
    part = datasets["digits"]
    assert set(part.schema.model_fields) == {"train", "test", "normalize", "label_noise", "random_labels"}
    assert part.column_types() == {"train": "int64", "test": "int64", "normalize": "string", "label_noise": "float64", "random_labels": "bool"}
    for wrong in ({"label_noise": 1.5}, {"train": 0}, {"normalize": "zca"}, {"train": 2.5}):
        assert part.check(wrong)[1]


def test_whitening_by_hand_with_a_floor_for_uniform_images():
    images = torch.tensor([[1.0, 3.0, 5.0, 7.0], [2.0, 2.0, 2.0, 2.0], [0.0, 0.2, 0.0, 0.2]]).view(3, 1, 2, 2)
    expected = torch.tensor([[-3, -1, 1, 3], [0, 0, 0, 0], [-0.2, 0.2, -0.2, 0.2]]) / torch.tensor([[5**0.5], [1.0], [1.0]])
    torch.testing.assert_close(whiten(images).flatten(1), expected)


@pytest.mark.parametrize("classes", [2, 10])
def test_corruption_spreads_over_the_other_classes_alike(classes):
    labels = torch.arange(40_000) % classes
    noisy = corrupt(labels, 0.5, classes, generator(0, "test"))
    shift = (noisy - labels) % classes
    counts = shift.bincount(minlength=classes).double()
    expected = torch.tensor([20_000] + [20_000 / (classes - 1)] * (classes - 1), dtype=torch.float64)
    assert ((counts - expected) ** 2 / expected).sum() < 28  # 99.9 % of chi-squared with 9 degrees of freedom
    assert torch.equal(labels, torch.arange(40_000) % classes)


def test_corruption_as_one_label_at_a_time_would():
    labels = torch.arange(50) % 7
    random = generator(4, "label-noise")
    uniform, shifts = random.random(50), random.integers(1, 7, size=50)
    expected = [(label + shift) % 7 if u < 0.4 else label for label, u, shift in zip(labels.tolist(), uniform, shifts, strict=True)]
    assert corrupt(labels, 0.4, 7, generator(4, "label-noise")).tolist() == expected


def test_labels_changed_at_a_lower_rate_are_changed_alike_at_a_higher_one():
    true = digits().read(NOWHERE, 2).train_targets
    low, high = (digits(label_noise=rate).read(NOWHERE, 2).train_targets for rate in (0.1, 0.6))
    changed = low != true
    assert changed.any()
    assert torch.equal(low[changed], high[changed])
    assert (high != true).sum() > changed.sum()


def test_clean_is_another_object():
    noisy = digits(label_noise=0.5)
    before = noisy.read(NOWHERE, 0).train_targets
    assert torch.equal(noisy.clean().read(NOWHERE, 0).train_targets, digits().read(NOWHERE, 0).train_targets)
    assert torch.equal(noisy.read(NOWHERE, 0).train_targets, before)


def test_checksum_follows_the_arrays():
    values = {checksum(dataset, NOWHERE) for dataset in (digits(), digits(train=1279), digits(normalize="none"), Made())}
    assert len(values) == 4


def test_digits_are_scikit_learns_in_its_order():
    sklearn = pytest.importorskip("sklearn.datasets")
    bunch = sklearn.load_digits()
    data = digits(normalize="none").read(NOWHERE, 0)
    np.testing.assert_array_equal(torch.cat([data.train_inputs, data.test_inputs]).flatten(1).numpy() * 16, bunch.data)
    np.testing.assert_array_equal(torch.cat([data.train_targets, data.test_targets]), bunch.target)
    assert len(data.train_inputs) == 1280
