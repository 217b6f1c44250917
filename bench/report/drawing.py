"""Many figures drawn by several processes: matplotlib holds Python's lock, so that threads would take turns."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait

import pandas as pd

from bench.errors import MissingError
from bench.garbage import littering
from bench.metric import Metric
from bench.report import style
from bench.report.figures import draw
from bench.report.page.picture import Picture, picture
from bench.suite_file import Figure

LARGE = 5_000
"""How much there is to draw from which on processes pay, in runs: to start one takes as long as to draw a few figures."""

EXPERIMENT = 300
"""How many runs an experiment counts for besides its own: axes, ticks and letters of its figures take long, however few the lines are."""

MOST = 8
"""Processes; each takes 200 MB."""


@dataclass(frozen=True)
class Task:
    """A figure to draw; the attributes are the arguments of `bench.report.figures.draw`, and its name."""

    name: str
    spec: Figure
    runs: pd.DataFrame
    points: pd.DataFrame
    metrics: Mapping[str, Metric]
    most: int


@dataclass(frozen=True)
class Sheet:
    """A figure that was drawn.

    Attributes:
        name: its name.
        notes: what is said of it.
        picture: what a page shows; None where no run that is ok has points.
        files: name -> content of its files.
    """

    name: str
    notes: tuple[str, ...]
    picture: Picture | None
    files: Mapping[str, bytes]


@littering()
def sheet(task: Task) -> Sheet:
    """Draw a figure."""
    drawn = draw(task.spec, task.runs, task.points, task.metrics, most=task.most)
    if drawn.figure is None:
        return Sheet(task.name, drawn.notes, None, {})
    raster, vector = style.png(drawn.figure), style.svg(drawn.figure)
    shown = picture(task.name, task.spec.title or task.spec.experiment, vector, drawn.figure)
    return Sheet(task.name, drawn.notes, shown, {f"{task.name}.png": raster, f"{task.name}.svg": vector})


Draw = Callable[[Sequence[Task]], Iterator[Sheet]]
"""Draws figures, those of the most points first: they take longest, and no process shall be left alone with one."""


def processes_for(runs: pd.DataFrame) -> int:
    """How many processes pay.

    Args:
        runs: the rows that are drawn, of all experiments.
    """
    size = len(runs) + EXPERIMENT * len(runs[["suite", "profile", "experiment"]].drop_duplicates())
    processors = len(os.sched_getaffinity(0))
    return min(MOST, processors) if size >= LARGE and processors > 1 else 0


@contextmanager
def drawing(processes: int = 0) -> Iterator[Draw]:
    """Draw figures; by processes of their own, which start at once, while the caller goes on.

    Args:
        processes: how many; without any, each figure is drawn when it is asked for.

    Raises:
        MissingError: if one of the processes is ended from outside.
    """
    if not processes:
        yield lambda tasks: map(sheet, _longest_first(tasks))
        return
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _end_with_starter)
    try:
        with _deaf():
            for _ in range(processes):
                pool.submit(_nothing)
        yield lambda tasks: pool.map(sheet, _longest_first(tasks))
    except BrokenProcessPool as error:
        raise MissingError("a process that drew figures was ended from outside, perhaps for want of memory", hint="Run `bench report` again.") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _longest_first(tasks: Sequence[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: len(task.points), reverse=True)


def _nothing() -> None:
    """What a process is given to do so that it starts."""


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, as it is meant for this one: they begin with the signals blocked that are blocked here."""
    resource_tracker.ensure_running()  # It would unblock them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_starter() -> None:
    """End this process when the one that started it is no more, however that ended."""
    starter = multiprocessing.parent_process()
    if starter is not None:
        threading.Thread(target=lambda: (wait([starter.sentinel]), os._exit(1)), daemon=True).start()
