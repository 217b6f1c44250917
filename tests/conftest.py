"""Markers that skip, and a clean environment for every test."""

from __future__ import annotations

import atexit
import gc
import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    no_data = pytest.mark.skip(reason="BENCH_DATA is not set")
    not_slow = pytest.mark.skip(reason="BENCH_SLOW is not set")
    for item in items:
        if "slow" in item.keywords and not os.environ.get("BENCH_SLOW"):
            item.add_marker(not_slow)
        if "data" in item.keywords and not os.environ.get("BENCH_DATA"):
            item.add_marker(no_data)
        if "gpu" in item.keywords and not _has_gpu():
            item.add_marker(pytest.mark.skip(reason="there is no GPU"))


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def pytest_sessionfinish() -> None:
    """Commands that ran in this process leave cycles to its end, of which duckdb and triton complain here."""
    atexit.unregister(gc.freeze)
