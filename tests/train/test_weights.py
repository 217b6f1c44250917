"""Final weights that are kept: what was kept comes back bit for bit, and what is damaged is refused."""

from __future__ import annotations

import hashlib
import pickle

import pytest
import torch
from torch import nn

from bench.errors import StorageError
from bench.train.weights import WeightStore

CPU = torch.device("cpu")


@pytest.fixture
def store(tmp_path):
    return WeightStore(tmp_path / "weights")


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))


def test_parameters_and_buffers_come_back_bit_for_bit(store):
    weights = network().state_dict()
    loaded = store.load(store.keep(weights), CPU)
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], tensor) and loaded[name].dtype == tensor.dtype for name, tensor in weights.items())


def test_the_name_is_the_digest_of_the_file(store):
    digest = store.keep(network().state_dict())
    assert hashlib.sha256(store.path(digest).read_bytes()).hexdigest() == digest
    assert [path.name for path in store.folder.iterdir()] == [f"{digest}.pt"]


def test_the_same_weights_are_written_once_and_others_beside_them(store):
    digests = [store.keep(network(seed).state_dict()) for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]
    assert len(list(store.folder.iterdir())) == 2


def test_a_view_of_a_large_tensor_is_kept_without_the_rest(store):
    digest = store.keep({"a": torch.zeros(1_000_000)[:3]})
    assert store.path(digest).stat().st_size < 10_000


def test_a_damaged_file_is_refused_and_mended_by_keeping_anew(store):
    digest = store.keep(network().state_dict())
    content = bytearray(store.path(digest).read_bytes())
    content[len(content) // 2] ^= 1
    store.path(digest).write_bytes(content)
    with pytest.raises(StorageError, match="its content is not what its name says"):
        store.load(digest, CPU)
    assert store.keep(network().state_dict()) == digest
    assert store.load(digest, CPU)


def test_a_missing_file_is_named(store):
    with pytest.raises(StorageError, match=r"the kept weights are missing[\s\S]*--force"):
        store.load("a" * 64, CPU)


class Harmful:
    """Would write a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("make", [lambda harmful: pickle.dumps(harmful, protocol=2), lambda harmful: b"no archive", lambda harmful: b""])
def test_nothing_but_tensors_is_unpickled(store, tmp_path, make):
    content = make({"a": Harmful(tmp_path / "harm")})
    digest = hashlib.sha256(content).hexdigest()
    store.folder.mkdir()
    store.path(digest).write_bytes(content)
    with pytest.raises(StorageError, match="cannot be read"):
        store.load(digest, CPU)
    assert not (tmp_path / "harm").exists()
