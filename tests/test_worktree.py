"""A commit in a folder of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.errors import StorageError
from bench.worktree import worktree


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for text in ("old", "new"):
        (folder / "file").write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", text)
    return folder


def state(repository: Path) -> tuple[str, ...]:
    return (
        git(repository, "worktree", "list"),
        git(repository, "status", "--porcelain=v2", "--branch"),
        *sorted(path.name for path in repository.parent.iterdir()),
    )


def test_a_commit_is_checked_out_and_gone_afterwards(repository):
    (repository / "file").write_text("not committed")
    before = state(repository)
    with (
        worktree(repository, git(repository, "rev-parse", "HEAD~1").strip()) as tree,
        worktree(repository, git(repository, "rev-parse", "HEAD").strip()) as other,
    ):
        assert (tree / "file").read_text() == "old"
        assert (other / "file").read_text() == "new"
        assert git(tree, "status", "--porcelain") == ""
        git(repository, "worktree", "prune")
        assert len(git(repository, "worktree", "list").splitlines()) == 3
        (tree / "file").write_text("changed there")
        (tree / "more").touch()
    assert state(repository) == before


def test_a_failure_leaves_nothing(repository):
    before = state(repository)
    with pytest.raises(KeyError), worktree(repository, git(repository, "rev-parse", "HEAD").strip()):
        raise KeyError
    with pytest.raises(StorageError, match="could not check out cccccccccccc"), worktree(repository, "c" * 40):
        pass
    assert state(repository) == before


@pytest.mark.fault("F53")
def test_no_hook_is_run(repository):
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    with worktree(repository, git(repository, "rev-parse", "HEAD").strip()) as tree:
        assert not (tree / "ran").exists()


def test_a_folder_that_is_gone_already_is_no_failure(repository):
    before = state(repository)
    with worktree(repository, git(repository, "rev-parse", "HEAD").strip()) as tree:
        subprocess.run(["rm", "-r", str(tree)], check=True)
    assert state(repository) == before
