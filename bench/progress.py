"""Progress of a plan: a bar per worker and one for the whole on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.executors import Advanced, Notice
from bench.recorder import Recorded

SHOWN = ("test_accuracy", "test_loss")
"""The first of these that a run has stands on its line."""


def follow(events: Iterable[Recorded | Advanced | Notice], total: int, workers: int, console: Console, debug: bool = False) -> Counter[str]:
    """Draw what happens until it ends.

    Args:
        events: what `bench.run.execute` yields.
        total: how many runs will be trained.
        workers: how many workers there are.
        console: where to draw.
        debug: whether tracebacks of failed runs are printed.

    Returns:
        How many runs had each outcome.
    """
    counts: Counter[str] = Counter()
    with _Bars(total, workers, console) if console.is_terminal else _Lines(total, console) as drawing:
        for event in events:
            if isinstance(event, Recorded):
                counts[event.outcome] += 1
                drawing.recorded(event, counts)
                if debug and event.traceback:
                    console.print(event.traceback, markup=False, highlight=False, soft_wrap=True)
            elif isinstance(event, Notice):
                console.print(event.text, markup=False, highlight=False, soft_wrap=True)
            else:
                drawing.advanced(event)
    return counts


def describe(event: Recorded) -> str:
    """A run and what came of it, in a line."""
    planned, result = event.planned, event.result
    where = " ".join(f"{axis}={value}" for axis, value in planned.axes.items())
    number = next((f" {name.replace('_', ' ')} {result.metrics[name]:.4g}" for name in SHOWN if name in result.metrics), "")
    said = [result.reason, *(f"{measure} {remark}" for measure, remark in result.failed_measures.items())]
    reason = f" ({'; '.join(filter(None, said))})" if any(said) else ""
    seconds = f" {result.train_seconds:.1f} s" if result.train_seconds is not None else ""
    name = " ".join(filter(None, (planned.experiment, where, f"seed={planned.run.seed}")))
    return f"{name} ({planned.run.run_id[:8]}): {result.status}{reason}{number}{seconds}"


class _Lines(AbstractContextManager["_Lines"]):
    """A line per run, with the time that is left."""

    def __init__(self, total: int, console: Console) -> None:
        self._total = total
        self._console = console
        self._start = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        pass

    def recorded(self, event: Recorded, counts: Counter[str]) -> None:
        done = counts.total()
        left = (time.monotonic() - self._start) / done * (self._total - done)
        self._console.print(f"[{done}/{self._total}, {left:.0f} s left] {describe(event)}", markup=False, highlight=False, soft_wrap=True)

    def advanced(self, event: Advanced) -> None:
        pass


class _Bars(AbstractContextManager["_Bars"]):
    """A bar for the plan, and one for each worker."""

    def __init__(self, total: int, workers: int, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
        )
        self._progress = Progress(*columns, console=console)
        self._whole = self._progress.add_task("runs", total=total, note="")
        self._workers = dict(enumerate(self._add_workers(workers)))

    def _add_workers(self, workers: int) -> Iterator[TaskID]:
        for number in range(workers):
            yield self._progress.add_task(f"worker {number}", total=100, note="")

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._progress.stop()

    def recorded(self, event: Recorded, counts: Counter[str]) -> None:
        note = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        self._progress.update(self._whole, advance=1, note=note)
        if event.outcome != "ok":
            self._progress.console.print(escape(describe(event)), highlight=False)

    def advanced(self, event: Advanced) -> None:
        done = event.progress.done
        self._progress.update(self._workers[event.worker], completed=round(100 * done), note=f"loss {event.progress.loss:.3g}")
