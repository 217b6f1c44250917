"""How often the kernel has killed a process because memory ran out: it says so in counters, not to the process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SOURCES = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"), Path("/proc/vmstat"))
"""Where it is counted: for the container or its like, in two forms, or else for the whole machine."""


def kills(sources: Sequence[Path] = SOURCES) -> int:
    """The count so far, from the first source that has one; 0 where none has.

    Args:
        sources: files of lines ``name count``.
    """
    for source in sources:
        try:
            counts = dict(line.split(maxsplit=1) for line in source.read_text().splitlines() if " " in line)
        except OSError:
            continue
        if "oom_kill" in counts:
            return int(counts["oom_kill"])
    return 0
