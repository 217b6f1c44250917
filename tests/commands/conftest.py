"""A repository of a user's own, and the command as a function."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SUITE = """\
title: Small
version: 1
defaults: {dataset: {name: digits, train: 64}, objective: cross_entropy, batch_size: 16, measures: [accuracy, loss]}
profiles:
  quick: {epochs: 1, seeds: 3}
  paper: {epochs: 2, seeds: 2}
experiments:
  rates:
    model: {name: fnn, width: 16}
    optimizer: {name: sgd, lr: 0.1}
    grid: {dropout: [0.0, 0.5]}
    claims:
      learns: {text: It learns., metric: test_accuracy, value: {dropout: 0}, says: {value: ">= 0.01"}, profiles: [quick]}
  again:
    model: {name: fnn, width: 16}
    optimizer: {name: sgd, lr: 0.1}
    grid: {dropout: [0.0]}
tables:
  accuracy: {experiment: rates, rows: [dropout], values: [test_accuracy, train_loss]}
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@dataclass
class Project:
    """A git repository with a suite, in which commands run."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def suite(self) -> Path:
        return self.folder / "small.yaml"

    def bench(self, *words: str) -> Outcome:
        from bench.cli import main

        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self.capsys.readouterr()
        try:
            main(words)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        shown = self.capsys.readouterr()
        assert "Traceback" not in shown.out + shown.err
        return Outcome(code, shown.out, shown.err)

    def run(self, *words: str) -> Outcome:
        return self.bench("run", "small.yaml", "--executor", "inline", *words)

    def spawn(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "bench", *words]
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def git(self, *words: str) -> str:
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
        return subprocess.run(["git", *identity, *words], cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def commit(self, message: str) -> None:
        self.git("add", "-A", ":!results", ":!report")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def edit(self, old: str, new: str) -> None:
        text = self.suite.read_text()
        assert old in text
        self.suite.write_text(text.replace(old, new))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    made = Project(tmp_path, capsys)
    made.suite.write_text(SUITE)
    made.git("init", "-q", "-b", "main")
    made.commit("first")
    return made
