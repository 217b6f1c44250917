"""The effective ratio of an early and a late layer as training goes: the dropout lecture's fig. 1.3c."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from torch import Tensor

from bench import seeding
from bench.metric import Metric
from bench.parts.measures import Measured, Snapshots, View, measures
from bench.parts.measures.covers import Cover
from bench.parts.measures.layers import Layer, Unit, directions, path_of, vectors

_OF = "neurons in a random order that are near none kept before, over the neurons of the"
EARLY = Metric("effective_ratio_early", "fraction", "neither", "points", f"{_OF} early layer; neurons are near if their cosine is above the threshold")
LATE = Metric("effective_ratio_late", "fraction", "neither", "points", f"{_OF} late layer; neurons are near if their cosine is above the threshold")


@measures.register(metrics=(EARLY, LATE), table="history", tasks=("classification", "regression"), reference="dropout lecture, Definition 1 and fig. 1.3c")
def effective_course(
    view: View,
    *,
    early: Layer = 0,
    late: Layer = 1,
    unit: Unit = "neuron",
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.95,
    bias: bool = True,
    snapshots: Snapshots = None,
) -> Measured:
    """m_eff / m of two layers, first fit, at some steps and at the end.

    The first-fit reading of Definition 1, for slices of filters, has the figure's values before training: .955 and .832 for
    8,192 and 32,768 Gaussian slices of 3x3. The order of the neurons is drawn from the seed, and is the same at every step.
    `effective_ratio` has bounds and the exact number for one layer.

    Args:
        view: the trained run.
        early: number or path of a layer.
        late: number or path of another.
        unit: whether a row or a filter counts as a neuron, or each slice of a filter, one for each channel.
        threshold: the cosine above which neurons are near.
        bias: whether a neuron's bias belongs to its vector.
        snapshots: when the ratios are taken besides at the end.

    Returns:
        Both ratios at the end, and rows for the table ``history``.
    """
    layers = {EARLY.name: path_of(view.model, early), LATE.name: path_of(view.model, late)}
    last = view.history.steps[-1]
    weights = {**view.snapshots, last: view.model.state_dict()}
    courses = {name: {step: _ratio(weights[step], path, unit, threshold, bias, view.seed) for step in sorted(weights)} for name, path in layers.items()}
    epochs = {step: view.history.epochs[-1] * step / max(last, 1) for step in weights}
    rows = [{"step": step, "epoch": epochs[step], "metric": name, "value": value} for name, course in courses.items() for step, value in course.items()]
    return Measured({name: course[last] for name, course in courses.items()}, rows)


def _ratio(weights: Mapping[str, Tensor], path: str, unit: Unit, threshold: float, bias: bool, seed: int) -> float:
    """The first-fit ratio of one layer."""
    neurons = vectors(weights, path, unit=unit, bias=bias)
    return Cover(directions(neurons), threshold).first_fit(seeding.generator(seed, "first-fit")) / len(neurons)
