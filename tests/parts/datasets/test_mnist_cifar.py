"""Real images, where BENCH_DATA holds them; and what holds without them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

from bench.datafiles import missing
from bench.errors import MissingError
from bench.parts.datasets import checksum, datasets

NAMES = ("mnist", "fashion_mnist", "cifar10", "cifar100")
FOLDER = Path(os.environ.get("BENCH_DATA", "nowhere"))


def make(name, **options):
    return datasets[name].target(**options)


@pytest.fixture
def present(name):
    if missing(make(name).files(), FOLDER):
        pytest.skip("its files are not in BENCH_DATA")


@pytest.mark.data
@pytest.mark.usefixtures("present")
@pytest.mark.parametrize(
    ("name", "means", "counts"),
    [
        ("mnist", [0.1307], ([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949], [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])),
        ("fashion_mnist", [0.2860], ([6000] * 10, [1000] * 10)),
        ("cifar10", [0.4914, 0.4822, 0.4465], ([5000] * 10, [1000] * 10)),
        ("cifar100", [0.5071, 0.4865, 0.4409], ([500] * 100, [100] * 100)),
    ],
)
def test_channel_means_and_class_counts(name, means, counts):
    data = make(name, normalize="none").read(FOLDER, 0)
    found = data.train_inputs.mean((0, 2, 3), dtype=torch.float64)
    torch.testing.assert_close(found, torch.tensor(means, dtype=torch.float64), atol=5e-5, rtol=0)
    assert data.train_targets.bincount().tolist() == counts[0]
    assert data.test_targets.bincount().tolist() == counts[1]


@pytest.mark.data
@pytest.mark.usefixtures("present")
@pytest.mark.parametrize("name", NAMES)
def test_images_are_torchvisions_own(name):
    import torchvision.datasets

    data = make(name, normalize="none", train=20, test=20).read(FOLDER, 0)
    for train, inputs, targets in ((True, data.train_inputs, data.train_targets), (False, data.test_inputs, data.test_targets)):
        theirs = getattr(torchvision.datasets, make(name).torchvision_name)(str(FOLDER), train=train, download=False)
        for index in range(20):
            image, label = theirs[index]
            pixels = torch.tensor(list(image.tobytes())).view(28 if inputs.shape[1] == 1 else 32, -1, inputs.shape[1]).permute(2, 0, 1)
            torch.testing.assert_close(inputs[index] * 255, pixels.float())
            assert targets[index] == label


@pytest.mark.fault("F38")
@pytest.mark.fault("F35")
@pytest.mark.data
@pytest.mark.usefixtures("present")
@pytest.mark.parametrize("name", ["cifar10", "cifar100", "mnist"])
def test_one_changed_byte_is_refused_before_anything_is_opened(name, tmp_path, monkeypatch):
    victim = list(make(name).files().sha256)[-1]
    for path in make(name).files().sha256:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if path == victim:
            shutil.copy(FOLDER / path, tmp_path / path)
        else:
            (tmp_path / path).symlink_to(FOLDER / path)
    with (tmp_path / victim).open("r+b") as handle:
        handle.seek(-100, os.SEEK_END)
        byte = handle.read(1)
        handle.seek(-1, os.SEEK_CUR)
        handle.write(bytes([byte[0] ^ 1]))
    for opener in ("torchvision.datasets.cifar.pickle.load", "torchvision.datasets.mnist.read_image_file"):
        monkeypatch.setattr(opener, lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(MissingError, match="is not what it should be") as caught:
        make(name).read(tmp_path, 0)
    assert victim in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_missing_files_are_named_with_the_command(name, tmp_path):
    with pytest.raises(MissingError) as caught:
        make(name).read(tmp_path, 0)
    files = make(name).files()
    assert f"{len(files.sha256)} of {len(files.sha256)} data files are missing" in str(caught.value)
    assert all(path in str(caught.value) for path in files.sha256)
    assert f"`bench data fetch {name}`" in str(caught.value)


@pytest.mark.fault("F59")
@pytest.mark.parametrize("name", NAMES)
def test_without_torchvision_checksums_stay_and_reading_says_what_to_install(name, monkeypatch, tmp_path):
    before = make(name).files()
    assert before.downloads
    value = checksum(make(name), tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    assert make(name).files().sha256 == before.sha256
    assert make(name).files().downloads == ()
    assert checksum(make(name), tmp_path) == value
    monkeypatch.setattr("bench.parts.datasets.mnist_cifar.verify", lambda *_: None)
    with pytest.raises(MissingError, match="torchvision cannot be imported") as caught:
        make(name).read(tmp_path, 0)
    assert "implicit-bench[train]" in str(caught.value)


def test_checksums_tell_sets_apart_and_ignore_options():
    assert len({checksum(make(name), FOLDER) for name in NAMES}) == len(NAMES)
    assert checksum(make("mnist", train=5, label_noise=0.5), FOLDER) == checksum(make("mnist"), FOLDER)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_an_archive_of_one_file_becomes_that_file(name):
    files = make(name).files()
    assert {download.target for download in files.downloads} == set(files.sha256)
    assert all(url.endswith(f"{download.target.rpartition('/')[2]}.gz") for download in files.downloads for url in download.urls)
