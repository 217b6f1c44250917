from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

import bench
from bench.cells import CATALOGS
from bench.sources import PACKAGE, Sources, changed, code_id, edited, fingerprint
from tests.planning import planned, resolved

CODE = '''\
"""A module."""

import math


def area(radius: float, *, scale: float = 1.0) -> float:
    """The area.

    Args:
        radius: of the circle.
    """
    # why
    return scale * math.pi * radius**2


class Shape:
    """A shape."""

    name = "circle"

    async def draw(self):
        """Draw it."""
        return [self.name, None, 1_000, b"x", f"{self.name!r:>{3}}"]
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""\n', ""),
        ('"""A module."""', '"""Another docstring."""'),
        ("    # why\n", ""),
        ("    # why\n", "    # another reason\n\n\n"),
        ("    return scale * math.pi * radius**2", "    return (\n        scale\n        * math.pi\n        * radius ** 2\n    )"),
        ('"""The area.', '"""What area.'),
        ('    """A shape."""\n', ""),
        ('        """Draw it."""\n', ""),
        ("1_000", "1000"),
        ('"circle"', "'circle'"),
        ("import math\n", "import math  # noqa\n"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(old, new):
    assert old in CODE
    assert fingerprint(CODE.replace(old, new)) == fingerprint(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import math", "import cmath as math"),
        ("scale: float = 1.0", "scale: float = 2.0"),
        ("scale: float = 1.0", "scale: float"),
        ("*, scale", "scale"),
        ("radius: float", "radius: int"),
        ("scale * math.pi", "scale + math.pi"),
        ("scale * math.pi * radius**2", "math.pi * scale * radius**2"),
        ("radius**2", "radius**2.0"),
        ("None", "False"),
        ("1_000", "True"),
        ('b"x"', '"x"'),
        ("!r", "!s"),
        ('"circle"', '"circle "'),
        ("async def", "def"),
        ("class Shape", "class Form"),
        ("return [self", "yield [self"),
        ("    # why\n", "    radius += 0\n"),
        ("    # why\n", '    "no docstring, but a statement"\n'),
    ],
)
def test_every_change_of_code_counts(old, new):
    assert old in CODE
    assert fingerprint(CODE.replace(old, new)) != fingerprint(CODE)


def test_code_means_the_same_after_it_is_written_anew():
    for file in sorted(PACKAGE.rglob("*.py"))[::6]:
        source = file.read_text(encoding="utf-8")
        assert fingerprint(ast.unparse(ast.parse(source))) == fingerprint(source)


def test_changes_are_named():
    assert changed({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "x", "d": "4"}) == ["b", "c", "d"]
    assert changed({"a": "1"}, {"a": "1"}) == []


def test_a_code_id_is_one_of_all_hashes():
    assert code_id({"a": "1", "b": "2"}) == code_id({"b": "2", "a": "1"})
    assert len({code_id({"a": "1"}), code_id({"a": "2"}), code_id({"b": "1"}), code_id({})}) == 4


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package, to be edited."""
    shutil.copytree(Path(bench.__file__).parent, tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "bench"


def code(package: Path, optimizer: str = "sgd", dataset: str = "digits") -> dict[str, str]:
    names = {"model": "fnn", "dataset": dataset, "objective": "cross_entropy", "optimizer": optimizer, "schedule": "constant", "initializer": "default"}
    sources = [CATALOGS[kind][name].source.relative_to(PACKAGE) for kind, name in names.items()]
    return Sources(package).hashes([package / source for source in sources])


def append(file: Path, text: str = "\nEDITED = 1\n") -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_a_copy_elsewhere_has_the_same_code(package):
    assert code(package) == code(PACKAGE)


@pytest.mark.parametrize("file", ["parts/measures/loss.py", "parts/measures/__init__.py", "parts/optimizers/adam.py", "report/table.py", "run.py", "cli.py"])
def test_what_a_run_does_not_use_does_not_count(package, file):
    before = code(package)
    append(package / file)
    assert code(package) == before


def test_a_new_file_does_not_count(package):
    before = code(package)
    (package / "parts" / "measures" / "new.py").write_text("X = 1\n", encoding="utf-8")
    (package / "parts" / "optimizers" / "new.py").write_text("X = 1\n", encoding="utf-8")
    assert code(package) == before


@pytest.mark.parametrize(
    "file",
    ["parts/optimizers/sgd.py", "parts/models/fnn.py", "parts/datasets/digits.py", "parts/optimizers/__init__.py", "seeding.py", "train/lanes/resident.py"],
)
def test_what_a_run_uses_counts_and_is_named(package, file):
    before = code(package)
    append(package / file)
    assert changed(before, code(package)) == [file]


def test_comments_in_what_a_run_uses_do_not_count(package):
    before = code(package)
    append(package / "train" / "lanes" / "resident.py", "\n# a remark\n")
    assert code(package) == before


def test_an_optimizer_concerns_the_runs_that_name_it_alone(package):
    sgd, adam = code(package), code(package, "adam")
    append(package / "parts" / "optimizers" / "adam.py")
    assert code(package) == sgd
    assert changed(adam, code(package, "adam")) == ["parts/optimizers/adam.py"]


def test_what_a_part_imports_from_parts_counts(package):
    assert "parts/datasets/images.py" in code(package)
    assert "parts/datasets/images.py" not in code(package, dataset="functions")
    adam = code(package, "adam")
    append(package / "parts" / "optimizers" / "moments.py")
    assert changed(adam, code(package, "adam")) == ["parts/optimizers/moments.py"]
    assert "parts/optimizers/moments.py" not in code(package)


def test_a_plugin_counts_by_its_name_and_content(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text("X = 1\n", encoding="utf-8")
    first = Sources().hashes([plugin])
    plugin.write_text("X = 2\n", encoding="utf-8")
    assert changed(first, Sources().hashes([plugin])) == ["mine.py"]


def test_runs_carry_the_code_of_their_own_parts():
    runs = planned(resolved("experiments: {a: {grid: {optimizer: [{name: sgd, lr: 0.1}, {name: adam, lr: 0.1}]}}}")).runs
    assert "parts/optimizers/sgd.py" in runs[0].code
    assert "parts/optimizers/sgd.py" not in runs[1].code
    assert not [name for run in runs for name in run.code if name.startswith("parts/measures/")]
    assert runs[0].code_id != runs[1].code_id


@pytest.mark.parametrize("file", ["parts/optimizers/sgd.py", "parts/models/fnn.py", "seeding.py", "train/lanes/resident.py"])
def test_rows_of_code_that_was_edited_are_outdated(package, file):
    then = code(package)
    assert Sources(package).outdated(then) == []
    append(package / file, "\n# a remark\n")
    assert Sources(package).outdated(then) == []
    append(package / file)
    assert Sources(package).outdated(then) == [file]


def test_a_part_that_is_gone_is_outdated_and_a_plugin_not_known(package):
    then = code(package)
    (package / "parts" / "optimizers" / "sgd.py").unlink()
    (package / "train" / "new.py").write_text("X = 1\n", encoding="utf-8")
    assert Sources(package).outdated({**then, "mine.py": "0" * 16}) == ["parts/optimizers/sgd.py", "train/new.py"]


@pytest.mark.parametrize("name", ["../secret.py", "parts/../../secret.py", "/etc/passwd", "parts/optimizers", "parts"])
def test_a_name_of_a_foreign_registry_leads_to_no_other_file(package, name):
    (package.parent / "secret.py").write_text("this is no Python", encoding="utf-8")
    sources = Sources(package)
    sources.outdated({**code(package), name: "0" * 16})
    assert all(file.is_relative_to(package) for file in sources.stamps)


@pytest.mark.fault("F54")
def test_what_was_edited_since_it_was_read(tmp_path):
    files = {name: tmp_path / f"{name}.py" for name in ("same", "touched", "commented", "edited", "broken", "gone")}
    for file in files.values():
        file.write_text("def f():\n    return 1\n")
    sources = Sources()
    sources.hashes(files.values())
    assert edited(sources.stamps) == []
    files["touched"].touch()
    files["commented"].write_text("# why\ndef f():\n    return 1\n")
    assert edited(sources.stamps) == []
    files["edited"].write_text("def f():\n    return 2\n")
    files["broken"].write_text("def f(:\n")
    files["gone"].unlink()
    assert edited(sources.stamps) == ["broken.py", "edited.py", "gone.py"]
