from __future__ import annotations

import ast
import hashlib
import inspect
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import seeding

NAMES = st.sampled_from(["initial-weights", "order", "dropout", "labels"])
STREAMS = st.tuples(st.integers(0, 2**63 - 1), NAMES, st.integers(0, 10**6))
PROPERTY = settings(max_examples=100, deadline=None, database=None, derandomize=True)


def test_a_key_is_the_first_63_bits_of_a_hash():
    digest = hashlib.sha256(b"7\x1forder\x1f3").hexdigest()
    assert seeding.key(7, "order", 3) == int(digest[:16], 16) // 2


def test_keys_stay_what_they_are():
    assert [seeding.key(0, "initial-weights"), seeding.key(1, "order", 2)] == [4629828171219570341, 5421002746682807185]


def test_generators_stay_what_they_are():
    drawn = seeding.generator(0, "order").integers(0, 1000, 4)
    expected = np.random.Generator(np.random.Philox(key=int(hashlib.sha256(b"0\x1forder\x1f0").hexdigest()[:16], 16) >> 1)).integers(0, 1000, 4)
    assert drawn.tolist() == expected.tolist() == [411, 896, 323, 421]


@PROPERTY
@given(STREAMS, STREAMS)
def test_streams_differ_by_seed_name_and_index(one, other):
    assert (seeding.key(*one) == seeding.key(*other)) == (one == other)
    assert 0 <= seeding.key(*one) < 2**63


@PROPERTY
@given(STREAMS)
def test_a_stream_gives_the_same_numbers_each_time(stream):
    first, second = (seeding.generator(*stream).random(3).tolist() for _ in range(2))
    assert first == second


def test_what_is_near_in_writing_is_not_near_in_numbers():
    assert len({seeding.key(1, "a", 23), seeding.key(1, "a2", 3), seeding.key(12, "a", 3), seeding.key(1, "a", 3)}) == 4


def test_a_stream_knows_no_cell():
    assert list(inspect.signature(seeding.key).parameters) == ["seed", "stream", "index"]
    imported = [node for node in ast.walk(ast.parse(Path(seeding.__file__).read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in imported] == ["__future__"]
