"""When the weights of a run are kept for measures that look at training as it goes."""

from __future__ import annotations

from collections.abc import Iterable

from bench.config import PartSpec


def snapshot_steps(wanted: Iterable[PartSpec], total: int, epoch: int) -> frozenset[int]:
    """The steps after which any of a run's measures wants the weights.

    Args:
        wanted: the measures; those that look at training as it goes have a parameter ``snapshots``.
        total: the length of the run in steps; listed steps beyond it are passed over.
        epoch: the steps of an epoch.
    """
    return frozenset(step for spec in wanted for step in _steps(spec.parameters.get("snapshots"), total, epoch))


def _steps(given: list[int] | dict[str, int] | None, total: int, epoch: int) -> Iterable[int]:
    if given is None:
        return []
    if isinstance(given, dict) and "last" in given:
        apart = epoch * given.get("every", 1)
        return range(total, max(0, total - apart * given["last"]), -apart)
    if isinstance(given, dict):
        count = given["log"]
        return [round(total ** (index / (count - 1))) for index in range(count)]
    return [step for step in given if step <= total]
