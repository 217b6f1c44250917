"""A process that has loaded everything and runs a tiny plan in a copy of itself, as often as it is told: a kill costs no start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

SUITE = """\
title: Tiny
version: 1
defaults:
  dataset: {name: functions, target: sin, train: 8}
  objective: squared
  batch_size: full
  measures: [loss]
  model: {name: fnn, width: 4}
  optimizer: {name: sgd, lr: 0.05}
profiles:
  quick: {steps: 4, seeds: 3}
experiments:
  rates: {grid: {dropout: [0.0, 0.1]}}
  again: {grid: {dropout: [0.1, 0.2]}}
"""


def serve() -> None:
    """For each line ``folder file`` on standard input run the plan in a copy; say its number, and then how it ended."""
    from bench.errors import BenchError
    from bench.executors import Notice
    from bench.recorder import Recorded
    from bench.registry.store import Registry
    from bench.run import Request, Way, execute, make_job

    def run(folder: str, file: str) -> None:
        # Each line is written at once, when what it says is so: what a user was told.
        told = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        registry = Registry(folder)
        for event in execute(make_job(Request("tiny.yaml"), registry), registry, Way("cpu", 1, "inline", 1, checkpoint_every=0.02)):
            if isinstance(event, Recorded):
                os.write(told, f"recorded {event.planned.experiment} {event.planned.run.run_id} {event.result.status}\n".encode())
            elif isinstance(event, Notice):
                os.write(told, f"notice {event.text}\n".encode())

    for line in sys.stdin:
        word, *words = line.split()
        if word == "wait":
            answer = os.waitstatus_to_exitcode(os.waitpid(int(words[0]), 0)[1])
        elif (answer := os.fork()) == 0:
            try:
                run(*words)
            except BenchError as error:
                os._exit(error.exit_code)
            os._exit(0)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


@dataclass
class Zygote:
    """That process, as a context; `folder` holds the suite."""

    folder: Path

    def __enter__(self) -> Zygote:
        (self.folder / "tiny.yaml").write_text(SUITE)
        command = [sys.executable, "-c", "from tests.killing import serve; serve()"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._alive: set[int] = set()
        self._process = subprocess.Popen(command, cwd=self.folder, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *error: object) -> None:
        for pid in self._alive:  # none, unless a test has failed
            os.kill(pid, signal.SIGKILL)
        self._process.communicate()

    def start(self, registry: Path, told: Path) -> int:
        """Run the plan; what it tells goes to a file. The number of the copy."""
        pid = self._ask(f"run {registry} {told}")
        assert pid > 1, "an answer to another question: a test was broken off before"
        self._alive.add(pid)
        return pid

    def wait(self, pid: int) -> int:
        """The exit code of a copy, negative for a signal."""
        code = self._ask(f"wait {pid}")
        self._alive.discard(pid)
        return code

    def run(self, registry: Path, told: Path) -> int:
        """Run the plan to its end."""
        return self.wait(self.start(registry, told))

    def kill(self, registry: Path, told: Path, seconds: float) -> int:
        """Run the plan and kill it after so many seconds; its exit code."""
        pid = self.start(registry, told)
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)  # it is there until it is waited for
        return self.wait(pid)

    def _ask(self, line: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())
