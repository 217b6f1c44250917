"""Files and functions stay small; a number is never a reason to make code worse, so an exception is listed with its reason."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "bench").rglob("*.py"))
MOST_LINES = 400
MOST_BODY_LINES = 60
LONG_FILES = {
    "cli.py": "one short function per command, most of whose lines are the texts of its options",
}


def name(file: Path) -> str:
    return file.relative_to(ROOT / "bench").as_posix()


def bodies(file: Path) -> dict[str, int]:
    """Function -> lines of its body, its docstring left out."""
    functions = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {f"{name(file)}:{node.lineno} {node.name}": body_lines(node) for node in functions}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_file_is_short(file):
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert (lines > MOST_LINES) == (name(file) in LONG_FILES), f"{lines} lines"


def test_functions_are_short():
    assert {function: lines for file in FILES for function, lines in bodies(file).items() if lines > MOST_BODY_LINES} == {}


def test_most_files_and_functions_are_very_short():
    assert statistics.median(lines for file in FILES for lines in bodies(file).values()) < 10
    assert statistics.median(len(file.read_text(encoding="utf-8").splitlines()) for file in FILES) < 150


def test_lengths_are_counted_without_docstrings():
    function = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    a = 1\n\n    return a\n').body[0]
    assert isinstance(function, ast.FunctionDef)
    assert body_lines(function) == 3


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_module_says_what_it_is(file):
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
