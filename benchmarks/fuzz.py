"""Far more hostile input than the tests try: `make fuzz`.

Every piece has to end in a result or in an error that a user can understand, within 2 s of processor time and 200 MB above
the memory of the idle process. Each batch is a process of its own, so that a crash of a library is a failure and not the end.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests import fuzzing

MOST_SECONDS = 2.0
MOST_BYTES = 200_000_000
STUCK_SECONDS = 60.0
"""Of the clock: who waits for something that never comes uses no processor time."""

BATCH = 2000
"""How many pieces a process takes; hypothesis remembers what it has tried, and would need the memory itself."""


FOLDER: st.SearchStrategy[Path] = st.nothing()
"""Stands for a folder to write to."""


@dataclass(frozen=True)
class Kind:
    """One kind of input: how it is drawn, what is checked, and its share of all."""

    check: Callable[..., None]
    drawn: tuple[st.SearchStrategy[Any], ...]
    share: float


KINDS = {
    "damaged suites": Kind(fuzzing.check_tree, (fuzzing.DAMAGED,), 0.35),
    "any trees": Kind(fuzzing.check_tree, (fuzzing.TREE,), 0.05),
    "suites as text": Kind(fuzzing.check_text, (fuzzing.TEXT,), 0.2),
    "overrides": Kind(fuzzing.check_overrides, (st.integers(0, 9), fuzzing.SETS, fuzzing.CONDITIONS), 0.4),
    "plugins": Kind(fuzzing.check_plugin, (fuzzing.PLUGINS,), 0.02),
    "names of suites": Kind(fuzzing.check_name, (st.one_of(st.sampled_from(fuzzing.TEXTS), st.text(max_size=12)),), 0.02),
    "revisions": Kind(fuzzing.check_revision, (fuzzing.REVISIONS,), 0.002),
    "files of a registry": Kind(fuzzing.check_file, (FOLDER, fuzzing.SEEDS, st.booleans()), 0.1),
    "archives": Kind(fuzzing.check_archive, (FOLDER, fuzzing.SEEDS), 0.02),
}
"""Shares of suites and overrides add up to 1; the others come besides."""


class TooSlow(BaseException):
    """A piece took too long; none of the errors that anything handles."""


@dataclass
class Outcome:
    """What became of one batch."""

    tried: int = 0
    slowest: float = 0.0
    memory: float = 0.0
    failures: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Take in the outcome of another batch."""
        self.tried += other.tried
        self.slowest, self.memory = max(self.slowest, other.slowest), max(self.memory, other.memory)
        self.failures += other.failures


def memory(name: str) -> int:
    """Bytes of this process: ``RssAnon``, what it holds for itself; ``VmData``, what it has asked for."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    assert found is not None
    return int(found[1]) * 1024


def too_slow(number: int, frame: object) -> None:
    raise TooSlow


def batch(name: str, start: int, count: int, folder: Path) -> Outcome:
    """Try so many pieces of one kind, up to the first that fails."""
    kind, outcome, idle = KINDS[name], Outcome(), memory("RssAnon")
    for each in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(each, too_slow)

    @seed(start)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), report_multiple_bugs=False)
    @given(st.tuples(*(st.just(folder) if strategy is FOLDER else strategy for strategy in kind.drawn)))
    def attempt(pieces: tuple[Any, ...]) -> None:
        outcome.tried += 1
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, STUCK_SECONDS)
        try:
            kind.check(*pieces)
        except (Exception, TooSlow) as error:
            shown = "".join(traceback.format_exception(error)[-4:])
            outcome.failures.append(f"{name}, seed {start}: {pieces!r:.2000}\n{shown}")
            raise AssertionError from error
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            outcome.slowest = max(outcome.slowest, time.process_time() - began)
            outcome.memory = max(outcome.memory, memory("RssAnon") - idle)

    try:
        attempt()
    except BaseException as error:  # noqa: BLE001 - hypothesis wraps what was kept above
        outcome.failures = outcome.failures[:1] or [f"{name}, seed {start}: {error!r}"]
    return outcome


def serve(connection: Connection, *arguments: Any) -> None:
    """Try a batch, and send what became of it."""
    # More than this cannot even be asked for: whoever does fails with a MemoryError.
    most = memory("VmData") + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    outcome = batch(*arguments)
    connection.send(outcome)


def in_process(name: str, start: int, *arguments: Any) -> Outcome:
    """Try a batch in a process of its own."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(theirs, name, start, *arguments))
    process.start()
    theirs.close()
    try:
        outcome: Outcome = ours.recv()
    except EOFError:
        process.join()
        outcome = Outcome(failures=[f"{name}, seed {start}: the process died with {process.exitcode}"])
    process.join()
    return outcome


def batches(count: int, kinds: Sequence[str]) -> list[tuple[str, int, int]]:
    """Kind, number and size of every batch, in an order in which every kind is as far as the others."""
    found = []
    for name in kinds:
        wanted = max(1, round(count * KINDS[name].share))
        starts = range(0, wanted, BATCH)
        found += [((start + min(start + BATCH, wanted)) / wanted, name, number, min(BATCH, wanted - start)) for number, start in enumerate(starts)]
    return [(name, number, size) for _, name, number, size in sorted(found)]


def main() -> int:
    """Try what is asked for; 1 if something failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many suites and overrides; the others come besides")
    parser.add_argument("--seed", type=int, default=0, help="of the first batch of each kind")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only this kind")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no batch after so many")
    options = parser.parse_args()
    os.chdir(fuzzing.ROOT)
    outcomes = {name: Outcome() for name in options.kind or KINDS}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folders = {name: Path(scratch, name) for name in KINDS}
        for name, folder in folders.items():  # so that the idle process has loaded what is needed
            folder.mkdir()
            batch(name, 0, 20, folder)
        for name, number, size in batches(options.count, list(outcomes)):
            if time.monotonic() - began > 60 * options.minutes:
                break
            outcome = in_process(name, options.seed + number, size, folders[name])
            outcomes[name].add(outcome)
            print(f"{name}, seed {options.seed + number}: {outcome.tried} tried, {len(outcome.failures)} failed", flush=True)
            for failure in outcome.failures:
                print(failure, file=sys.stderr, flush=True)
    for name, outcome in outcomes.items():
        print(
            f"{name:<20} {outcome.tried:>7} tried, {len(outcome.failures)} failed; slowest {outcome.slowest:.2f} s, {outcome.memory / 1e6:.0f} MB more after one"
        )
    print(f"{sum(outcome.tried for outcome in outcomes.values())} in {(time.monotonic() - began) / 60:.0f} minutes")
    return 1 if any(outcome.failures for outcome in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
