"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, in the layout of files that torchvision has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import torch

from bench.datafiles import Download, Files, verify
from bench.errors import MissingError
from bench.parts.datasets import datasets
from bench.parts.datasets.images import Images, Labelled


class ImageFiles(Images):
    """Images in files that torchvision knows how to read.

    Attributes:
        torchvision_name: the class in ``torchvision.datasets``.
        sha256: path relative to the data folder -> checksum.
    """

    peak = 255.0
    torchvision_name: ClassVar[str]
    sha256: ClassVar[Mapping[str, str]]

    def files(self) -> Files:
        """The files with their checksums; without torchvision no addresses are known, and the checksums are all the same."""
        try:
            source = getattr(_torchvision_datasets(), self.torchvision_name)
        except MissingError:
            return Files(self.sha256)
        return Files(self.sha256, self._downloads(source))

    def splits(self, folder: Path) -> tuple[Labelled, Labelled]:
        """Training and test split, from files that are verified before they are opened: CIFAR's are pickles.

        Raises:
            MissingError: if a file is missing or altered, or torchvision cannot be imported.
        """
        verify(Files(self.sha256), folder, type(self).__name__)
        return self._split(folder, train=True), self._split(folder, train=False)

    @abstractmethod
    def _split(self, folder: Path, *, train: bool) -> Labelled:
        """One split, from verified files."""

    @staticmethod
    @abstractmethod
    def _downloads(source: Any) -> tuple[Download, ...]:
        """What torchvision's class says of addresses and checksums."""


class _Idx(ImageFiles):
    """The family of MNIST: one file for each split's images and one for its labels."""

    shape = (1, 28, 28)
    classes = 10
    official = (60000, 10000)

    def _split(self, folder: Path, *, train: bool) -> Labelled:
        # torchvision's class would prefer an old MNIST/processed/*.pt, which nobody verified
        mnist_files = _torchvision_datasets().mnist
        stem = folder / self.torchvision_name / "raw" / ("train" if train else "t10k")
        images = mnist_files.read_image_file(f"{stem}-images-idx3-ubyte")
        return images.unsqueeze(1), mnist_files.read_label_file(f"{stem}-labels-idx1-ubyte")

    @staticmethod
    def _downloads(source: Any) -> tuple[Download, ...]:
        return tuple(
            Download(tuple(f"{mirror}{file}" for mirror in source.mirrors), md5, f"{source.__name__}/raw/{file.removesuffix('.gz')}")
            for file, md5 in source.resources
        )


class _Cifar(ImageFiles):
    """The family of CIFAR: one archive of pickled batches."""

    shape = (3, 32, 32)
    official = (50000, 10000)

    def _split(self, folder: Path, *, train: bool) -> Labelled:
        split = getattr(_torchvision_datasets(), self.torchvision_name)(str(folder), train=train, download=False)
        return torch.from_numpy(split.data).permute(0, 3, 1, 2), torch.tensor(split.targets)

    @staticmethod
    def _downloads(source: Any) -> tuple[Download, ...]:
        return (Download((source.url,), source.tgz_md5),)


@datasets.register()
class mnist(_Idx):
    """70,000 handwritten digits of 28×28 pixels.

    Options: see `Images`. Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition" (1998).
    """

    mean = (0.130660,)
    std = (0.308108,)
    torchvision_name = "MNIST"
    sha256: ClassVar[Mapping[str, str]] = {
        "MNIST/raw/train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "MNIST/raw/train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "MNIST/raw/t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "MNIST/raw/t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }


@datasets.register()
class fashion_mnist(_Idx):
    """70,000 pictures of clothes of 28×28 pixels, in 10 classes.

    Options: see `Images`. Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms" (2017).
    """

    mean = (0.286041,)
    std = (0.353024,)
    torchvision_name = "FashionMNIST"
    sha256: ClassVar[Mapping[str, str]] = {
        "FashionMNIST/raw/train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "FashionMNIST/raw/train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "FashionMNIST/raw/t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "FashionMNIST/raw/t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }


@datasets.register()
class cifar10(_Cifar):
    """60,000 coloured photographs of 32×32 pixels, in 10 classes.

    Options: see `Images`. Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).
    """

    classes = 10
    mean = (0.491400, 0.482158, 0.446531)
    std = (0.247032, 0.243485, 0.261588)
    torchvision_name = "CIFAR10"
    sha256: ClassVar[Mapping[str, str]] = {
        "cifar-10-batches-py/batches.meta": "f962466ef690d46b226450fb9aadc74ba4bc64a76aa526b5827fe4bc5c7125cb",
        "cifar-10-batches-py/data_batch_1": "54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd",
        "cifar-10-batches-py/data_batch_2": "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8",
        "cifar-10-batches-py/data_batch_3": "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9",
        "cifar-10-batches-py/data_batch_4": "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b",
        "cifar-10-batches-py/data_batch_5": "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154",
        "cifar-10-batches-py/test_batch": "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831",
    }


@datasets.register()
class cifar100(_Cifar):
    """60,000 coloured photographs of 32×32 pixels, in 100 classes.

    Options: see `Images`. Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).
    """

    classes = 100
    mean = (0.507075, 0.486549, 0.440918)
    std = (0.267334, 0.256438, 0.276150)
    torchvision_name = "CIFAR100"
    sha256: ClassVar[Mapping[str, str]] = {
        "cifar-100-python/meta": "a5d4786345c961390f865e93b434dbd5c6904ce880667e0cb888c97d449f28b9",
        "cifar-100-python/test": "4b67687d9933c4db8f0831104447f15b93774f4f464bd0516f0f0f2ac83b7864",
        "cifar-100-python/train": "735e79b04f092ca3d2e6d07f368c0a7d70d48c48d28865950cc24454cf45129b",
    }


def _torchvision_datasets() -> ModuleType:
    """The module, imported when it is needed.

    Raises:
        MissingError: if it is not installed, or built for another torch.
    """
    try:
        import torchvision.datasets
    except (ImportError, OSError, RuntimeError) as error:
        raise MissingError(
            f"torchvision cannot be imported: {error}", hint="Install implicit-bench[train]; its torch and torchvision belong together."
        ) from error
    module: ModuleType = torchvision.datasets
    return module
