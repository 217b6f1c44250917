"""A run on its way: where it is looked at, what ends it, and how it goes on from a checkpoint."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch

from bench.config import Run, Stop
from bench.parts.measures.scoring import loss_and_accuracy
from bench.train.checkpoints import Checkpoints
from bench.train.compiler import Programs
from bench.train.course import Course
from bench.train.evaluate import MAX_POINTS
from bench.train.lanes import resident, stacked
from tests.train.runs import DIGITS, prepared, run_of, sine_run


def course_of(run, snapshots=()):
    return Course(replace(prepared(run), snapshots=frozenset(snapshots)))


def with_stop(run, metric, below):
    return Run(replace(run.cell, stop=Stop(metric, below)), run.seed)


def fill(course, value):
    """Give every parameter one value."""
    with torch.no_grad():
        for parameter in course.prepared.model.parameters():
            parameter.fill_(value)


def walk(course):
    """Look wherever there is something to look at, as a lane does, with weights whose loss falls from step to step."""
    for number, step in enumerate(course.ahead()):
        fill(course, 10.0 - number)
        course.look(step)
        if course.over:
            break
    return course


@pytest.mark.parametrize(
    ("given", "evaluations"),
    [
        ({"epochs": 3}, [0, 4, 8, 12]),
        ({"steps": 6}, [0, 4, 6]),
        ({"steps": 3}, [0, 3]),
        ({"steps": 8}, [0, 4, 8]),
        ({"epochs": 2, "dataset": {**DIGITS, "train": 60}}, [0, 4, 8]),
        ({"epochs": 2, "batch_size": "full"}, [0, 1, 2]),
    ],
)
def test_evaluations_come_at_the_start_after_epochs_and_at_the_end(given, evaluations):
    course = course_of(run_of(**given))
    assert sorted(course.evaluations) == course.ahead() == evaluations


def test_a_long_run_is_evaluated_at_few_steps():
    steps = course_of(sine_run(steps=100_000)).ahead()
    assert len(steps) <= MAX_POINTS + 1
    assert steps[:3] == [0, 1, 2]
    assert steps[-1] == 100_000


def test_snapshots_are_looked_at_besides():
    course = course_of(run_of(epochs=3), snapshots=[2, 8, 11])
    seen = [course.ahead()]
    for step in (0, 2, 4, 8):
        course.look(step)
        seen.append(course.ahead())
    assert seen == [[0, 2, 4, 8, 11, 12], [2, 4, 8, 11, 12], [4, 8, 11, 12], [8, 11, 12], [11, 12]]
    assert course.trained().history.steps == [0, 4, 8]
    assert sorted(course.trained().snapshots) == [2, 8]


def test_a_snapshot_is_what_the_weights_were_then():
    course = course_of(run_of(epochs=3), snapshots=[0, 2])
    for step, value in ((0, 1.0), (2, 3.0), (4, 5.0)):
        fill(course, value)
        course.look(step)
    taken = course.trained().snapshots
    assert {step: {float(tensor.unique()) for tensor in weights.values()} for step, weights in taken.items()} == {0: {1.0}, 2: {3.0}}
    assert taken[0].keys() == course.prepared.model.state_dict().keys()


def test_an_evaluation_is_of_both_splits():
    course = course_of(run_of(epochs=3))
    course.look(0)
    course.look(4)
    history, data = course.trained().history, course.prepared.data
    for split in ("train", "test"):
        inputs, targets = getattr(data, f"{split}_inputs"), getattr(data, f"{split}_targets")
        loss, accuracy = loss_and_accuracy(course.prepared.model, course.prepared.objective, inputs, targets, len(inputs))
        assert history.values[f"{split}_loss"] == [pytest.approx(loss, rel=1e-6)] * 2
        assert history.values[f"{split}_accuracy"] == [accuracy] * 2
    assert (history.steps, history.epochs) == ([0, 4], [0.0, 1.0])
    assert course.loss() == history.values["train_loss"][-1]


def test_ends_at_its_length():
    course = course_of(run_of(epochs=3))
    for step in (0, 4, 8):
        course.look(step)
        assert not course.over
    course.look(12)
    assert course.over
    assert course.ahead() == []
    assert (course.trained().steps, course.trained().diverged_at) == (12, None)


@pytest.mark.parametrize("metric", ["train_loss", "test_loss"])
def test_a_stop_rule_ends_the_run_where_its_loss_is_low_enough(metric):
    plain = walk(course_of(sine_run(steps=9))).trained().history
    losses = plain.values[metric]
    assert losses == sorted(losses, reverse=True)
    for place in (0, 3, 9):
        # Strictly below: the bound that a loss just reaches does not end the run.
        course = walk(course_of(with_stop(sine_run(steps=9), metric, math.nextafter(losses[place], math.inf))))
        assert (course.step, course.over, course.stopped, course.diverged_at) == (place, True, True, None)
        assert course.trained().history.steps == plain.steps[: place + 1]
        assert course.trained().steps == place
        later = walk(course_of(with_stop(sine_run(steps=9), metric, losses[place])))
        assert (later.step, later.stopped) == ((place + 1, True) if place < 9 else (9, False))


def test_a_stop_rule_looks_at_its_own_loss_alone():
    history = walk(course_of(sine_run(steps=9))).trained().history
    train, test = (history.values[metric][4] for metric in ("train_loss", "test_loss"))
    metric, below = ("test_loss", test) if train < test else ("train_loss", train)
    assert min(train, test) < below
    assert walk(course_of(with_stop(sine_run(steps=9), metric, below))).step == 5


def test_a_stop_rule_is_not_asked_at_a_snapshot():
    course = course_of(with_stop(run_of(epochs=3), "train_loss", 100.0), snapshots=[2])
    course.look(2)
    assert not course.over
    course.look(4)
    assert course.over


def test_a_loss_that_is_not_finite_ends_the_run():
    course = course_of(run_of(epochs=3))
    course.look(0)
    fill(course, math.nan)
    course.look(4)
    assert course.over
    assert (course.trained().diverged_at, course.trained().steps) == (4, 4)


def test_before_the_first_step_nothing_has_diverged():
    course = course_of(run_of(epochs=3))
    fill(course, math.nan)
    course.look(0)
    assert not course.over


def test_a_step_of_a_lane_that_diverged_ends_the_run():
    course = course_of(run_of(epochs=3))
    course.look(0)
    course.diverge(7)
    assert course.over
    assert (course.trained().diverged_at, course.trained().steps, course.trained().history.steps) == (7, 8, [0])


def test_goes_on_from_a_checkpoint():
    run, snapshots = run_of(epochs=3), [2, 4, 11]
    whole, first = course_of(run, snapshots), course_of(run, snapshots)
    values = {0: 0.01, 2: 0.02, 4: 0.03, 8: 0.04, 11: 0.05, 12: 0.06}
    for step in (0, 2, 4):
        for course in (whole, first):
            fill(course, values[step])
            course.look(step)
    first.seconds = 2.5
    checkpoint = first.checkpoint("the optimizer's state")
    assert (checkpoint.step, checkpoint.optimizer) == (4, "the optimizer's state")
    again = course_of(run, snapshots)
    again.resume(checkpoint)
    assert (again.step, again.seconds, again.ahead()) == (4, 2.5, [8, 11, 12])
    assert all(torch.equal(tensor, checkpoint.weights[name]) for name, tensor in again.prepared.model.state_dict().items())
    for step in (8, 11, 12):
        for course in (whole, again):
            fill(course, values[step])
            course.look(step)
    assert again.trained().history == whole.trained().history
    assert again.trained().snapshots.keys() == whole.trained().snapshots.keys() == set(snapshots)
    for step, weights in whole.trained().snapshots.items():
        assert all(torch.equal(tensor, again.trained().snapshots[step][name]) for name, tensor in weights.items())


class Interrupted(Exception):  # noqa: N818 - it is none
    """What ends a lane from outside."""


def in_resident(member, report, checkpoints):
    return resident.train(member, lambda done, loss: report(), checkpoints)


def in_stacked(member, report, checkpoints):
    fit = stacked.agreement(member.run.cell, member.spec)
    return stacked.train([member], fit, lambda number, done, loss: report(), Programs(), checkpoints)[0]


@pytest.mark.parametrize("train", [in_resident, in_stacked])
@pytest.mark.parametrize("reports", [2, 5])
def test_snapshots_from_before_an_interruption_are_those_of_a_whole_run(tmp_path, train, reports):
    run, snapshots = run_of(dropout=0.3, steps=22), frozenset({0, 3, 10, 17})
    whole, broken, resumed = (replace(prepared(run), snapshots=snapshots, checkpoint="run.way") for _ in range(3))
    expected = train(whole, lambda: None, Checkpoints())
    kept, told = Checkpoints(tmp_path, every=0.0), itertools.count(1)

    def interrupt():
        if next(told) == reports:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(broken, interrupt, kept)
    saved = kept.load("run.way", torch.device("cpu"))
    assert 0 < saved.step < 22
    assert set(saved.looks["snapshots"]) == {step for step in snapshots if step <= saved.step}
    found = train(resumed, lambda: None, kept)
    assert found.history == expected.history
    assert found.snapshots.keys() == expected.snapshots.keys() == snapshots
    for step, weights in expected.snapshots.items():
        assert all(torch.equal(tensor, found.snapshots[step][name]) for name, tensor in weights.items())
