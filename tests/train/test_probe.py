"""The probe climbs as long as it pays, stays within memory, and keeps its answer."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.train import probe
from bench.train.lanes.stacked import agreement
from bench.train.probe import LADDER, Probes, members_that_pay, room
from bench.train.setup import dataset_of
from tests.train.runs import sine_run

RUN = sine_run(dropout=0.2, steps=200)
FIT = agreement(RUN.cell, dataset_of(RUN.cell).spec())


@pytest.mark.parametrize(
    ("each", "most", "expected"),
    [
        ({1: 100, 8: 20, 32: 10, 128: 8, 512: 7}, 10**6, 512),
        ({1: 100, 8: 20, 32: 10, 128: 9.8}, 10**6, 32),
        ({1: 100, 8: 20, 32: 10, 128: 8}, 127, 32),
        ({1: 100, 8: 20, 32: 10}, 10**6, 32),
        ({1: 10, 8: 10}, 10**6, 1),
        ({1: 10}, 7, 1),
    ],
    ids=["all", "5% less pays no more", "memory by the rule", "memory runs out", "none", "no room"],
)
def test_it_climbs_as_long_as_a_step_of_one_becomes_shorter(each, most, expected):
    def seconds(members):
        if members not in each:
            raise torch.OutOfMemoryError
        return members * each[members]

    assert members_that_pay(seconds, most) == expected


@given(st.integers(0, 2**40))
def test_there_is_room_for_what_fits(free):
    layers = [(1, 100), (100, 1)]
    fit = SimpleNamespace(rows=20, layers=[SimpleNamespace(outputs=outputs) for _, outputs in layers], parameters=301)
    members = room(fit, free)
    need = 4 * (4 * 301 + 4 * 20 * 101)
    assert members == 1 or members * need <= 0.8 * free < (members + 1) * need


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """A GPU that is none: steps are made on the CPU, and timed as a table says."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**30, 2**30))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    probes = Probes("cpu", tmp_path / "data", tmp_path / "packs")
    asked = []
    taken = {size: size * 10.0 / rank for rank, size in enumerate((1, *LADDER), 1)}
    monkeypatch.setattr(probes, "_seconds", lambda fit, run, members: asked.append(members) or taken[members])
    return probes, asked


def test_an_answer_is_found_once_for_each_kind_and_machine(gpu, monkeypatch):
    probes, asked = gpu
    assert probes(FIT, RUN) == 512
    assert asked == [1, *LADDER]
    assert probes(dataclasses.replace(FIT, total_steps=10**6), RUN) == 512
    assert len(asked) == 5, "the length is no reason to ask again"
    probes(dataclasses.replace(FIT, rows=99), RUN)
    assert len(asked) == 10
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "another")
    probes(FIT, RUN)
    assert len(asked) == 15


@pytest.mark.parametrize("content", ["", "{", "[]", '{"members": "many"}', '{"members": 0}', '{"other": 1}'])
def test_an_answer_that_makes_no_sense_is_found_again(gpu, content):
    probes, asked = gpu
    probes(FIT, RUN)
    (file,) = probes._cache.iterdir()
    file.write_text(content)
    assert probes(FIT, RUN) == 512
    assert len(asked) == 10


def test_where_nothing_can_be_kept_it_asks_again(gpu):
    probes, asked = gpu
    probes._cache.parent.mkdir(exist_ok=True)
    probes._cache.write_text("a file where the folder should be")
    assert [probes(FIT, RUN), probes(FIT, RUN)] == [512, 512]
    assert len(asked) == 10


def test_it_times_steps_of_so_many_members(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    made = []
    original = probe.prepare
    monkeypatch.setattr(probe, "prepare", lambda run, *rest: made.append(run.seed) or original(run, *rest))
    assert Probes("cpu", tmp_path, tmp_path)._seconds(FIT, RUN, 3) > 0
    assert made == [0, 1, 2]


@pytest.mark.gpu
def test_a_gpu_holds_more_than_one(tmp_path):
    assert Probes("cuda:0", tmp_path, tmp_path)(FIT, RUN) > 1
    assert len(list(tmp_path.glob("*.json"))) == 1
