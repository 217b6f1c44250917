"""Progress: a line per run where there is no terminal, bars where there is one, the counts in both."""

from __future__ import annotations

import io
import itertools
import re

import pytest
from rich.console import Console

from bench import progress
from bench.executors import Advanced
from bench.plan import PlannedRun
from bench.progress import describe, follow
from bench.recorder import Recorded
from bench.results import Progress, RunResult
from tests.train.runs import run_of

NUMBERS = {"test_accuracy": 0.87654, "test_loss": 0.5, "train_accuracy": 1.0}


def run_id(seed) -> str:
    return recorded(seed).planned.run.run_id[:8]


def recorded(seed=0, status="ok", reason=None, metrics=NUMBERS, seconds=1.25, traceback="") -> Recorded:
    run = run_of(seed)
    planned = PlannedRun("batch-size", {"batch_size": "32", "model": "fnn"}, run, (), {}, "code", "new", "never trained", None, 0)
    return Recorded(planned, RunResult(run.run_id, status, reason, metrics, train_seconds=seconds), traceback)


def advanced(done=0.5, worker=0) -> Advanced:
    return Advanced(worker, "pack", Progress("run", done, 0.1234))


def drawn(events, total=3, workers=2, terminal=False, debug=False):
    """What is drawn, and the counts."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=300, color_system=None)
    counts = follow(events, total, workers, console, debug)
    return console.file.getvalue(), counts


def last_line(text, start):
    """The last line drawn that starts so, without the codes that move the cursor."""
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").splitlines()
    return [line for line in lines if line.startswith(start)][-1]


def test_a_run_in_a_line():
    assert describe(recorded()) == f"batch-size batch_size=32 model=fnn seed=0 ({run_id(0)}): ok test accuracy 0.8765 1.2 s"


def test_a_run_without_accuracy_shows_its_loss():
    assert describe(recorded(2, metrics={"test_loss": 0.5})).endswith(f"seed=2 ({run_id(2)}): ok test loss 0.5 1.2 s")


def test_a_run_that_failed_shows_why():
    assert describe(recorded(status="crashed", reason="ValueError: [red]", metrics={}, seconds=None)).endswith(
        f"seed=0 ({run_id(0)}): crashed (ValueError: [red])"
    )


def test_counts_every_run_once_and_no_progress():
    events = [recorded(), advanced(), recorded(1), recorded(2, "diverged", "the loss was not finite at step 3", {})]
    for terminal in (True, False):
        _, counts = drawn(events, terminal=terminal)
        assert counts == {"ok": 2, "diverged": 1}


def test_plain_lines(monkeypatch):
    clock = itertools.count(100.0, 10.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    text, _ = drawn([recorded(), advanced(), recorded(1), recorded(2, "crashed", "ValueError: [bold]x[/bold] [1]", {}, None)])
    lines = text.splitlines()
    assert [line.partition("]")[0] for line in lines] == ["[1/3, 20 s left", "[2/3, 10 s left", "[3/3, 0 s left"]
    assert lines[0].endswith("] " + describe(recorded()))
    assert lines[2].endswith(f"seed=2 ({run_id(2)}): crashed (ValueError: [bold]x[/bold] [1])")
    assert "\x1b" not in text


def test_a_long_line_stays_whole():
    text, _ = drawn([recorded(status="crashed", reason="x" * 1000)])
    assert len(text.splitlines()) == 1


def test_bars():
    text, _ = drawn([advanced(0.25), advanced(0.75, worker=1), recorded(), recorded(1, "diverged", "at [step] 3", {}), recorded(2)], terminal=True)
    assert "\x1b" in text
    whole, first, second = (last_line(text, name) for name in ("runs", "worker 0", "worker 1"))
    assert "3/3" in whole
    assert "1 diverged, 2 ok" in whole
    assert "25/100" in first
    assert "loss 0.123" in first
    assert "75/100" in second


def test_bars_print_failed_runs_alone():
    text, _ = drawn([recorded(), recorded(1, "diverged", "at [step] 3", {})], terminal=True)
    assert describe(recorded(1, "diverged", "at [step] 3", {})) in text
    assert describe(recorded()) not in text


@pytest.mark.parametrize("terminal", [True, False])
def test_tracebacks_when_debugging_alone(terminal):
    failed = recorded(status="crashed", reason="ValueError", traceback="Traceback [of] it")
    assert "Traceback [of] it" in drawn([failed], terminal=terminal, debug=True)[0]
    assert "Traceback" not in drawn([failed], terminal=terminal)[0]


@pytest.mark.parametrize("terminal", [True, False])
def test_an_interruption_passes_and_leaves_the_terminal_in_order(terminal):
    def interrupted():
        yield recorded()
        raise KeyboardInterrupt

    console = Console(file=io.StringIO(), force_terminal=terminal, width=300)
    with pytest.raises(KeyboardInterrupt):
        follow(interrupted(), 3, 1, console)
    assert console.file.getvalue().count("\x1b[?25l") == console.file.getvalue().count("\x1b[?25h")


def test_nothing_to_do():
    assert drawn([], total=0) == ("", {})
