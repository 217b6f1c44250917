"""Objectives: what all keep, closed forms, and how R_S relates to torch's losses."""

from __future__ import annotations

import math

import pytest
import torch

from bench.errors import UsageError
from bench.parts.datasets import IGNORED
from bench.parts.objectives import objectives, terms

CASES = [(part.name, task) for part in objectives for task in part.traits["tasks"]]
BATCH, LENGTH, OUTPUTS = 6, 3, 4


def batch(task, size=BATCH):
    generator = torch.Generator().manual_seed(5)
    outputs = torch.randn(size, OUTPUTS, generator=generator, dtype=torch.float64)
    if task == "translation":
        outputs = torch.randn(size, LENGTH, OUTPUTS, generator=generator, dtype=torch.float64)
        lengths = torch.arange(size).unsqueeze(1) % LENGTH + 1
        words = torch.randint(OUTPUTS, (size, LENGTH), generator=generator)
        return outputs, words.where(torch.arange(LENGTH) < lengths, IGNORED)
    if task == "classification":
        return outputs, torch.randint(OUTPUTS, (size,), generator=generator)
    return outputs, torch.randn(size, OUTPUTS, generator=generator, dtype=torch.float64)


def build(name, **parameters):
    checked, problems = objectives[name].check(parameters)
    assert not problems
    return objectives[name].target(**checked)


def test_which_tasks_each_fits():
    tasks = {part.name: part.traits["tasks"] for part in objectives}
    assert tasks["cross_entropy"] == ("classification", "translation")
    assert tasks["squared"] == ("classification", "regression")


@pytest.mark.parametrize("name", objectives.names())
def test_the_network_is_the_dropped_or_the_clean_one(name):
    assert build(name).network == "dropped"
    assert build(name, network="clean").network == "clean"
    assert objectives[name].check({"network": "cleaned"})[1]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_gradient_is_that_of_the_value(name, task):
    outputs, targets = batch(task)
    assert torch.autograd.gradcheck(lambda given: build(name)(given, targets), outputs.requires_grad_())


@pytest.mark.parametrize(("name", "task"), CASES)
def test_is_the_mean_over_samples_or_their_words_in_any_order(name, task):
    objective, (outputs, targets) = build(name), batch(task)
    whole = objective(outputs, targets)
    alone = torch.stack([objective(outputs[sample : sample + 1], targets[sample : sample + 1]) for sample in range(BATCH)])
    assert whole.shape == ()
    counts = torch.tensor([terms(targets[sample : sample + 1]) for sample in range(BATCH)])
    torch.testing.assert_close((alone * counts).sum() / terms(targets), whole)
    torch.testing.assert_close(objective(outputs.flip(0), targets.flip(0)), whole)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_keeps_the_precision_of_the_outputs(name, task):
    outputs, targets = batch(task)
    wanted = targets.float() if task == "regression" else targets
    assert build(name)(outputs.float(), wanted).dtype == torch.float32


def test_cross_entropy_of_equal_logits_is_the_logarithm_of_the_classes():
    assert float(build("cross_entropy")(torch.zeros(3, 7), torch.tensor([0, 3, 6]))) == pytest.approx(math.log(7))


def test_cross_entropy_of_two_classes_is_the_logistic_loss():
    margins = torch.tensor([-2.0, 0.5, 3.0], dtype=torch.float64)
    outputs = torch.stack([torch.zeros(3, dtype=torch.float64), margins], dim=1)
    expected = sum(math.log1p(math.exp(-margin)) for margin in margins.tolist()) / 3
    assert float(build("cross_entropy")(outputs, torch.ones(3, dtype=torch.int64))) == pytest.approx(expected)


def test_cross_entropy_stays_finite_for_large_logits():
    assert float(build("cross_entropy")(torch.tensor([[1e4, -1e4]]), torch.tensor([1]))) == 2e4


def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot():
    outputs, targets = batch("classification")
    (gradient,) = torch.autograd.grad(build("cross_entropy")(outputs.requires_grad_(), targets), outputs)
    torch.testing.assert_close(gradient, (outputs.detach().softmax(1) - torch.eye(OUTPUTS, dtype=torch.float64)[targets]) / BATCH)


def test_what_a_mean_is_over():
    assert terms(torch.zeros(5, dtype=torch.int64)) == 5
    assert terms(torch.zeros(5, 3)) == 5
    assert terms(batch("translation")[1]) == 2 * (1 + 2 + 3)


def test_words_of_all_sentences_count_alike():
    outputs, targets = batch("translation")
    foretold = targets != IGNORED
    assert torch.equal(build("cross_entropy")(outputs, targets), torch.nn.CrossEntropyLoss()(outputs[foretold], targets[foretold]))


@pytest.mark.parametrize("task", ["classification", "translation"])
def test_smoothing_spreads_over_the_other_classes(task):
    outputs, targets = batch(task)
    outputs, targets = outputs[targets != IGNORED], targets[targets != IGNORED]
    wanted = torch.full_like(outputs, 0.3 / (OUTPUTS - 1)).scatter(1, targets.unsqueeze(1), 0.7)
    expected = -(wanted * outputs.log_softmax(1)).sum(1)
    torch.testing.assert_close(build("cross_entropy", smoothing=0.3)(*batch(task)), expected.mean())
    torch.testing.assert_close(build("cross_entropy", smoothing=0.3).per_sample(outputs, targets), expected)


def test_smoothing_goes_as_far_as_two_classes_alike():
    even = build("cross_entropy", smoothing=0.5)(torch.tensor([[2.0, -1.0]]), torch.tensor([0]))
    torch.testing.assert_close(even, build("cross_entropy", smoothing=0.5)(torch.tensor([[2.0, -1.0]]), torch.tensor([1])))
    assert objectives["cross_entropy"].check({"smoothing": 0.51})[1]


def test_squared_by_hand():
    outputs, targets = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([[0.0, 4.0], [2.0, -1.0]])
    assert float(build("squared")(outputs, targets)) == (1 + 4 + 4 + 0) / (2 * 2)


def test_squared_is_half_the_outputs_times_the_loss_of_torch():
    outputs, targets = batch("regression")
    torch.testing.assert_close(build("squared")(outputs, targets), OUTPUTS / 2 * torch.nn.MSELoss()(outputs, targets))


def test_the_gradient_of_squared_is_the_mean_residual():
    outputs, targets = batch("regression")
    (gradient,) = torch.autograd.grad(build("squared")(outputs.requires_grad_(), targets), outputs)
    torch.testing.assert_close(gradient, (outputs.detach() - targets) / BATCH)


def test_squared_takes_classes_as_one_hot_vectors():
    outputs, targets = batch("classification")
    assert torch.equal(build("squared")(outputs, targets), build("squared")(outputs, torch.eye(OUTPUTS, dtype=torch.float64)[targets]))


def test_squared_refuses_values_that_it_would_have_to_stretch():
    with pytest.raises(UsageError, match=r"outputs of shape \(6, 1\) with targets of shape \(6,\)"):
        build("squared")(torch.zeros(6, 1), torch.zeros(6))


@pytest.mark.parametrize("name", [part.name for part in objectives if hasattr(part.target, "per_sample")])
def test_the_loss_is_the_mean_of_those_of_samples_with_any_leading_axes(name):
    objective = objectives[name].target()
    outputs = torch.randn(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    classes = torch.arange(15).reshape(3, 5) % 4
    found = objective.per_sample(outputs, classes)
    assert found.shape == (3, 5)
    for member in range(3):
        torch.testing.assert_close(found[member].mean(), objective(outputs[member], classes[member]))
