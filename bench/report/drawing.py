"""Many figures drawn by several processes: matplotlib holds Python's lock, so that threads would take turns."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait

import pandas as pd

from bench.errors import MissingError
from bench.metric import Metric
from bench.report import style
from bench.report.figures import draw
from bench.report.page.picture import Picture, picture
from bench.suite_file import Figure

LARGE = 5_000
"""Runs, summed over the figures, from which on processes pay; to start one takes as long as to draw a few figures."""

FIGURE = 200
"""How many runs a figure counts for besides its own: axes, ticks and letters take long, however few its lines are."""

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


def sheet(task: Task) -> Sheet:
    """Draw a figure."""
    drawn = draw(task.spec, task.runs, task.points, task.metrics, most=task.most)
    if drawn.figure is None:
        return Sheet(task.name, drawn.notes, None, {})
    raster, vector = style.png(drawn.figure), style.svg(drawn.figure)
    shown = picture(task.name, task.spec.title or task.spec.experiment, vector, drawn.figure)
    return Sheet(task.name, drawn.notes, shown, {f"{task.name}.png": raster, f"{task.name}.svg": vector})


@contextmanager
def sheets(tasks: Sequence[Task], large: int = LARGE) -> Iterator[Iterator[Sheet]]:
    """Draw figures; where there is much to draw, by several processes, while the caller goes on.

    Args:
        tasks: the figures.
        large: how much there is to draw where there are several processes.

    Yields:
        The figures that were drawn, those of the most points first: they take longest, and no process shall be left alone with one.

    Raises:
        MissingError: if one of the processes is ended from outside.
    """
    tasks = sorted(tasks, key=lambda task: len(task.points), reverse=True)
    if len(tasks) < 2 or sum(FIGURE + len(task.runs) for task in tasks) < large:
        yield map(sheet, tasks)
        return
    pool = ProcessPoolExecutor(min(MOST, len(tasks), len(os.sched_getaffinity(0))), multiprocessing.get_context("spawn"), _end_with_starter)
    try:
        with _deaf():
            drawn = pool.map(sheet, tasks)
        yield drawn
    except BrokenProcessPool as error:
        raise MissingError("a process that drew figures was ended from outside, perhaps for want of memory", hint="Run `bench report` again.") from error
    finally:
        pool.shutdown(cancel_futures=True)


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
