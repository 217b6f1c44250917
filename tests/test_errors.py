"""The tree of errors, and the texts that users read.

Each file of ``golden/errors`` is one case: lines ``$ --set …`` or ``$ --only …``, a suite, a line of dashes, and what
the user is told. After a wording was changed on purpose, ``BENCH_GOLDEN=write python -m pytest tests/test_errors.py``
writes the messages anew; read the difference before it is committed. A new case is a new file without a message.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from bench import errors
from bench import suite as suites
from bench.errors import BenchError, Place, SuiteError, UsageError, did_you_mean
from bench.overrides import Overrides
from bench.resolve import Choice, resolve
from bench.selection import Selection
from tests.planning import HEAD, refusal

GOLDEN = Path(__file__).parent / "golden" / "errors"
LINE = "-" * 40
MADE = "(made by tests/test_errors.py)\n"
SMALL = f"{HEAD}experiments: {{a: {{}}}}\n"
CONTENTS = {
    "deep-nesting": b"title: " + b"[" * 20_000,
    "invalid-utf8": b"title: \xff\xfe\xfd\n",
    "nul": SMALL.replace("Demo", "De\0mo").encode(),
    "too-large": b"#" * 2_000_000,
    "utf16": SMALL.encode("utf-16"),
    "empty-file": b"",
    "tabs": SMALL.replace("experiments: {a: {}}", "experiments:\n\ta: {}").encode(),
    "cells-beyond-counting": f"{HEAD}experiments:\n  a:\n    grid:\n".encode()
    + b"".join(f"      {key}: [{','.join(str(value) for value in range(1, 1001))}]\n".encode() for key in ("batch_size", "epochs", "model.width")),
}
FAULTS = [
    (pytest.mark.fault("F40"), ("alias-bomb", "alias", "anchor", "merge-key")),
    (pytest.mark.fault("F41"), ("deep-nesting", "empty-file", "invalid-utf8", "nul", "tabs", "too-large", "two-documents", "utf16")),
    (pytest.mark.fault("F42"), ("tag",)),
    (pytest.mark.fault("F43"), ("duplicate-key", "infinity", "nan", "negative", "number-as-text", "three-blocks-at-once", "true-for-a-number", "unknown-key")),
    (pytest.mark.fault("F44"), ("hash-that-reads-as-a-number",)),
    (pytest.mark.fault("F45"), ("experiment-name", "suite-name", "suite-name-climbs")),
    (pytest.mark.fault("F46"), ("cells-beyond-counting", "empty-axis", "runs-beyond-counting")),
    (pytest.mark.fault("F47"), ("part-that-is-a-path-of-code",)),
]
FILE_NAMES = {"suite-name": "./My Suite.yaml", "suite-name-climbs": "../../x", "suite-missing": "nowhere/demo.yaml", "suite-unknown": "generalisation"}


def cases():
    marks = {name: mark for mark, names in FAULTS for name in names}
    paths = sorted(GOLDEN.glob("*.txt"))
    assert marks.keys() <= {path.stem for path in paths}
    return [pytest.param(path, id=path.stem, marks=marks.get(path.stem, ())) for path in paths]


@pytest.mark.parametrize("case", cases())
def test_what_a_user_is_told(case, tmp_path, monkeypatch):
    head, dashes, expected = case.read_text(encoding="utf-8").partition(f"{LINE}\n")
    told = _told(case.stem, head, tmp_path, monkeypatch)
    if os.environ.get("BENCH_GOLDEN") == "write":
        case.write_text(f"{head}{LINE}\n{told}\n", encoding="utf-8")
    else:
        assert dashes
        assert told == expected.removesuffix("\n")


def test_every_made_case_has_its_file():
    assert {*CONTENTS, *FILE_NAMES} <= {path.stem for path in GOLDEN.glob("*.txt")}


def _told(name, head, folder, monkeypatch) -> str:
    """The error of one case, as the command line would print it, with its kind and exit code."""
    (folder / "demo").mkdir()
    monkeypatch.chdir(folder / "demo")
    options = [line[2:].split(" ", 1) for line in head.splitlines() if line.startswith("$ ")]
    text = "".join(line for line in head.splitlines(keepends=True) if not line.startswith("$ "))
    assert (text == MADE) == (name in CONTENTS)
    for path in ("demo.yaml", "My Suite.yaml"):
        Path(path).write_bytes(CONTENTS.get(name, text.encode()))
    error = refusal(lambda: _resolve(FILE_NAMES.get(name, "demo.yaml"), options))
    assert error is not None
    return f"{type(error).__name__}, exit code {error.exit_code}\n{error}"


def _resolve(name: str, options: list[list[str]]) -> None:
    suite = suites.load(suites.find(name, [suites.folders()[-1]]))
    sets, only, experiments = ([value for option, value in options if option == wanted] for wanted in ("--set", "--only", "-e"))
    resolve(suite, "quick", Overrides.parse(sets), Choice(experiments, Selection.parse(",".join(only))))


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("s.yaml", 3, "a.b"), "s.yaml:3: a.b"),
        (Place("s.yaml"), "s.yaml"),
        (Place(key="a"), "a"),
        (Place(), ""),
    ],
)
def test_a_place_says_what_is_known(place, text):
    assert str(place) == text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UsageError("wrong"), "wrong"),
        (UsageError("wrong", Place("f", 1)), "f:1: wrong"),
        (UsageError("wrong", Place()), "wrong"),
        (UsageError("wrong", Place("f"), "do this"), "f: wrong\n  do this"),
    ],
)
def test_an_error_says_where_what_and_what_to_do(error, text):
    assert str(error) == text


def test_each_kind_has_its_exit_code():
    kinds = {kind.__name__: kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BenchError)}
    assert kinds == {
        "BenchError": 70,
        "UsageError": 2,
        "UnknownNameError": 2,
        "UnsetError": 2,
        "SuiteError": 2,
        "StorageError": 3,
        "MissingError": 4,
        "NothingError": 5,
    }


def test_errors_survive_the_way_from_a_worker():
    error = SuiteError([UsageError("one", Place("f", 1, "k"), "hint"), UsageError("two")])
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - made above
    assert str(back) == str(error)
    assert [problem.place for problem in back.problems] == [Place("f", 1, "k"), None]
    plain = pickle.loads(pickle.dumps(error.problems[0]))  # noqa: S301 - made above
    assert (plain.message, plain.place, plain.hint) == ("one", Place("f", 1, "k"), "hint")


@pytest.mark.parametrize(
    ("name", "known", "text"),
    [
        ("seed", ["seeds", "steps"], "Did you mean 'seeds'?"),
        ("zzz", ["b", "a"], "Known: a, b."),
        ("zzz", [], "There are none."),
        ("zzz", [f"n{index:02}" for index in range(14)], "Known: n00, n01, n02, n03, n04, n05, n06, n07, n08, n09, n10, n11, …."),
    ],
)
def test_did_you_mean(name, known, text):
    assert did_you_mean(name, known) == text
