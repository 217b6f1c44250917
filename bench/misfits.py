"""What each part of a cell alone allows, and together does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from bench.config import Cell, PartSpec
from bench.errors import BenchError, Place, UsageError
from bench.parts.datasets import DataSpec
from bench.parts.measures import measures
from bench.parts.models import models
from bench.parts.objectives import objectives
from bench.parts.penalties import penalties
from bench.settings import Settings


def misfits(cell: Cell, data: DataSpec, wanted: Sequence[PartSpec], settings: Settings) -> list[BenchError]:
    """What each part alone allows, and together does not fit.

    Args:
        cell: a cell that was built.
        data: the sizes and shapes of its data.
        wanted: the measures that will be taken.
        settings: what it was built from, for places.
    """
    problems: list[BenchError] = []
    if cell.batch_size != "full" and cell.batch_size > data.train:
        message = f"a batch of {cell.batch_size} is larger than the training set of {data.train}"
        problems.append(UsageError(message, settings.place("batch_size"), "Use a smaller batch, or full."))
    if cell.chunk is not None:
        problems += _wrong_pieces(cell, data, settings)
    if data.task not in objectives[cell.objective.name].traits["tasks"]:
        message = f"objective {cell.objective.name!r} is not for {data.task}, which data set {cell.dataset.name!r} is"
        problems.append(UsageError(message, settings.place("objective")))
    if isinstance(cell.dropout.rate, tuple) or cell.penalties or cell.phases:
        problems += _wrong_terms(cell, data, settings)
    problems += [UsageError(message, settings.place("dataset")) for message in _wrong_inputs(cell, data)]
    problems += [
        UsageError(f"measure {spec.name!r} is not for {data.task}, which data set {cell.dataset.name!r} is", settings.place("dataset"))
        for spec in wanted
        if data.task not in measures[spec.name].traits["tasks"]
    ]
    problems += [
        UsageError(f"measure {spec.name!r} takes fully connected networks, and model {cell.model.name!r} is none", settings.place("model"))
        for spec in wanted
        if measures[spec.name].traits.get("stacked") and not models[cell.model.name].traits.get("stacked")
    ]
    problems += [
        UsageError(
            f"measure {spec.name!r} is of the last epochs, and which these are is not known where a stop rule may end training",
            settings.place("stop"),
            "Leave out the measure, or the rule (stop: null).",
        )
        for spec in wanted
        if cell.stop is not None and "last" in (spec.parameters.get("snapshots") or ())
    ]
    return problems


def _wrong_pieces(cell: Cell, data: DataSpec, settings: Settings) -> list[UsageError]:
    """Whether batches can be computed in pieces: there is something to cut, and what is minimized is a mean over samples."""
    size = data.train if cell.batch_size == "full" else cell.batch_size
    problems = []
    if cell.chunk is not None and cell.chunk >= size:
        message = f"a piece of {cell.chunk} samples is no part of a batch of {size}"
        problems.append(UsageError(message, settings.place("chunk"), "Use smaller pieces, or leave chunk out (null)."))
    if cell.penalties or any(phase.penalties for phase in cell.phases):
        message = "a batch with penalties is not computed in pieces: a penalty is no mean over samples"
        problems.append(UsageError(message, settings.place("chunk"), "Leave chunk out (null), or the penalties."))
    return problems


def _wrong_inputs(cell: Cell, data: DataSpec) -> list[str]:
    """Whether the model, and augmentations, take what the data set has."""
    taken, name = models[cell.model.name].traits.get("inputs"), f"model {cell.model.name!r}"
    if (taken == "tokens") != (data.task == "translation"):
        takes = "sentences" if taken == "tokens" else "numbers and no sentences"
        return [f"{name} takes {takes}, and data set {cell.dataset.name!r} is for {data.task}"]
    if len(data.inputs) != 3 and (taken == "images" or cell.augmentation):
        return [f"{name if taken == 'images' else 'an augmentation'} takes images, and data set {cell.dataset.name!r} has none"]
    return []


def _wrong_terms(cell: Cell, data: DataSpec, settings: Settings) -> list[BenchError]:
    """Whether the model takes as many drop rates as are given, and each phase, and the cell after them, minimizes something that has a meaning."""
    try:
        rates = _rates(cell, data)
    except UsageError as error:
        return [UsageError(error.message, settings.place("dropout"), error.hint)]
    whole = cell.steps if cell.steps is not None else (cell.epochs or 0) * -(-data.train // (data.train if cell.batch_size == "full" else cell.batch_size))
    stretches: list[tuple[Cell, Place]] = [(cell, settings.place("penalties"))]
    problems: list[BenchError] = []
    for index, phase in enumerate(cell.phases):
        place = settings.place("phases", (index,))
        stretches.append((replace(cell, objective=phase.objective, penalties=phase.penalties), place))
        if phase.until >= whole:
            problems.append(UsageError(f"a phase ends at step {phase.until}, and training makes {whole} steps", place, "Phases end before it does."))
        if data.task not in objectives[phase.objective.name].traits["tasks"]:
            problems.append(UsageError(f"objective {phase.objective.name!r} is not for {data.task}, which data set {cell.dataset.name!r} is", place))
    terms = [(stretch, place, spec) for stretch, place in stretches for spec in stretch.penalties]
    found = [(place, spec.name, penalties[spec.name].target(**spec.parameters).obstacle(stretch, rates)) for stretch, place, spec in terms]
    problems += [UsageError(f"penalty {name!r} has no meaning here: {obstacle}", place) for place, name, obstacle in found if obstacle]
    return problems


def _rates(cell: Cell, data: DataSpec) -> list[float]:
    """The drop rates of the places in a model, which is made without memory for its weights."""
    with torch.device("meta"):
        model = models[cell.model.name].target(data.inputs, data.outputs, cell.dropout.rate, **cell.model.parameters)
    return [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
