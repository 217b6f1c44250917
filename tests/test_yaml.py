from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench import suite as suites
from bench import yaml
from bench.errors import MissingError, Place, SuiteError, UsageError
from tests.planning import refusal

FUZZ = settings(max_examples=150, deadline=None, database=None, derandomize=True)
SYNTAX = st.text(st.sampled_from("ab01:-?[]{},&*!|>'\"%@`#. \n\t~<=eE_\\+"), max_size=40)


@pytest.mark.fault("F44")
@pytest.mark.fault("F43")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("", None),
        ("12", 12),
        ("1e-3", 0.001),
        ("1.5", 1.5),
        ("12:30", "12:30"),
        ("'1'", "1"),
        ("[1, 2]", [1, 2]),
        ("{a: 1}", {"a": 1}),
        ("é", "é"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    assert yaml.scalar(text) == value
    assert type(yaml.scalar(text)) is type(value)


def test_every_key_and_item_has_its_line():
    document = yaml.parse("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\ne: 3\n", "f.yaml")
    assert document.lines == {("a",): 1, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", 0): 4, ("a", "c", 1): 5, ("a", "c", 1, "d"): 5, ("e",): 6}
    assert document.data == {"a": {"b": 1, "c": ["x", {"d": 2}]}, "e": 3}


def test_the_place_of_what_is_not_there_is_that_of_the_key_above():
    document = yaml.parse("a:\n  b:\n    - 1\n", "f.yaml")
    assert document.place(("a", "b", 0)) == Place("f.yaml", 3, "a.b[0]")
    assert document.place(("a", "b", 7, "x")) == Place("f.yaml", 2, "a.b[7].x")
    assert document.place(("z",)) == Place("f.yaml", None, "z")
    assert document.place(()) == Place("f.yaml", None, None)


@pytest.mark.fault("F41")
def test_a_byte_order_mark_is_passed_over(tmp_path):
    (tmp_path / "s.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert yaml.read(tmp_path / "s.yaml").data == {"a": 1}


def test_crlf_is_a_line_end(tmp_path):
    (tmp_path / "s.yaml").write_bytes(b"a: 1\r\nb: 2\r\n")
    assert yaml.read(tmp_path / "s.yaml").lines == {("a",): 1, ("b",): 2}


@pytest.mark.parametrize("name", ["nowhere.yaml", ".", "file/below"])
def test_what_is_no_file_is_missing(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(MissingError, match="there is no file"):
        yaml.read(tmp_path / name)


@pytest.mark.fault("F41")
def test_an_endless_file_is_refused():
    with pytest.raises(SuiteError, match="larger than"):
        yaml.read(Path("/dev/zero"))


def test_the_largest_file_is_read(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_bytes(b"a: 1\n" + b"#" * (yaml.MAX_BYTES - 5))
    assert yaml.read(path).data == {"a": 1}
    path.write_bytes(path.read_bytes() + b"#")
    with pytest.raises(SuiteError, match="larger than"):
        yaml.read(path)


def test_the_deepest_nesting_is_read():
    depth = yaml.MAX_DEPTH
    assert yaml.parse("[" * depth + "]" * depth).data
    with pytest.raises(SuiteError, match="nested too deeply"):
        yaml.parse("[" * (depth + 1) + "]" * (depth + 1))


@pytest.mark.fault("F41")
@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "&a [", "!!seq ["])
def test_deep_nesting_is_refused_at_once(opening):
    start = time.perf_counter()
    with pytest.raises(SuiteError):
        yaml.parse(opening * 20_000)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("key", ["1", "true", "~", "1.5", "2020-01-01", "<<", "[a]", "{a: b}"])
def test_a_key_is_text(key):
    with pytest.raises(SuiteError, match="a key must be text"):
        yaml.parse(f"top:\n  ? {key}\n  : {{a: 1}}\n")


@pytest.mark.fault("F42")
@pytest.mark.parametrize("tag", ["!!str", "!!int", "!!binary", "!x", "!<tag:x>"])
def test_tags_are_refused(tag):
    with pytest.raises(SuiteError, match="is not allowed"):
        yaml.parse(f"a: {tag} '1'\n")


def test_a_problem_names_the_file_and_the_line():
    with pytest.raises(SuiteError) as caught:
        yaml.parse("a: 1\nb: [1, 2\nc: 3\n", "f.yaml")
    assert caught.value.problems[0].place.file == "f.yaml"
    assert caught.value.problems[0].place.line in (2, 3, 4)


@pytest.mark.fault("F43")
@FUZZ
@given(st.one_of(st.text(max_size=60), SYNTAX))
@example("? ? ?")
@example("%YAML 9.9\n---\n")
@example("%TAG ! x\n--- !")
@example("1" * 5000)
@example("0x" + "f" * 5000)
@example("2023-99-99")
@example("2023-01-01 99:99:99")
@example("!!binary x")
@example("\ufeffa")
@example('"\\ud800"')
@example("a: =")
@example("- =")
@example(". inf")
@example("0o9")
@example("_")
@example("+")
@example("1__2e")
def test_any_text_is_read_or_refused(text):
    error = refusal(lambda: suites.from_document("demo", yaml.parse(text)))
    assert error is None or (isinstance(error, SuiteError) and error.problems)


@pytest.mark.fault("F41")
@FUZZ
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(content)
    error = refusal(lambda: yaml.read(path))
    assert error is None or (isinstance(error, SuiteError) and error.problems)


@FUZZ
@given(SYNTAX)
def test_any_value_of_set_is_read_or_refused(text):
    error = refusal(lambda: yaml.scalar(text))
    assert error is None or (isinstance(error, UsageError) and "is not a value" in error.message)
