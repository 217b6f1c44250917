from __future__ import annotations

import pytest

from bench.cells import CellBuilder
from bench.config import PartSpec
from bench.misfits import misfits
from tests.test_cells import WHERE, settings

FUNCTIONS = {"dataset": {"name": "functions", "target": "sin"}, "objective": "squared"}
TRANSLATION = {"dataset": "number_words", "model": "transformer"}
PIECES = "chunk: a batch with penalties is not computed in pieces: a penalty is no mean over samples"
R1 = {"objective": "squared", "penalties": ["r1"], "dropout": 0.1}


@pytest.mark.parametrize(
    ("changes", "measures", "found"),
    [
        ({}, ["loss", "accuracy"], []),
        ({"batch_size": "full"}, [], []),
        ({"batch_size": 1280}, [], []),
        ({"batch_size": 1281}, [], ["batch_size: a batch of 1281 is larger than the training set of 1280"]),
        ({**FUNCTIONS, "batch_size": 64}, ["loss"], []),
        ({**FUNCTIONS, "batch_size": 65}, [], ["batch_size: a batch of 65 is larger than the training set of 64"]),
        ({"batch_size": 20, "chunk": 19}, [], []),
        ({"batch_size": 20, "chunk": 20}, [], ["chunk: a piece of 20 samples is no part of a batch of 20"]),
        ({**FUNCTIONS, "batch_size": "full", "chunk": 63}, [], []),
        ({**FUNCTIONS, "batch_size": "full", "chunk": 64}, [], ["chunk: a piece of 64 samples is no part of a batch of 64"]),
        ({**R1, "chunk": 1}, [], [PIECES]),
        ({"stop": {"below": 0.1}}, ["loss"], []),
        ({"phases": [{"until": 20, "objective": "squared", "penalties": ["r2"]}], "chunk": 1}, [], [PIECES]),
        ({**FUNCTIONS, "objective": "cross_entropy"}, [], ["objective: objective 'cross_entropy' is not for regression, which data set 'functions' is"]),
        ({**FUNCTIONS, "model": "cnn"}, [], ["dataset: model 'cnn' takes images, and data set 'functions' has none"]),
        ({**FUNCTIONS, "augmentation": "flip"}, [], ["dataset: an augmentation takes images, and data set 'functions' has none"]),
        (TRANSLATION, ["loss", "accuracy"], []),
        (
            {**TRANSLATION, "model": "fnn", "objective": "squared"},
            ["margin"],
            [
                "objective: objective 'squared' is not for translation, which data set 'number_words' is",
                "dataset: model 'fnn' takes numbers and no sentences, and data set 'number_words' is for translation",
                "dataset: measure 'margin' is not for translation, which data set 'number_words' is",
            ],
        ),
        ({"model": "transformer"}, [], ["dataset: model 'transformer' takes sentences, and data set 'digits' is for classification"]),
        ({**TRANSLATION, "augmentation": "flip"}, [], ["dataset: an augmentation takes images, and data set 'number_words' has none"]),
        (FUNCTIONS, ["accuracy"], ["dataset: measure 'accuracy' is not for regression, which data set 'functions' is"]),
        ({}, ["fit"], ["dataset: measure 'fit' is not for classification, which data set 'digits' is"]),
        (R1, [], []),
        (
            {**R1, "objective": "cross_entropy"},
            [],
            ["penalties: penalty 'r1' has no meaning here: its theorem takes the objective squared, and this is cross_entropy"],
        ),
        ({**R1, "model": {"name": "fnn", "depth": 2}, "dropout": [0.0, 0.1]}, [], []),
        (
            {"phases": [{"until": 20, "objective": "squared", "penalties": ["r2"]}], "optimizer": {"name": "adam", "lr": 0.1}},
            [],
            ["phases.0: penalty 'r2' has no meaning here: it belongs to plain gradient descent: optimizer sgd without momentum"],
        ),
        ({"phases": [{"until": 39, "objective": "squared"}]}, [], []),
        ({"phases": [{"until": 40, "objective": "squared"}]}, [], ["phases.0: a phase ends at step 40, and training makes 40 steps"]),
        (
            {**FUNCTIONS, "batch_size": "full", "phases": [{"until": 1, "objective": "cross_entropy"}]},
            [],
            [
                "phases.0: a phase ends at step 1, and training makes 1 steps",
                "phases.0: objective 'cross_entropy' is not for regression, which data set 'functions' is",
            ],
        ),
    ],
)
def test_what_does_not_fit_together(changes, measures, found):
    laid, builder = settings(**changes), CellBuilder()
    cell, _ = builder.build(laid, WHERE)
    problems = misfits(cell, builder.data(cell.dataset), [PartSpec(name) for name in measures], laid)
    assert [f"{problem.place.key}: {problem.message}" for problem in problems] == found


def test_the_last_epochs_are_not_known_before_training_ends():
    wanted = [PartSpec("averaged_loss", {"snapshots": {"last": 2}})]
    for changes, found in (({}, []), ({"stop": {"below": 0.1}}, ["stop"])):
        laid, builder = settings(**changes), CellBuilder()
        cell, _ = builder.build(laid, WHERE)
        assert [problem.place.key for problem in misfits(cell, builder.data(cell.dataset), wanted, laid)] == found
