"""What reports are made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pandas as pd

from bench.metric import Metric


class Rows(Protocol):
    """The part of `bench.registry.store.Registry` that reports read."""

    def runs(self) -> pd.DataFrame:
        """The clean view."""

    def curves(self, name: str, runs: pd.DataFrame) -> pd.DataFrame:
        """The rows of another table that belong to rows of `runs`, with ``of``: the run's ``row``."""

    def metrics(self) -> Mapping[str, Metric]:
        """What is known of each metric."""
