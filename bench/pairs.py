"""Which runs a measure of two runs takes: cells of an experiment that differ in what a pair names, and in nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.cells import CATALOGS
from bench.claim import Selected
from bench.config import Cell, PartSpec
from bench.errors import UsageError
from bench.parts.measures import views_of
from bench.selection import Selection, text
from bench.settings import Locate

AXIS = "pair"
"""The axis, and the parameter, that has the name of a pair."""

Coordinates = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ResolvedCell:
    """A cell of an experiment: its place on the axes, as text, its configuration, and which measures are taken of its runs."""

    axes: Mapping[str, str]
    cell: Cell
    measures: tuple[PartSpec, ...] = ()


@dataclass(frozen=True)
class ResolvedPair:
    """Two cells of an experiment, whose runs of one seed are measured together; its axes are its name, and those that it does not touch."""

    axes: Mapping[str, str]
    first: Cell
    second: Cell

    def flat(self) -> dict[str, Any]:
        """The settings as selections see them: the pair's name, and those on which its cells agree."""
        first, second = self.first.flat(), self.second.flat()
        return {AXIS: self.axes[AXIS], **{name: value for name, value in first.items() if value == second.get(name)}}


class Pairing:
    """Finds the cells that belong to pairs, and what is wrong with them.

    Args:
        pairs: name -> which cells come first, and which second.
        locate: where a pair, or a side of it, stands.
    """

    def __init__(self, pairs: Mapping[str, Sequence[Selected]], locate: Locate) -> None:
        self._pairs = pairs
        self._locate = locate

    def of(self, cells: Sequence[ResolvedCell], whole: bool) -> tuple[list[ResolvedPair], list[UsageError]]:
        """The pairs of cells, in the order of the names, and every problem.

        Args:
            cells: those that are selected.
            whole: whether they are all of the experiment; then each pair must have some.
        """
        found: list[ResolvedPair] = []
        problems: list[UsageError] = []
        for name, sides in self._pairs.items():
            named = {key for side in sides for key in side}
            arms = [_arm(side, named, cells) for side in sides]
            missing = [(side, index) for index, (side, arm) in enumerate(zip(sides, arms, strict=True)) if not arm]
            if whole:
                problems += [UsageError(f"no cell has {_shown(side)}", self._locate((name, index))) for side, index in missing]
            problems += [
                UsageError(f"{_shown(side)} selects several cells at one place", self._locate((name, index)), "Name what tells them apart.")
                for index, (side, arm) in enumerate(zip(sides, arms, strict=True))
                if any(len(members) > 1 for members in arm.values())
            ]
            pairs = [(arms[0][place][0], arms[1][place][0]) for place in arms[0] if place in arms[1]]
            if whole and not missing and not pairs:
                problems.append(UsageError("no two cells agree in all that this pair does not name", self._locate((name,))))
            problems += [UsageError(wrong, self._locate((name,))) for wrong in dict.fromkeys(filter(None, (_unlike(*pair) for pair in pairs)))]
            found += [ResolvedPair({AXIS: name, **_untouched(first.axes, named)}, first.cell, second.cell) for first, second in pairs]
        return found, problems


def wrong_use(pairs: Mapping[str, Sequence[Selected]], keep: bool, measures: Sequence[PartSpec]) -> Iterator[tuple[str, str]]:
    """What is missing where measures of two runs are asked for: the key that the problem stands at, and the problem.

    Args:
        pairs: those of an experiment.
        keep: whether final weights are kept.
        measures: the measures that are taken.
    """
    wanted = [spec.name for spec in measures if views_of(spec.name) > 1]
    if wanted and not pairs:
        yield "measures", f"measure {wanted[0]!r} is of two runs, and the experiment has no pairs"
    if pairs and not wanted:
        known = ", ".join(part.name for part in CATALOGS["measure"] if views_of(part.name) > 1)
        yield "pairs", f"there are pairs, and no measure of two runs; there is {known}"
    if pairs and not keep:
        yield "pairs", "pairs are measured when both runs are trained, from weights that are kept: set keep: final"


def _arm(side: Selected, named: set[str], cells: Sequence[ResolvedCell]) -> dict[Coordinates, list[ResolvedCell]]:
    """The cells of one side by where they stand on the axes that the pair leaves open."""
    selection = Selection.equal(side)
    arm: dict[Coordinates, list[ResolvedCell]] = {}
    for cell in cells:
        flat = cell.cell.flat()
        if selection.matches(flat, cell.axes):
            arm.setdefault(tuple(_open(cell.axes, flat, named)), []).append(cell)
    return arm


def _open(axes: Mapping[str, str], flat: Mapping[str, object], named: set[str]) -> Iterator[tuple[str, str]]:
    """The axes that a pair does not name; of an axis of parts of which it names a parameter, the others."""
    yield from _untouched(axes, named).items()
    for axis in axes:
        if axis not in named and any(key.startswith(f"{axis}.") for key in named):
            yield from ((key, text(value)) for key, value in flat.items() if key.startswith(f"{axis}.") and key not in named)


def _untouched(axes: Mapping[str, str], named: set[str]) -> dict[str, str]:
    """The axes of which a pair names neither the whole nor a part."""
    return {axis: shown for axis, shown in axes.items() if not any(f"{axis}.".startswith(f"{key}.") or key.startswith(f"{axis}.") for key in named)}


def _unlike(first: ResolvedCell, second: ResolvedCell) -> str:
    """Why two cells are no pair; empty if they are one."""
    if first.cell.model != second.cell.model or first.cell.dataset != second.cell.dataset:
        return "the runs of a pair have one model and one data set"
    return "a pair takes two cells, and both sides are one" if first is second else ""


def _shown(side: Selected) -> str:
    return ", ".join(f"{key}={text(value)}" for key, value in side.items())
