"""What an environment has, what it lacks, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from bench import files
from bench.counted import counted
from bench.datafiles import data_folder, missing
from bench.errors import BenchError
from bench.registry.store import Registry

PAIRS = {"2.10": "0.25", "2.11": "0.26", "2.12": "0.27", "2.13": "0.28", "2.14": "0.29", "2.15": "0.29"}
"""Which torchvision belongs to which torch."""

OLDEST = (2, 10)
"""The oldest torch that loads weights without executing what others put into them."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it is well, what was found, what to do."""

    subject: str
    state: str
    ok: bool = True
    remedy: str = ""


def examine(registry: Registry) -> list[Finding]:
    """Look at everything that a run needs.

    Args:
        registry: where rows would go.
    """
    return [*_machine(), *_packages(), *_torch(), *_tools(), *_data(), *_storage(registry)]


def _machine() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", version, sys.version_info >= (3, 11), "" if sys.version_info >= (3, 11) else "Use Python 3.11 or later.")
    memory = psutil.virtual_memory().available / 2**30
    yield Finding("processor", f"{len(os.sched_getaffinity(0))} cores, {memory:.1f} GiB of memory free")


def _packages() -> Iterator[Finding]:
    versions = {name: _version(name) for name in ("torch", "torchvision", "torchtext", "scikit-learn")}
    for name, version in versions.items():
        yield Finding(
            name, version or "not installed", version is not None, "" if version else "Install implicit-bench[train] to train; reading needs none of it."
        )
    torch, vision = versions["torch"], versions["torchvision"]
    if torch and tuple(map(int, re.findall(r"\d+", torch)[:2])) < OLDEST:
        yield Finding("torch", torch, False, "Install torch 2.10 or later: older versions can be made to execute code while loading weights.")
    if torch and vision:
        wanted = PAIRS.get(".".join(torch.split(".")[:2]))
        fits = wanted is None or vision.startswith(wanted)
        yield Finding("torch and torchvision", f"{torch} with {vision}", fits, "" if fits else f"Install torchvision {wanted}.*, from the same place as torch.")
    text = versions["torchtext"]
    if text and text != "0.6.0":
        yield Finding("torchtext", text, False, "Install torchtext==0.6.0: later versions load only beside torch 2.3.")


def _torch() -> Iterator[Finding]:
    if _version("torch") is None:
        return
    try:
        import torch  # noqa: PLC0415 - whether it can be imported is the question
        import torchvision  # noqa: F401, PLC0415 - as above
    except (ImportError, RuntimeError, OSError) as error:
        yield Finding("import of torch", str(error).partition("\n")[0], False, "Install torch and torchvision as one pair from one place.")
        return
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    yield Finding("GPUs", ", ".join(gpus) or "none; runs use the CPU")


def _tools() -> Iterator[Finding]:
    git = shutil.which("git")
    yield Finding(
        "git", "found" if git else "not found", git is not None, "" if git else "Install git: without it rows have no commit, and nothing can be compared."
    )


def _data() -> Iterator[Finding]:
    folder = data_folder()
    yield Finding("data folder", f"{folder}{'' if folder.is_dir() else ' (not there yet)'}")
    try:
        from bench.listing import data_files, data_names  # noqa: PLC0415 - needs torch, which may be what is missing
    except ImportError:
        return
    for name in data_names():
        absent = missing(data_files(name), folder)
        state = f"not there: {counted(len(absent), 'file')}" if absent else "there"
        yield Finding(f"data set {name}", state, remedy=f"If it is needed: bench data fetch {name}" if absent else f"To check it: bench data verify {name}")


def _storage(registry: Registry) -> Iterator[Finding]:
    root = registry.root
    try:
        existing = next(folder for folder in (root.resolve(), *root.resolve().parents) if folder.is_dir())
        files.check_writable(existing)
        yield Finding(
            "results", f"{root}: writable; files are published by {files.publish_method(existing)}; {shutil.disk_usage(existing).free / 2**30:.1f} GiB free"
        )
    except BenchError as error:
        yield Finding("results", error.message, False, error.hint or "Choose another folder with --results.")
    if registry.exists:
        registry.runs()
        for fault in registry.faults:
            yield Finding("results", str(fault), False, "Move the file away; the rest of the registry can be read.")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
