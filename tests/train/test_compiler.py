"""Which runs are compiled, on which machines, and that a program is made once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch._dynamo
from torch import Tensor

from bench.parts.objectives import objectives
from bench.parts.optimizers import optimizers
from bench.train import compiler
from bench.train.compiler import COMPILED_STEPS, Programs, available, backend_of
from bench.train.step import Step

STEP = Step((), objectives["squared"].target(), optimizers["sgd"].target(lr=0.1), ("lr",), (), shared=False)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder that is all of PATH, and no word about a compiler."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    return tmp_path


def install(folder, name):
    path = folder / name
    path.touch()
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("steps", "machine", "backend"),
    [
        (COMPILED_STEPS - 1, True, "eager"),
        (COMPILED_STEPS, True, "compiled"),
        (10 * COMPILED_STEPS, True, "compiled"),
        (1, True, "eager"),
        (10 * COMPILED_STEPS, False, "eager"),
    ],
)
def test_long_runs_are_compiled_where_that_can_be(monkeypatch, steps, machine, backend):
    monkeypatch.setattr(compiler, "available", lambda: machine)
    assert backend_of(steps) == backend


def test_without_a_compiler_every_run_is_eager(tools):
    assert not available()
    assert backend_of(10 * COMPILED_STEPS) == "eager"


def test_the_usual_compiler_is_found(tools):
    install(tools, "g++")
    assert available()
    assert backend_of(COMPILED_STEPS) == "compiled"


def test_a_compiler_of_ones_own_takes_its_place(tools, monkeypatch):
    install(tools, "g++")
    monkeypatch.setenv("CXX", "another++")
    assert not available()
    install(tools, "another++")
    assert available()
    monkeypatch.setenv("CXX", "")
    assert available()


def test_a_torch_that_takes_no_gradient_in_what_it_compiles_is_eager(tools, monkeypatch):
    install(tools, "g++")
    monkeypatch.setattr(torch._dynamo, "config", SimpleNamespace())
    assert not available()


def test_an_eager_program_is_the_step_itself():
    assert Programs().of(STEP, "eager", "key") is STEP


def test_a_program_is_made_once_for_equal_steps(monkeypatch):
    """What is compiled is the step in its fused form, as one graph, and never before the compiler is set up."""
    made: list[tuple[Step, dict[str, object]]] = []
    ready = []

    def compiled(function, **options):
        assert ready
        made.append((function.__self__, options))
        return lambda *arguments: torch.zeros(len(made))

    monkeypatch.setattr(compiler, "_configure", lambda: ready.append(True))
    monkeypatch.setattr(torch, "compile", compiled)
    programs = Programs()
    first = programs.of(STEP, "compiled", ("a", 1))
    assert isinstance(first(), Tensor)
    assert programs.of(STEP, "compiled", ("a", 1)) is first
    assert len(made) == 1
    assert programs.of(STEP, "compiled", ("b", 1)) is not first
    assert programs.of(STEP, "eager", ("a", 1)) is STEP
    assert [(step.fused, step.layers, options) for step, options in made] == [(True, (), {"fullgraph": True})] * 2
    assert not STEP.fused
