"""Schedules: factors on the learning rate."""

from __future__ import annotations

from typing import Protocol

from bench.catalog import Catalog


class Schedule(Protocol):
    """The factor on the learning rate as training goes on."""

    def __call__(self, epoch: float, total: float) -> float:
        """The factor for a step.

        Args:
            epoch: how many epochs were done before this step, with fractions; a full batch makes each step an epoch.
            total: how many epochs the run has.

        Returns:
            What the learning rate is multiplied by.
        """


schedules: Catalog[type[Schedule]] = Catalog("schedule", __name__)
