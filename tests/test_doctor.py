"""What `bench doctor` finds wrong with an environment, and what it says to do."""

from __future__ import annotations

import errno
import re
import sys

import pytest

from bench import doctor, files
from bench.registry.store import Registry

SOUND = {"torch": "2.15.0+cpu", "torchvision": "0.29.0+cpu", "torchtext": "0.6.0", "scikit-learn": "1.7.0"}


def findings(monkeypatch, versions, root):
    monkeypatch.setattr(doctor, "_version", {**SOUND, **versions}.get)
    return {finding.subject: finding for finding in doctor.examine(Registry(root))}


def test_a_sound_environment_has_nothing_to_mend(monkeypatch, tmp_path):
    assert [finding for finding in findings(monkeypatch, {}, tmp_path).values() if not finding.ok] == []


@pytest.mark.fault("F59")
@pytest.mark.parametrize(
    ("versions", "subject", "remedy"),
    [
        ({"torch": None}, "torch", r"Install implicit-bench\[train\]"),
        ({"torchvision": "0.25.0+cu126"}, "torch and torchvision", r"Install torchvision 0\.29\.\*, from the same place as torch"),
        ({"torchtext": "0.18.0"}, "torchtext", "Install torchtext==0.6.0"),
        pytest.param({"torch": "2.9.1", "torchvision": "0.24.1"}, "torch", "Install torch 2.10 or later", marks=pytest.mark.fault("F39")),
    ],
)
def test_what_does_not_fit_is_named_with_what_to_do(monkeypatch, tmp_path, versions, subject, remedy):
    found = findings(monkeypatch, versions, tmp_path)[subject]
    assert not found.ok
    assert re.search(remedy, found.remedy)


@pytest.mark.fault("F59")
def test_a_torch_that_cannot_be_imported_is_named_and_the_rest_is_looked_at(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    found = findings(monkeypatch, {}, tmp_path)
    assert not found["import of torch"].ok
    assert found["results"].ok


@pytest.mark.fault("F17")
@pytest.mark.parametrize(("renames", "method"), [(True, "renameat2"), (False, "marker")])
def test_a_disk_without_links_is_told(monkeypatch, tmp_path, renames, method):
    def refuse(system, source, target):
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(files.System, "link", refuse)
    if not renames:
        monkeypatch.setattr(files.System, "rename_new", refuse)
    assert f"files are published by {method}" in findings(monkeypatch, {}, tmp_path)["results"].state


@pytest.mark.fault("F12")
def test_results_that_cannot_be_written_are_told(monkeypatch, tmp_path):
    def refuse(system, path):
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(files.System, "create", refuse)
    found = findings(monkeypatch, {}, tmp_path)["results"]
    assert not found.ok
    assert "read-only disk" in found.state


@pytest.mark.fault("F18")
def test_a_damaged_file_is_told(monkeypatch, tmp_path):
    Registry(tmp_path).prepare()
    (tmp_path / "runs" / "a.quick.p.parquet").write_bytes(b"PAR1")
    found = findings(monkeypatch, {}, tmp_path)["results"]
    assert not found.ok
    assert "torn" in found.state
