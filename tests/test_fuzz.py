"""Hostile input of every kind ends in a result or in an error that a user can understand; `make fuzz` tries far more of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import fuzzing

FUZZ = settings(max_examples=80, deadline=None, database=None, derandomize=True)


@pytest.mark.fault("F43")
@FUZZ
@given(st.one_of(fuzzing.DAMAGED, fuzzing.TREE))
def test_any_tree_is_a_suite_or_refused(tree):
    fuzzing.check_tree(tree)


@pytest.mark.fault("F40")
@pytest.mark.fault("F41")
@pytest.mark.fault("F42")
@FUZZ
@given(fuzzing.TEXT)
def test_any_text_is_a_suite_or_refused(text):
    fuzzing.check_text(text)


@pytest.mark.fault("F43")
@pytest.mark.fault("F46")
@FUZZ
@given(st.integers(0, 9), fuzzing.SETS, fuzzing.CONDITIONS)
def test_any_overrides_are_taken_or_refused(which, sets, only):
    fuzzing.check_overrides(which, sets, only)


@pytest.mark.fault("F47")
@FUZZ
@given(fuzzing.PLUGINS)
def test_what_is_no_plugin_is_refused(path):
    fuzzing.check_plugin(path)


@pytest.mark.fault("F45")
@FUZZ
@given(st.one_of(st.sampled_from(fuzzing.TEXTS), st.text(max_size=12)))
def test_what_is_no_suite_is_refused(name):
    fuzzing.check_name(name)


@pytest.mark.fault("F53")
@settings(FUZZ, max_examples=40)
@given(fuzzing.REVISIONS)
def test_what_is_no_revision_is_refused(name):
    fuzzing.check_revision(name)


@pytest.mark.fault("F61")
@FUZZ
@given(fuzzing.SEEDS, st.booleans())
def test_a_changed_file_is_named_or_read_as_it_was(tmp_path_factory, seed, sealed_anew):
    fuzzing.check_file(tmp_path_factory.getbasetemp(), seed, sealed_anew)


@pytest.mark.fault("F37")
@settings(FUZZ, max_examples=60)
@given(fuzzing.SEEDS)
def test_an_archive_writes_what_was_asked_for_and_nothing_else(tmp_path_factory, seed):
    folder = tmp_path_factory.getbasetemp() / "archives"
    folder.mkdir(exist_ok=True)
    fuzzing.check_archive(folder, seed)
