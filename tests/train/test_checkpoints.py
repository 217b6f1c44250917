"""Checkpoints: what comes back, what is passed over, what is refused, and when it is time."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path

import pytest
import torch

from bench.errors import StorageError
from bench.results import Interrupted
from bench.train.checkpoints import Checkpoints, checkpoint_name
from bench.train.course import Checkpoint

CPU = torch.device("cpu")
NAME = "run.way"
FILE = f"{NAME}.4"
FORM = b"implicit-bench checkpoint 1\n"
STATES = {
    "stacked": [{"velocity": torch.arange(6.0).view(2, 3)}, {"velocity": torch.tensor([1e-40, torch.inf])}],
    "pure": {"mean": torch.zeros(5), "square": torch.full((5,), torch.nan)},
    "torch": {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0]}]},
}


class Fires:
    """What runs when it is unpickled by a reader that trusts it."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return Path.touch, (self._path,)


def made(optimizer=STATES["stacked"]):
    looks = {"steps": [0, 4], "values": {"train_loss": [2.5, 0.1 + 0.2]}, "snapshots": {4: {"weight": torch.ones(2, 3)}}, "seconds": 1.5}
    return Checkpoint(4, {"weight": torch.full((2, 3), 0.1), "count": torch.tensor(7)}, optimizer, looks)


