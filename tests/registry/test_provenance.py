"""What rows say of software and hardware."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

import bench
from bench.registry import provenance
from bench.registry.provenance import environment, processor
from bench.registry.schema import TABLES


def test_the_environment_is_columns_of_the_registry():
    found = asdict(environment())
    assert set(found) <= {column.name for column in TABLES["runs"]}
    assert found["numpy"] == np.__version__
    assert found["bench_version"] == bench.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert not any(os.uname().nodename in str(value) for value in found.values())


def test_torch_is_not_imported_for_its_version():
    code = "import sys; from bench.registry import store, git, provenance; provenance.environment(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torch_its_version_is_none(monkeypatch):
    def none(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(provenance, "_version", provenance._version)
    monkeypatch.setattr(provenance, "version", lambda package: none(package) if package == "torch" else "1")
    assert environment().torch is None


@pytest.mark.parametrize(
    ("text", "name"),
    [("processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nprocessor\t: 1\nmodel name\t: Some CPU @ 2.0GHz\n", "Some CPU @ 2.0GHz")],
)
def test_the_processor_has_the_name_of_its_model(tmp_path, text, name):
    (tmp_path / "cpuinfo").write_text(text)
    assert processor(tmp_path / "cpuinfo") == name


@pytest.mark.parametrize("text", ["", "model name\t:\n", "Features : fp asimd\n"])
def test_a_processor_without_a_name_is_called_by_its_architecture(tmp_path, text):
    (tmp_path / "cpuinfo").write_text(text)
    assert os.uname().machine in processor(tmp_path / "cpuinfo")
    assert os.uname().machine in processor(tmp_path / "none")
