"""The first signal is remembered, the second strikes; the first is passed on at the end."""

from __future__ import annotations

import signal
import threading

import pytest

from bench.stopping import Stopping

SIGNALS = [signal.SIGINT, signal.SIGTERM]


class Raised(BaseException):
    pass


@pytest.fixture(autouse=True)
def handlers():
    """Handlers as a command has them."""

    def stop(number, frame):
        raise Raised(number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.fault("F6")
@pytest.mark.fault("F7")
@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_is_remembered_and_passed_on_at_the_end(number):
    done = []

    def work():
        with Stopping() as stopping:
            assert not stopping.asked()
            signal.raise_signal(number)
            done.append(stopping.asked())

    with pytest.raises(Raised) as caught:
        work()
    assert done == [True]
    assert caught.value.args == (number,)


@pytest.mark.fault("F6")
@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_second_strikes_at_once(first, second):
    done = []

    def work():
        with Stopping():
            signal.raise_signal(first)
            signal.raise_signal(second)
            done.append(True)

    with pytest.raises(Raised) as caught:
        work()
    assert done == []
    assert caught.value.args == (second,)


def test_an_error_comes_before_a_signal():
    def work():
        with Stopping():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        work()


def test_without_a_signal_handlers_are_as_before():
    before = [signal.getsignal(number) for number in SIGNALS]
    with Stopping() as stopping:
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert not stopping.asked()
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_outside_of_the_main_thread_nothing_happens():
    asked = []

    def work():
        with Stopping() as stopping:
            asked.append(stopping.asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [False]
