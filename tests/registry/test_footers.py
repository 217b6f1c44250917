"""Files are read once for two looks where they are large, and anew where they have changed."""

from __future__ import annotations

import pytest

from bench.registry import footers
from bench.registry.footers import Footers
from bench.registry.parquet import content_of, encode
from tests.registry.tables import some_runs


@pytest.fixture
def reads(monkeypatch):
    counted = []
    monkeypatch.setattr(footers, "content_of", lambda path: counted.append(path) or content_of(path))
    return counted


@pytest.fixture
def path(tmp_path):
    (tmp_path / "tricks.quick.p0.parquet").write_bytes(encode(some_runs({})))
    return tmp_path / "tricks.quick.p0.parquet"


@pytest.mark.parametrize(("large", "most", "times"), [(0, 2**20, 2), (2**20, 2**20, 4), (0, 1, 4)], ids=["large", "small", "no room"])
def test_a_large_file_is_read_once_for_two_looks(monkeypatch, reads, path, large, most, times):
    monkeypatch.setattr(footers, "LARGE", large)
    monkeypatch.setattr(footers, "MOST", most)
    opening = Footers()
    found = [opening.look(path, "runs")[1]().read() for _ in range(4)]
    assert len(reads) == times
    assert all(one.equals(found[0]) for one in found)


def test_a_file_that_has_changed_is_read_anew(monkeypatch, reads, path):
    monkeypatch.setattr(footers, "LARGE", 0)
    opening = Footers()
    opening.look(path, "runs")
    path.write_bytes(encode(some_runs({"row": "r0"}, {"row": "r1"})))
    assert opening.look(path, "runs")[0].rows == 2
    assert len(reads) == 2
