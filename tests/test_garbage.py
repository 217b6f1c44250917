from __future__ import annotations

import gc
import subprocess
import sys

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


def test_nothing_is_looked_for_at_the_end():
    script = """if True:
        import atexit, gc
        from bench.garbage import littering
        class Cycle:
            def __init__(self): self.me = self
            def __del__(self): print("found", flush=True)
        with littering(): Cycle()
        if {otherwise}: atexit.unregister(gc.freeze)
    """
    found = [
        subprocess.run([sys.executable, "-c", script.replace("{otherwise}", str(otherwise))], capture_output=True, text=True, check=True).stdout
        for otherwise in (False, True)
    ]
    assert found == ["", "found\n"]
