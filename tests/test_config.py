from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.config import LATER, Cell, Dropout, PartSpec, Phase, Run, Stop, canonical, cell_from_json
from tests.planning import resolved

PROPERTY = settings(max_examples=100, deadline=None, database=None, derandomize=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), NUMBERS, st.text(max_size=5), st.lists(st.integers(), max_size=2))
PARTS = st.builds(PartSpec, st.text(min_size=1, max_size=5), st.dictionaries(st.text(max_size=5), VALUES, max_size=3))
RATES = st.one_of(NUMBERS, st.lists(NUMBERS, max_size=3).map(tuple))
CELLS = st.builds(
    Cell,
    *[PARTS] * 6,
    augmentation=st.lists(PARTS, max_size=2).map(tuple),
    dropout=st.builds(Dropout, RATES, st.sampled_from(["per_sample", "shared"])),
    batch_size=st.one_of(st.integers(1, 10**6), st.just("full")),
    epochs=st.one_of(st.none(), st.integers(1, 10**6)),
    steps=st.one_of(st.none(), st.integers(1, 10**6)),
    precision=st.sampled_from(["float32", "bf16"]),
    stop=st.one_of(st.none(), st.builds(Stop, st.sampled_from(["train_loss", "test_loss"]), NUMBERS)),
    penalties=st.lists(PARTS, max_size=2).map(tuple),
    phases=st.lists(st.builds(Phase, st.integers(1, 10**6), PARTS, st.lists(PARTS, max_size=1).map(tuple), st.sampled_from(["keep", "fresh"])), max_size=2).map(
        tuple
    ),
    chunk=st.one_of(st.none(), st.integers(1, 10**6)),
)
PINNED = Cell(
    model=PartSpec("fnn", {"width": 64, "depth": 1, "activation": "relu", "bias": True}),
    dataset=PartSpec("digits", {"train": None, "label_noise": 0.0}),
    objective=PartSpec("cross_entropy"),
    optimizer=PartSpec("sgd", {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-05}),
    schedule=PartSpec("constant"),
    initializer=PartSpec("default"),
    augmentation=(PartSpec("crop", {"padding": 1}),),
    dropout=Dropout((0.1, 0.2), "shared"),
    batch_size="full",
    epochs=None,
    steps=100,
    precision="float32",
)
ROOT = Path(__file__).parents[1]
PINNED_ID = "fbad2a96b17d0388bcd009aad7fc922bd8228ee83a59cc316d18bb46619373e9"


@PROPERTY
@given(CELLS)
def test_a_cell_is_rebuilt_from_its_json(cell):
    back = cell_from_json(cell.json)
    assert back == cell
    assert back.cell_id == cell.cell_id


@PROPERTY
@given(CELLS, CELLS)
def test_two_cells_have_one_id_if_they_are_equal(one, other):
    assert (one.cell_id == other.cell_id) == (one.json == other.json)


@PROPERTY
@given(CELLS)
def test_the_order_of_parameters_plays_no_part(cell):
    turned = PartSpec(cell.optimizer.name, dict(reversed(cell.optimizer.parameters.items())))
    assert dataclasses.replace(cell, optimizer=turned).cell_id == cell.cell_id


OTHER = PartSpec("other")


@pytest.mark.fault("F63")
@pytest.mark.parametrize(
    "change",
    [
        *[{key: OTHER} for key in ("model", "dataset", "objective", "optimizer", "schedule", "initializer")],
        {"optimizer": PartSpec("sgd", {**PINNED.optimizer.parameters, "lr": 0.2})},
        {"optimizer": PartSpec("sgd", {**PINNED.optimizer.parameters, "nesterov": False})},
        {"augmentation": ()},
        {"augmentation": (OTHER, *PINNED.augmentation)},
        {"dropout": Dropout((0.2, 0.1), "shared")},
        {"dropout": Dropout((0.1, 0.2), "per_sample")},
        {"batch_size": 1280},
        {"epochs": 1, "steps": None},
        {"steps": 101},
        {"precision": "bf16"},
        {"stop": Stop("train_loss", 0.1)},
        {"stop": Stop("test_loss", 0.1)},
        {"penalties": (OTHER,)},
        {"penalties": (PartSpec("other", {"coefficient": -1.0}),)},
        {"phases": (Phase(10, OTHER),)},
        {"phases": (Phase(11, OTHER),)},
        {"phases": (Phase(10, OTHER, (OTHER,)),)},
        {"phases": (Phase(10, OTHER, optimizer_state="fresh"),)},
        {"chunk": 10},
        {"chunk": 11},
    ],
    ids=lambda change: "+".join(change),
)
def test_every_change_of_a_cell_changes_its_id(change):
    assert dataclasses.replace(PINNED, **change).cell_id != PINNED.cell_id


