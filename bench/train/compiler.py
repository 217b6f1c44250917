"""Compiled steps: when they pay, and how they are made."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from bench.datafiles import cache_folder
from bench.train.step import Step

Backend = Literal["eager", "compiled"]

COMPILED_STEPS = 20_000
"""From this length on a run is compiled: below it the compiler takes longer than it saves.

The rule knows the cell and the machine, never how many runs are left or are trained together, so that a run's numbers,
which agree within rounding only, do not depend on that.
"""

MANY = 10_000
"""How many compiled variants a process may hold; at PyTorch's own limit of eight it would go on eagerly, and say nothing."""


Program = Callable[..., Tensor]
"""A `bench.train.step.Step`, as it is run."""


class Programs:
    """The programs of a process, each made once."""

    def __init__(self) -> None:
        self._compiled: dict[Hashable, Program] = {}

    def of(self, step: Step, backend: Backend, key: Hashable) -> Program:
        """A step as a program.

        Args:
            step: the step.
            backend: whether to compile it; each number of members is then compiled when it first comes.
            key: equal for equal steps.
        """
        if backend == "eager":
            return step
        if key not in self._compiled:
            _configure()
            self._compiled[key] = torch.compile(replace(step, fused=True).__call__, fullgraph=True)
        return self._compiled[key]


def backend_of(total_steps: int) -> Backend:
    """How a run of a length is trained on this machine."""
    return "compiled" if total_steps >= COMPILED_STEPS and available() else "eager"


def available() -> bool:
    """Whether this machine can compile: PyTorch can take a gradient within what it compiles, and there is a C++ compiler."""
    from torch._dynamo import config  # noqa: PLC0415 - as below

    return hasattr(config, "trace_autograd_ops") and shutil.which(os.environ.get("CXX") or "g++") is not None


def _configure() -> None:
    """Set what PyTorch's compiler reads from the process."""
    # The compiler takes seconds to import, which a process that does not compile is spared.
    from torch._dynamo import config  # noqa: PLC0415
    from torch._inductor import config as inductor  # noqa: PLC0415

    # What was compiled is kept over restarts, which empty the folder for temporary files, PyTorch's own choice.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "compiled"))
    # Where there is no GPU PyTorch warns of that when it compiles, on every worker's standard error.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    config.recompile_limit = config.accumulated_recompile_limit = MANY
    config.fail_on_recompile_limit_hit = True
    config.trace_autograd_ops = True
    # Every size is compiled for itself. Said here it costs nothing; as an argument of torch.compile it does at every call.
    config.automatic_dynamic_shapes = False
    # Workers are processes already; those that the compiler would start outlive one that is killed.
    inductor.compile_threads = 1
    # A product and a sum may be rounded once, as one instruction does; else a polynomial takes twice as long.
    inductor.cpp.enable_floating_point_contract_flag = "fast"