def same(one, other):
    """Equal, down to the bits and kinds of tensors."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one.view(-1).view(torch.uint8), other.view(-1).view(torch.uint8))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def sealed(content):
    """Content under its form and checksum, as our own files have it."""
    return FORM + hashlib.sha256(content).digest() + content


def loaded(folder, content):
    (folder / FILE).write_bytes(content)
    return Checkpoints(folder).load(NAME, CPU)


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_what_was_saved_comes_back(tmp_path, state):
    kept = Checkpoints(tmp_path / "new" / "folder")
    kept.save(NAME, made(state))
    back = kept.load(NAME, CPU)
    assert same(vars(back), vars(made(state)))
    assert same(vars(Checkpoints(kept.folder).load(NAME, CPU)), vars(back))


def test_the_comparison_of_these_tests_tells_differences():
    assert same(vars(made()), vars(made()))
    assert not same(vars(made()), vars(made(STATES["pure"])))
    assert not same(torch.tensor([1.0]), torch.tensor([1.0], dtype=torch.float64))
    assert not same([1, 2.0], [1, 2])


def test_the_last_one_counts(tmp_path):
    kept = Checkpoints(tmp_path)
    kept.save(NAME, made())
    kept.save(NAME, Checkpoint(9, {}, [], {}))
    assert kept.load(NAME, CPU) == Checkpoint(9, {}, [], {})
    assert {path.name for path in tmp_path.iterdir()} == {FILE, f"{NAME}.9"}
    kept.save(NAME, Checkpoint(10, {}, [], {}))
    assert {path.name for path in tmp_path.iterdir()} == {f"{NAME}.9", f"{NAME}.10"}
    assert kept.load(NAME, CPU) == Checkpoint(10, {}, [], {})


@pytest.mark.fault("F39")
def test_an_older_whole_one_stands_in_for_one_that_is_damaged(tmp_path):
    kept = Checkpoints(tmp_path)
    kept.save(NAME, made())
    kept.save(NAME, Checkpoint(9, {}, [], {}))
    newest = tmp_path / f"{NAME}.9"
    whole = newest.read_bytes()
    for content in (b"", whole[:-1], whole[:40], whole.replace(FORM, b"implicit-bench checkpoint 2\n"), whole[len(FORM) :]):
        newest.write_bytes(content)
        assert same(vars(kept.load(NAME, CPU)), vars(made()))
    (tmp_path / FILE).write_bytes(b"")
    assert kept.load(NAME, CPU) is None


def test_names_that_only_look_alike_are_others(tmp_path):
    kept = Checkpoints(tmp_path)
    for name in (f"{NAME}.x.4", f"{NAME}.", f"{NAME}.-4", f"{NAME}x.4", ".tmp-4"):
        (tmp_path / name).write_bytes(sealed(b"?"))
    assert kept.load(NAME, CPU) is None
    kept.save(NAME, made())
    assert len(list(tmp_path.iterdir())) == 6


def test_when_it_is_asked_to_stop_it_is_time_for_a_last_one(tmp_path):
    asked = []
    kept = Checkpoints(tmp_path, asked=lambda: bool(asked))
    assert not kept.due()
    kept.leave()
    asked.append(True)
    assert kept.due()
    with pytest.raises(Interrupted):
        kept.leave()


def test_another_name_finds_nothing(tmp_path):
    kept = Checkpoints(tmp_path)
    assert kept.load(NAME, CPU) is None
    kept.save(NAME, made())
    assert kept.load("run.another", CPU) is None
    assert Checkpoints(tmp_path / "another").load(NAME, CPU) is None


def test_a_name_is_that_of_the_run_and_of_all_that_its_numbers_depend_on():
    names = {checkpoint_name(*parts) for parts in [("a",), ("b",), ("a", "cpu"), ("a", "cuda"), ("a", "cpu", "eager"), ("a", "eager", "cpu")]}
    assert len(names) == 6
    assert checkpoint_name("a", "cpu") == checkpoint_name("a", "cpu")
    assert all(name.partition(".")[0] in "ab" for name in names)


@pytest.mark.fault("F39")
def test_a_torn_file_is_none(tmp_path):
    Checkpoints(tmp_path).save(NAME, made())
    content = (tmp_path / FILE).read_bytes()
    assert loaded(tmp_path, content) is not None
    for length in (0, 1, len(FORM), len(FORM) + 31, len(FORM) + 32, len(FORM) + 33, len(content) // 2, len(content) - 1):
        assert loaded(tmp_path, content[:length]) is None, length
    assert loaded(tmp_path, content + b"\0") is None


@pytest.mark.fault("F39")
def test_a_flipped_bit_is_none(tmp_path):
    Checkpoints(tmp_path).save(NAME, made())
    content = bytearray((tmp_path / FILE).read_bytes())
    for place in (0, len(FORM), len(FORM) + 31, len(FORM) + 32, len(content) // 3, len(content) // 2, len(content) - 1):
        content[place] ^= 1
        assert loaded(tmp_path, bytes(content)) is None, place
        content[place] ^= 1
    assert loaded(tmp_path, bytes(content)) is not None


def test_a_folder_under_the_name_is_none(tmp_path):
    (tmp_path / FILE).mkdir()
    assert Checkpoints(tmp_path).load(NAME, CPU) is None


@pytest.mark.fault("F38")
@pytest.mark.parametrize("form", ["pickle", "torch"])
def test_a_foreign_file_is_refused_and_does_not_run(tmp_path, form):
    """Under a checksum that is right, as one has who wants it to be read."""
    fired = tmp_path / "fired"
    content = {**vars(made()), "optimizer": Fires(fired)}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    file = sealed(pickle.dumps(content, protocol=2) if form == "pickle" else buffer.getvalue())
    assert loaded(tmp_path, file) is None
    assert not fired.exists()
    torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    assert fired.exists()


@pytest.mark.fault("F39")
@pytest.mark.parametrize("content", [{"step": 4}, {**vars(made()), "more": 1}, [1, 2], 5], ids=["too little", "too much", "a list", "a number"])
def test_a_file_of_another_form_is_none(tmp_path, content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    assert loaded(tmp_path, sealed(buffer.getvalue())) is None


@pytest.mark.fault("F39")
@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x02.", b"PK\x03\x04", pickle.dumps(made().looks["values"], protocol=2), b"\xff"])
def test_what_is_no_file_of_torch_is_none(tmp_path, content):
    assert loaded(tmp_path, sealed(content)) is None


def test_runs_whose_rows_are_written_are_forgotten_and_no_others(tmp_path):
    kept = Checkpoints(tmp_path / "kept")
    kept.drop(["aa"])
    for name in ("aa.one", "aa.two", "aaa.one", "a.one", "bb.aa", "cc.one"):
        kept.save(name, made())
    kept.drop({"aa", "cc", "another"})
    assert sorted(path.name for path in kept.folder.iterdir()) == ["a.one.4", "aaa.one.4", "bb.aa.4"]
    kept.drop([])
    assert len(list(kept.folder.iterdir())) == 3


def test_when_it_is_time(tmp_path):
    now = [100.0]
    kept = Checkpoints(tmp_path, every=10.0, clock=lambda: now[0])
    answers = []
    for seconds in (0, 9.5, 0.5, 0, 5, 4.5, 25, 0, 10):
        now[0] += seconds
        answers.append(kept.due())
    assert answers == [False, False, True, False, False, False, True, False, True]


def test_no_folder_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = Checkpoints(every=0.0)
    assert not kept.due()
    kept.save(NAME, made())
    assert kept.load(NAME, CPU) is None
    kept.drop(["run"])
    assert list(tmp_path.iterdir()) == []


def test_goes_to_workers(tmp_path):
    kept = pickle.loads(pickle.dumps(Checkpoints(tmp_path, every=7.0)))  # noqa: S301 - made here
    assert (kept.folder, kept.every) == (tmp_path, 7.0)
    kept.save(NAME, made())
    assert kept.load(NAME, CPU) is not None
    assert not kept.due()


def test_a_disk_that_refuses_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        Checkpoints(tmp_path / "file").save(NAME, made())
