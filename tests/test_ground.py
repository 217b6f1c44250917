"""A work tree that stands for the present one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.ground import Ground


@pytest.fixture
def trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The present work tree, in a folder of which we are, and another."""
    root, tree = (tmp_path / name for name in ("root", "tree"))
    for folder in (root / "inner", root / "src", tree / "src"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(root / "inner")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return root, tree


def add_bench(folder: Path, text: str = "") -> None:
    (folder / "bench").mkdir()
    for name in ("__init__.py", "__main__.py", "cli.py"):
        (folder / "bench" / name).write_text(text)


def test_paths_are_moved(trees):
    root, tree = trees
    ground = Ground(root, tree)
    assert ground.moved(Path("../a.yaml")) == tree / "a.yaml"
    assert ground.moved(root / "inner" / "a.yaml") == tree / "inner/a.yaml"
    assert ground.moved(Path("../../a.yaml")) is None
    (root / "link.yaml").symlink_to("/elsewhere")
    assert ground.moved(root / "link.yaml") == tree / "link.yaml"
    assert ground.folder == tree
    (tree / "inner").mkdir()
    assert ground.folder == tree / "inner"


def test_what_is_imported_from_the_present_tree_is_imported_from_the_other(trees, monkeypatch):
    root, tree = trees
    monkeypatch.syspath_prepend(root / "src")
    monkeypatch.syspath_prepend(root / "absent")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root / "src"), str(root), "/elsewhere"]))
    assert Ground(root, tree).environment()["PYTHONPATH"] == os.pathsep.join([str(tree / "src"), "/elsewhere"])


def test_the_present_tree_needs_no_other_path(trees, monkeypatch):
    root, _ = trees
    monkeypatch.syspath_prepend(root / "src")
    ground = Ground(root, root)
    assert ground.is_present
    assert ground.environment()["PYTHONPATH"] == str(root / "src")


def test_a_folder_of_that_name_need_not_be_the_package(trees):
    root, tree = trees
    (tree / "bench").mkdir()
    assert Ground(root, tree).package is None
    (tree / "bench").rmdir()
    add_bench(tree)
    assert Ground(root, tree).package == tree / "bench"


def test_the_package_is_imported_from_the_tree(trees):
    root, tree = trees
    add_bench(tree)
    Ground(root, tree).check_imports("HEAD~1")


def test_a_package_that_cannot_be_imported_is_named(trees):
    root, tree = trees
    add_bench(tree, "import what_is_not_installed")
    with pytest.raises(UsageError, match="the code of HEAD~1 cannot be imported") as caught:
        Ground(root, tree).check_imports("HEAD~1")
    assert "what_is_not_installed" in caught.value.hint


def test_the_present_code_never_runs_for_a_revision_of_its_own_repository(trees, monkeypatch):
    root, tree = trees
    monkeypatch.setattr("bench.ground.PACKAGE", root / "bench")
    with pytest.raises(UsageError, match="HEAD~1 has no package bench, and the present one is of the same repository"):
        Ground(root, tree).check_imports("HEAD~1")


def test_an_installed_package_may_lie_in_the_repository(trees, monkeypatch):
    root, tree = trees
    monkeypatch.setattr("bench.ground.PACKAGE", root / ".venv/lib/bench")
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(root / ".venv/lib"))
    with pytest.raises(UsageError, match="would be run by the code in"):  # here the one that is imported is another
        Ground(root, tree).check_imports("HEAD~1")
