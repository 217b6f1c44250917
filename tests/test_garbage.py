from __future__ import annotations

import gc

import pytest

from bench.garbage import littering


def test_garbage_is_collected_again_afterwards_also_after_an_error():
    @littering()
    def fail() -> None:
        assert not gc.isenabled()
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.isenabled()


def test_what_was_off_stays_off():
    gc.disable()
    try:
        with littering():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
