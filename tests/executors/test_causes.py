"""What errors say of memory, devices and the system, in the words of PyTorch, CUDA and the kernel."""

from __future__ import annotations

import pytest

from bench.executors.causes import cause_of
from bench.executors.killer import kills


class AcceleratorError(RuntimeError):
    pass


class OutOfMemoryError(RuntimeError):
    pass


@pytest.mark.fault("F29")
@pytest.mark.fault("F31")
@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (MemoryError(), "memory"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"), "memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 80 bytes."), "memory"),
        (RuntimeError("CUDA error: out of memory"), "memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "memory"),
        (OSError(12, "Cannot allocate memory"), "memory"),
        (AcceleratorError("an illegal memory access was encountered"), "device"),
        (RuntimeError("CUDA error: uncorrectable ECC error encountered"), "device"),
        (RuntimeError("CUDA driver version is insufficient for CUDA runtime version"), "device"),
        (RuntimeError("No CUDA GPUs are available"), "device"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "device"),
        (ValueError("a setting named cuda error"), "program"),
        (OSError(24, "Too many open files"), "system"),
        (RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed."), "system"),
        (ValueError("shapes differ"), "program"),
        (KeyError("x"), "program"),
    ],
    ids=str,
)
def test_the_cause_of_an_error(error, cause):
    assert cause_of(error) == cause


@pytest.mark.fault("F30")
def test_the_kernel_s_count_is_read_from_the_first_source_that_has_it(tmp_path):
    group, machine, other = tmp_path / "memory.events", tmp_path / "vmstat", tmp_path / "other"
    machine.write_text("nr_free_pages 12\noom_kill 7\nthp 3\n")
    other.write_text("low 0\n")
    assert kills([group, machine]) == 7
    group.write_text("low 0\nhigh 1\noom 2\noom_kill 3\n")
    assert kills([group, machine]) == 3
    assert kills([other, machine]) == 7
    assert kills([other, tmp_path / "absent"]) == 0
    assert kills() >= 0
