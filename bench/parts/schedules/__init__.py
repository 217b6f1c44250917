"""Schedules: factors on the learning rate."""

from __future__ import annotations

from typing import Protocol

from bench.catalog import Catalog


class Schedule(Protocol):
    """The factor on the learning rate as training goes on.

    Trait: ``counts`` is ``steps`` for a schedule whose time is counted in steps; else it is counted in epochs, with fractions.
    With a full batch each step is an epoch.
    """

    def __call__(self, time: float, total: float, /) -> float:
        """The factor for a step.

        Args:
            time: how many epochs, or steps, were done before this step.
            total: how many of them the run has.

        Returns:
            What the learning rate is multiplied by.
        """


schedules: Catalog[type[Schedule]] = Catalog("schedule", __name__)
