"""Registries and rows for the tests of this folder."""

from __future__ import annotations

import pytest

from bench.registry.store import Registry
from tests.registry.tables import a_history, some_runs


@pytest.fixture
def registry(tmp_path):
    """A registry that is ready and empty."""
    made = Registry(tmp_path / "results")
    made.prepare()
    return made


@pytest.fixture
def runs():
    """Makes tables of runs."""
    return some_runs


@pytest.fixture
def history():
    """Makes tables of histories."""
    return a_history
