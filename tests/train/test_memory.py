"""Freed memory stays with the process: counted in page faults, in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from bench.train import memory
from bench.train.memory import keep_freed_memory

ROOT = Path(__file__).parents[2]
ROUNDS, BUFFERS, PAGES = 10, 4, 1024
PROGRAM = f"""
import ctypes
import resource
import torch
from bench.train.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range({ROUNDS}):
        buffers = [torch.ones({PAGES} * 1024) for _ in range({BUFFERS})]
        del buffers
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

# What glibc starts from and moves with what is freed, held fixed: larger blocks come from the system each time.
assert ctypes.CDLL(None).mallopt(-3, 128 * 1024)
given_back = faults()
assert keep_freed_memory() is True
faults()
print(given_back, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_buffers_of_a_step_are_not_asked_for_again():
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=ROOT)
    given_back, kept = map(int, told.stdout.split())
    # A fault for each buffer at the least, where the system's pages are huge; else for each of its pages.
    assert given_back >= ROUNDS * BUFFERS
    assert kept < given_back / 10


def test_another_library_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert keep_freed_memory() is False


@pytest.mark.parametrize(("answers", "kept"), [((1, 1), True), ((0, 1), False), ((1, 0), False)])
def test_says_whether_both_settings_were_taken(monkeypatch, answers, kept):
    given = iter(answers)

    class Library:
        @staticmethod
        def mallopt(setting, value):
            return next(given)

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library)
    assert keep_freed_memory() is kept


def test_an_older_glibc_is_not_made_worse(monkeypatch):
    """It takes blocks of at most 32 MiB, and any setting that it does take ends its own adaptation."""
    taken = []

    class Library:
        @staticmethod
        def mallopt(setting, value):
            if setting == -3 and value > 2**25:
                return 0
            taken.append(setting)
            return 1

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library)
    assert keep_freed_memory() is True
    assert sorted(taken) == [-3, -1]
