"""A measure that fails costs its own numbers and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench.config import PartSpec
from bench.errors import StorageError
from bench.metric import Metric
from bench.parts.measures import Measured
from bench.results import Interrupted
from bench.train import taking

NORM = Metric("norm", "", "neither", "log", "")
SPEC = PartSpec("made_up", {})


def taken(monkeypatch, target):
    monkeypatch.setattr(taking, "measures", {"made_up": SimpleNamespace(target=target, traits={"metrics": (NORM,)})})
    return taking.take(SPEC, SimpleNamespace())


def test_what_it_gives_is_kept(monkeypatch):
    given = Measured({"norm": 1.5}, [{"step": 1, "value": None}], "said")
    assert taken(monkeypatch, lambda view: given) == given


@pytest.mark.parametrize("value", [2, True, np.float32(1), torch.tensor(1.0), torch.ones(()), float("nan")])
def test_whatever_is_a_number_is_a_float(monkeypatch, value):
    found = taken(monkeypatch, lambda view: Measured({"norm": value})).values["norm"]
    assert type(found) is float
    assert found == float(value) or found != found


def test_what_is_absent_is_absent(monkeypatch):
    assert taken(monkeypatch, lambda view: Measured({"norm": None})) == Measured(rows=[])


def raises(error):
    def measure(view):
        raise error

    return measure


@pytest.mark.fault("F56")
@pytest.mark.parametrize(
    ("target", "remark"),
    [
        (raises(ValueError("broken\non purpose")), "failed: ValueError: broken"),
        (raises(ZeroDivisionError()), "failed: ZeroDivisionError"),
        (raises(RuntimeError("shapes do not match")), "failed: RuntimeError: shapes do not match"),
        (lambda view: None, "failed: TypeError: it gives a NoneType instead of a Measured"),
        (lambda view: 0.5, "failed: TypeError: it gives a float instead of a Measured"),
        (lambda view: Measured({"norm": "0.5"}), "failed: TypeError: its 'norm' is a str and no number"),
        (lambda view: Measured({"norm": torch.ones(3)}), "failed: TypeError: its 'norm' is a Tensor and no number"),
        (lambda view: Measured({"norm": [1.0]}), "failed: TypeError: "),
        (lambda view: Measured({"other": 1.0}), "failed: ValueError: it gives 'other', which it does not declare"),
        (lambda view: Measured(rows=[{"step": torch.ones(())}]), "failed: TypeError: its column 'step' holds a Tensor"),
        (lambda view: Measured(rows=[None] * (taking.MOST_ROWS + 1)), "failed: ValueError: it gives 1,048,577 rows; the most that are kept is 1,048,576"),
        (lambda view: Measured(rows=5), "failed: TypeError: "),
        (lambda view: Measured(rows=["text"]), "failed: AttributeError: "),
    ],
)
def test_what_fails_says_why_and_gives_nothing(monkeypatch, target, remark):
    found = taken(monkeypatch, target)
    assert found.remark.startswith(remark)
    assert "\n" not in found.remark
    assert (dict(found.values), list(found.rows)) == ({}, [])


@pytest.mark.parametrize(
    "error",
    [
        StorageError("full"),
        MemoryError(),
        Interrupted("stop"),
        torch.OutOfMemoryError("memory"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_fault_of_the_measure_is_passed_on(monkeypatch, error):
    with pytest.raises(type(error)):
        taken(monkeypatch, raises(error))