@pytest.mark.fault("F63")
def test_no_field_of_a_cell_is_left_out_of_its_id():
    whole = dataclasses.replace(PINNED, stop=Stop("train_loss", 0.1), penalties=(OTHER,), phases=(Phase(10, OTHER),), chunk=10)
    assert set(json.loads(whole.json)) == {field.name for field in dataclasses.fields(Cell)}
    assert set(json.loads(PINNED.json)) == set(json.loads(whole.json)) - {"stop", "penalties", "phases", "chunk"}
    assert cell_from_json(whole.json) == whole


def independent_id(cell: Cell) -> str:
    """The id by hand: nothing of bench but the cell's fields."""

    def plain(value: Any) -> Any:
        if isinstance(value, PartSpec):
            return {"name": value.name, "parameters": value.parameters}
        if isinstance(value, Dropout):
            return {"mask": value.mask, "rate": list(value.rate) if isinstance(value.rate, tuple) else value.rate}
        if isinstance(value, Stop | Phase):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    fields = {field.name: plain(getattr(cell, field.name)) for field in dataclasses.fields(Cell) if field.name not in LATER or getattr(cell, field.name)}
    encoded = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return hashlib.sha256(encoded).hexdigest()


@PROPERTY
@given(CELLS)
def test_an_id_is_that_of_the_fields(cell):
    assert cell.cell_id == independent_id(cell)


def test_an_id_stays_what_it_is():
    assert PINNED.cell_id == independent_id(PINNED) == PINNED_ID


def test_an_id_is_the_same_in_another_process():
    program = "from tests.test_config import PINNED; print(PINNED.cell_id)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "12345"}, cwd=ROOT)
    assert told.stdout.strip() == PINNED.cell_id


@pytest.mark.fault("F63")
def test_runs_of_one_cell_differ_by_seed():
    assert len({Run(PINNED, seed).run_id for seed in range(50)}) == 50
    assert Run(PINNED, 3).run_id == hashlib.sha256(f"{PINNED_ID}/3".encode()).hexdigest()


@pytest.mark.fault("F64")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("optimizer: {name: sgd, lr: 0.1}", "optimizer: {lr: 0.10, name: sgd}"),
        ("optimizer: {name: sgd, lr: 0.1}", "optimizer: {name: sgd, lr: 1e-1}"),
        ("optimizer: {name: sgd, lr: 1}", "optimizer: {name: sgd, lr: 1.0}"),
        ("optimizer: {name: sgd, lr: 0.1}", "optimizer: {name: sgd, lr: 0.1, momentum: 0}"),
        ("dropout: 0", "dropout: 0.0"),
        ("dropout: 0.5", "dropout: {rate: 0.5, mask: per_sample}"),
        ("model: fnn", "model: {name: fnn}"),
        ("augmentation: flip", "augmentation: [flip]"),
        ("batch_size: full", "batch_size: full\n    schedule: constant"),
    ],
)
def test_what_means_the_same_has_one_id(one, other):
    first, second = (resolved(f"experiments:\n  a:\n    {text}\n")[0].cells[0].cell for text in (one, other))
    assert first.json == second.json
    assert first.cell_id == second.cell_id


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(ValueError, match="Out of range"):
        canonical(value)


def test_canonical_json_is_sorted_and_short():
    assert canonical({"b": [1.0, 0.1, 1e-10], "a": "é"}) == '{"a":"é","b":[1.0,0.1,1e-10]}'


def test_flat_settings():
    flat = PINNED.flat()
    assert flat["model"] == "fnn"
    assert flat["model.width"] == 64
    assert flat["augmentation"] == ["crop"]
    assert (flat["dropout"], flat["dropout.mask"]) == ((0.1, 0.2), "shared")
    assert (flat["batch_size"], flat["epochs"], flat["steps"], flat["precision"]) == ("full", None, 100, "float32")
    assert (flat["stop.metric"], flat["stop.below"], flat["chunk"]) == (None, None, None)
    assert dataclasses.replace(PINNED, chunk=10).flat() == {**flat, "chunk": 10}
    stopped = dataclasses.replace(PINNED, stop=Stop("test_loss", 0.25)).flat()
    assert stopped == {**flat, "stop.metric": "test_loss", "stop.below": 0.25}
