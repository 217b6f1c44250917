"""The faults that the project answers for, and a plugin that prints which tests stand for each: `make faults`.

A test says which faults it stands for: ``@pytest.mark.fault("F18")``, as often as it takes. The numbers never change;
a fault that cannot be brought about in a test is listed with the reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

FAULTS: Mapping[str, str] = {
    "F1": "the runner is killed at any time",
    "F2": "a worker is killed",
    "F3": "a run crashes the interpreter (SIGSEGV)",
    "F4": "a run exits without a result",
    "F5": "a run hangs, ignores SIGTERM, has children",
    "F6": "Ctrl-C, once and twice",
    "F7": "SIGTERM",
    "F8": "power loss: the order of syncs",
    "F9": "the disk is full, at each write",
    "F10": "quota, I/O error, read-only disk, at each call",
    "F11": "fsync fails",
    "F12": "the registry cannot be written",
    "F13": "two runners on one plan",
    "F14": "two runners make a registry at the same instant",
    "F15": "eight processes append at once",
    "F16": "a lease whose owner is dead",
    "F17": "a disk without hard links or locks",
    "F18": "a Parquet file is torn, at every byte",
    "F19": "empty, random, foreign; a folder of that name",
    "F20": "a flipped bit, at every byte",
    "F21": "litter in the registry",
    "F22": "rows of older and newer versions",
    "F23": "one column, two types",
    "F24": "a crash while files are compacted",
    "F25": "clocks jump or differ",
    "F26": "the loss becomes NaN",
    "F27": "NaN in an export",
    "F28": "equal seeds, one seed, two seeds",
    "F29": "a GPU runs out of memory",
    "F30": "the host runs out of memory",
    "F31": "a GPU is lost",
    "F32": "no CUDA, an old driver, no NVML",
    "F33": "a GPU is shared",
    "F34": "files of a data set are missing",
    "F35": "a data file has another checksum",
    "F36": "a download is cut, redirected, of another size",
    "F37": "a hostile archive",
    "F38": "a hostile pickle",
    "F39": "a checkpoint is torn or of something else",
    "F40": "YAML: bombs of aliases",
    "F41": "YAML: deep, huge, binary, empty, two documents",
    "F42": "YAML: tags that run code",
    "F43": "YAML: duplicate and unknown keys, wrong values",
    "F44": "YAML: hashes that read as numbers",
    "F45": "names that leave the folder",
    "F46": "a grid of a billion cells",
    "F47": "a suite names code",
    "F48": "hostile text in HTML and Markdown",
    "F49": "hostile text in LaTeX",
    "F50": "formulas in CSV",
    "F51": "escapes on the terminal",
    "F52": "hashes that tables take for numbers",
    "F53": "git: none, detached, dirty, shallow, hostile",
    "F54": "code is edited during a run",
    "F55": "other hardware, threads, data, torch",
    "F56": "a measure raises or gives no number",
    "F57": "workers of a data loader die",
    "F58": "a run prints a gigabyte",
    "F59": "wheels that do not fit",
    "F60": "the registry's format is older, newer, missing",
    "F61": "a hostile Parquet file",
    "F62": "secrets in the environment and in URLs",
    "F63": "the seed is missing from the key",
    "F64": "one number, written differently",
}

NOT_SIMULATED: Mapping[str, str] = {}
"""Faults without a test, and why there can be none."""

ORDER = ("failed", "error", "passed", "skipped")


def numbers(item: pytest.Item) -> list[str]:
    """The faults that a test stands for.

    Raises:
        pytest.UsageError: if one is none of the table.
    """
    found = [number for mark in item.iter_markers("fault") for number in mark.args]
    if unknown := sorted(set(found) - FAULTS.keys()):
        raise pytest.UsageError(f"{item.nodeid} stands for {unknown[0]}, which tests/faults.py does not list")
    return found


class Table:
    """Collects what became of each fault's tests."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.files: dict[str, set[str]] = defaultdict(set)

    def add(self, report: pytest.TestReport) -> None:
        """Count a test's call, and whatever else of it went wrong or was skipped."""
        if report.when != "call" and report.outcome == "passed":
            return
        outcome = "error" if report.failed and report.when != "call" else report.outcome
        for name, number in report.user_properties:
            if name == "fault":
                self.outcomes[str(number)][outcome] += 1
                self.files[str(number)].add(Path(report.nodeid.partition("::")[0]).relative_to("tests").as_posix())

    def lines(self) -> Iterator[str]:
        """A line per fault: its number, what it is, what became of its tests, where these are."""
        for number, fault in FAULTS.items():
            counts = self.outcomes[number]
            told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ORDER if counts[outcome])
            where = ", ".join(sorted(self.files[number])) or NOT_SIMULATED.get(number, "")
            yield f"{number:<4} {fault:<50} {told or 'no test':<22} {where}".rstrip()


TABLE = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the table; with several processes, reports come together in the one that prints."""
    config.stash[TABLE] = Table()
    config.pluginmanager.register(Collector(config.stash[TABLE]))


class Collector:
    """Hears of every report."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count it."""
        self.table.add(report)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each test's reports carry its faults."""
    for item in items:
        item.user_properties.extend(("fault", number) for number in numbers(item))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    terminalreporter.section("faults")
    for line in config.stash[TABLE].lines():
        terminalreporter.write_line(line)
