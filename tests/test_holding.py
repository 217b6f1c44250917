"""Signals are held, passed on, and raised at the end."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from bench.holding import Holding


class Raised(BaseException):
    pass


@pytest.fixture(autouse=True)
def handlers():
    """Handlers as a command has them."""

    def stop(number, frame):
        raise Raised(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_raised_at_the_end(number):
    done = []

    def work():
        with Holding() as held:
            signal.raise_signal(number)
            done.append(held.number)

    with pytest.raises(Raised) as caught:
        work()
    assert done == [number]
    assert caught.value.args == (number,)


def test_without_a_signal_nothing_is_raised():
    with Holding() as held:
        assert held.follow([sys.executable, "-c", "import sys; print('a\\nb', file=sys.stderr); sys.exit(7)"], ".", os.environ, lambda line: None) == (
            7,
            ["a", "b"],
        )
    with pytest.raises(Raised):
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_before_the_child_starts_stops_it_too():
    def work():
        with Holding() as held:
            signal.raise_signal(signal.SIGTERM)
            codes.append(held.follow([sys.executable, "-c", "import time; time.sleep(100)"], ".", os.environ, lambda line: None)[0])

    codes: list[int] = []
    with pytest.raises(Raised):
        work()
    assert codes == [-signal.SIGTERM]


def test_what_a_child_has_started_ends_with_it(tmp_path):
    script = "import subprocess, sys; child = subprocess.Popen(['sleep', '100'], stderr=subprocess.DEVNULL); print(child.pid, file=sys.stderr)"
    with Holding() as held:
        code, last = held.follow([sys.executable, "-c", script], tmp_path, os.environ, lambda line: None)
    assert code == 0
    deadline = time.monotonic() + 10
    while running(int(last[0])):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_child_ends_when_nobody_listens(tmp_path):
    def tell(line):
        told.append(int(line))
        raise BrokenPipeError

    told: list[int] = []
    script = "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(100)"
    with pytest.raises(BrokenPipeError), Holding() as held:
        held.follow([sys.executable, "-c", script], tmp_path, os.environ, tell)
    assert not running(told[0])


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
