"""What a row says of the software and the processor it came from: versions and kinds, never names of hosts or people."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import __version__

PROCESSORS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Environment:
    """Columns of the registry of the same names.

    Attributes:
        bench_version: version of bench.
        python: version of Python.
        torch: version of torch, or None where it is not installed.
        numpy: version of NumPy.
        platform: operating system and architecture.
    """

    bench_version: str
    python: str
    torch: str | None
    numpy: str
    platform: str


def environment() -> Environment:
    """The software of this process; torch is asked for its version without being imported."""
    return Environment(
        bench_version=__version__,
        python=platform.python_version(),
        torch=_version("torch"),
        numpy=version("numpy"),
        platform=f"{platform.system()} {platform.machine()}",
    )


def processor(processors: Path = PROCESSORS) -> str:
    """The name of the processor's model, or else its architecture.

    Args:
        processors: where Linux describes them.
    """
    try:
        lines = processors.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [name.strip() for key, _, name in (line.partition(":") for line in lines) if key.strip() == "model name"]
    return next(filter(None, names), "") or platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
