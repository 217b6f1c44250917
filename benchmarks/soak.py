"""Suites under random kills, a full disk and a worker that stands still: `make soak`. In the end every row is there, and nothing was done twice.

The registry lies on a small disk in memory of its own, where this may mount one, which a file of ballast fills for the
episode. Else the runner is given a limit on the size of its files (RLIMIT_FSIZE): a write is refused just so, with another number.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.registry.store import Registry

ROOT = Path(__file__).parents[1]
MARK = "BENCH_SOAK"
DISK_MEGABYTES = 256
KINDS = ("runner killed", "worker killed", "runner stopped by SIGTERM", "runner stopped by Ctrl-C")
FINISHED = ("ok", "diverged")


@dataclass
class Figures:
    """What happened."""

    events: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    torn: int = 0
    statuses: Counter[str] = field(default_factory=Counter)


@dataclass
class Soak:
    """One plan under disturbances.

    Args:
        command: the words of `bench`, without the registry.
        folder: where the registry and the output go.
        disk: the folder of the small disk; None where files are limited instead.
        mean: seconds between disturbances, on average.
        generator: draws them.
    """

    command: list[str]
    folder: Path
    disk: Path | None
    mean: float
    generator: random.Random
    figures: Figures = field(default_factory=Figures)

    @property
    def results(self) -> Path:
        return (self.disk or self.folder) / "results"

    def start(self, limited: bool = False) -> subprocess.Popen[bytes]:
        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

        words = [sys.executable, "-m", "bench", *self.command, "--results", str(self.results), "--report", str(self.folder / "report")]
        with (self.folder / "output.txt").open("ab") as output:
            return subprocess.Popen(words, cwd=self.folder, env=marked(), stdout=output, stderr=output, preexec_fn=limit if limited else None)

    def until(self, runner: subprocess.Popen[bytes], seconds: float) -> bool:
        """Wait for so long; whether it has ended meanwhile."""
        with suppress(subprocess.TimeoutExpired):
            runner.wait(seconds)
        return runner.returncode is not None

    def disturb(self, runner: subprocess.Popen[bytes], kind: str) -> None:
        if kind == "runner killed":
            runner.kill()
        elif kind == "runner stopped by SIGTERM":
            runner.terminate()
        elif kind == "runner stopped by Ctrl-C":
            runner.send_signal(signal.SIGINT)
        elif workers := workers_of(runner.pid):
            self.generator.choice(workers).kill()
        else:
            return
        self.figures.events[kind] += 1

    def suspend(self, runner: subprocess.Popen[bytes]) -> bool:
        """Let a worker stand still until the runner has replaced it, or has ended; whether there was one."""
        workers = workers_of(runner.pid)
        if not workers:
            return False
        worker = self.generator.choice(workers)
        worker.suspend()
        self.figures.events["worker suspended"] += 1
        with suppress(psutil.NoSuchProcess):
            while worker.status() != psutil.STATUS_ZOMBIE and runner.poll() is None:
                time.sleep(0.5)
        return True

    def accompany(self, runner: subprocess.Popen[bytes], end: float) -> None:
        """Disturb a runner until it has ended; at the end of the time kill it."""
        while not self.until(runner, self.generator.expovariate(1 / self.mean)):
            if not self.figures.events["worker suspended"]:
                self.suspend(runner)
                continue
            kind = self.generator.choice(KINDS) if time.monotonic() < end else KINDS[0]
            self.disturb(runner, kind)
            if kind.startswith("runner"):
                self.until(runner, 60)

    def full_disk(self) -> None:
        """Fill the disk until the runner gives up; it must say so with its exit code, and lose nothing."""
        if self.disk is None:
            runner = self.start(limited=True)
            self.until(runner, 600)
        else:
            runner = self.start()
            self.until(runner, self.generator.uniform(5, 15))
            ballast = self.disk / "ballast"
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            self.until(runner, 600)
            ballast.unlink()
        self.ended(runner)
        self.figures.events["disk full"] += 1

    def ended(self, runner: subprocess.Popen[bytes]) -> None:
        code = runner.wait()
        self.figures.codes[code] += 1
        if Registry(self.results).exists:
            self.figures.torn += len(Registry(self.results).verify())

    def run(self, seconds: float) -> bool:
        """Disturb for so long, or until the plan is done; then let it end. Whether all is there."""
        end = time.monotonic() + seconds
        self.full_disk()
        done = False
        while not done and (time.monotonic() < end or not self.figures.events["worker suspended"]):
            runner = self.start()
            self.accompany(runner, end)
            self.ended(runner)
            done = runner.returncode == 0
        for _ in range(5):
            runner = self.start()
            self.ended(runner)
            if runner.returncode == 0:
                return True
        return False

    def complete(self) -> bool:
        """Whether the registry has one sound row of every run, none of them trained twice with a result."""
        registry = Registry(self.results)
        rows = registry.runs()
        self.figures.statuses = Counter(rows["status"])
        every = registry.table("runs")
        trained = every[every["reused_from"].isna() & every["status"].isin(FINISHED)]
        return not registry.verify() and set(rows["status"]) <= set(FINISHED) and not trained.duplicated(["run_id", "code_id"]).any()


def workers_of(pid: int) -> list[psutil.Process]:
    """The workers of a runner."""
    with suppress(psutil.Error):
        return [child for child in psutil.Process(pid).children() if "spawn_main" in " ".join(child.cmdline())]
    return []


def marked() -> dict[str, str]:
    """The environment of what this soak starts, by which it is found again."""
    return {**os.environ, "PYTHONPATH": str(ROOT), MARK: str(os.getpid())}


def orphans() -> list[int]:
    """What this soak has started and is still there."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == str(os.getpid()):
                found.append(process.pid)
    return found


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A disk of its own, where this may mount one."""
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "soak", str(folder)], capture_output=True, check=False)
    if mount.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", default=sorted(path.stem for path in (ROOT / "suites").glob("*.yaml")))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=20.0, help="seconds between disturbances, on average")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bench", action="append", default=[], help="a further word for `bench run`, as --bench=--set=seeds=2")
    given = parser.parse_args()
    start, done, rounds = time.monotonic(), True, 0
    with tempfile.TemporaryDirectory(prefix="soak-") as name, small_disk(Path(name) / "disk") as disk:
        folder = Path(name)
        # Copies, in no repository, so that editing meanwhile changes no row's origin.
        suites = [shutil.copy(ROOT / "suites" / f"{suite}.yaml", folder) for suite in given.suites]
        command = ["run", *suites, "--retry-failed", "--checkpoint-every", "2", *given.bench]
        generator = random.Random(given.seed)
        print(f"the full disk is {'a tmpfs that is filled' if disk else 'a limit on the size of files (RLIMIT_FSIZE)'}", flush=True)
        while (left := 60 * given.minutes - (time.monotonic() - start)) > 0 and done:
            (place := folder / f"round{rounds}").mkdir()
            soak = Soak(command, place, disk / f"round{rounds}" if disk else None, given.every, generator)
            if soak.disk is not None:
                soak.disk.mkdir()
            done = soak.run(left) and soak.complete()
            rounds += 1
            figures = soak.figures
            print(f"round {rounds}: {'all rows are there' if done else 'NOT COMPLETE'}; rows {dict(figures.statuses)}; torn files {figures.torn}", flush=True)
            print(f"  disturbances {dict(figures.events)}; exit codes {dict(figures.codes)}; {time.monotonic() - start:.0f} s", flush=True)
            if not done:
                print((place / "output.txt").read_text()[-4000:])
        time.sleep(5)
        left_over = orphans()
        print(f"processes left over: {len(left_over)}")
    return 0 if done and not left_over else 1


if __name__ == "__main__":
    sys.exit(main())
