from __future__ import annotations

import pytest

from bench.errors import Place
from bench.settings import Layer, Settings


def laid(*layers) -> Settings:
    """Settings of layers; the place of a key is the number of its layer."""
    settings = Settings()
    for number, values in enumerate(layers):
        settings.lay(Layer(values, lambda path, number=number: Place(str(number), None, ".".join(map(str, path)))))
    return settings


@pytest.mark.parametrize(
    ("layers", "values"),
    [
        ([{"dropout": 0.1}, {"dropout": 0.2}], {"dropout": 0.2}),
        ([{"model": {"name": "fnn", "width": 4}}, {"model": "cnn"}], {"model": "cnn"}),
        ([{"model": {"name": "fnn", "width": 4}}, {"model": {"name": "fnn"}}], {"model": {"name": "fnn"}}),
        ([{"model": "fnn"}, {"model.width": 8}], {"model": {"name": "fnn", "width": 8}}),
        ([{"model": {"name": "fnn", "width": 4, "depth": 2}}, {"model.width": 8}], {"model": {"name": "fnn", "width": 8, "depth": 2}}),
        ([{"model.width": 8, "model": "fnn"}], {"model": {"name": "fnn", "width": 8}}),
        ([{"model": "fnn"}, {"model.width": 8}, {"model": "cnn"}], {"model": "cnn"}),
        ([{"dropout": 0.1}, {"dropout.mask": "shared"}], {"dropout": {"rate": 0.1, "mask": "shared"}}),
        ([{"dropout": [0.1, 0.2]}, {"dropout.mask": "shared"}], {"dropout": {"rate": [0.1, 0.2], "mask": "shared"}}),
        ([{"dropout": {"rate": 0.1, "mask": "shared"}}, {"dropout.rate": 0.2}], {"dropout": {"rate": 0.2, "mask": "shared"}}),
        ([{"epochs": 3}, {"steps": 10}], {"steps": 10}),
        ([{"steps": 10}, {"epochs": 3}], {"epochs": 3}),
        ([{"epochs": 3, "steps": 10}], {"epochs": 3, "steps": 10}),
        ([{"epochs": 3}, {"epochs": 4, "steps": 10}], {"epochs": 4, "steps": 10}),
        ([{"augmentation": ["crop"]}, {"augmentation": []}], {"augmentation": []}),
    ],
)
def test_what_lies_higher_wins(layers, values):
    settings = laid(*layers)
    assert settings.values == values
    assert settings.problems == []


def test_a_layer_changes_no_block_below():
    block = {"model": {"name": "fnn", "width": 4}}
    laid(block, {"model.width": 8})
    assert block == {"model": {"name": "fnn", "width": 4}}


def test_what_is_not_set_cannot_be_amended():
    problems = laid({"model.width": 8}, {"augmentation": ["crop"]}, {"augmentation.padding": 2}).problems
    assert [str(problem) for problem in problems] == [
        "0: model.width: there is no model whose 'width' could be set\n  Set model first.",
        "2: augmentation.padding: there is no augmentation whose 'padding' could be set\n  Set augmentation first.",
    ]


def test_a_copy_goes_its_own_way():
    settings = laid({"model": "fnn"})
    copy = settings.copy()
    copy.lay(Layer({"model.width": 8, "optimizer.lr": 1}, lambda path: Place("copy")))
    assert settings.values == {"model": "fnn"}
    assert settings.problems == []
    assert settings.place("model") == Place("0", None, "model")
    assert len(copy.problems) == 1


@pytest.mark.parametrize(
    ("key", "below", "place"),
    [
        ("model", (), "1: model"),
        ("model", ("depth",), "1: model.depth"),
        ("model", ("width",), "2: model.width"),
        ("model", ("width", 3), "2: model.width.3"),
        ("dropout", ("mask",), "0: dropout.mask"),
        ("optimizer", ("lr",), "optimizer.lr"),
    ],
)
def test_the_place_is_that_of_the_layer_that_set_it(key, below, place):
    settings = laid({"model": "fnn", "model.depth": 1, "dropout": 0.1}, {"model": {"name": "fnn", "depth": 2}}, {"model.width": 8})
    assert str(settings.place(key, below)) == place
