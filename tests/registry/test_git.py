"""The state of a repository, and what revisions mean."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.errors import MissingError, UsageError
from bench.registry.git import GitState, git_state, resolve

WHEN = {"GIT_AUTHOR_DATE": "2026-01-02T03:04:05+02:00", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05+02:00"}
PLAIN = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e", "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | WHEN | PLAIN).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit, of a suite in a folder and a file that is ignored."""
    folder = tmp_path / "rep ö"
    (folder / "suites").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "suites" / "tricks.yaml").write_text("title: a\n")
    (folder / ".gitignore").write_text("ignored\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def state(repository: Path) -> GitState:
    return git_state(repository / "suites" / "tricks.yaml")


def test_a_clean_repository(repository):
    (repository / "ignored").write_text("x")
    found = state(repository)
    assert found == GitState(git(repository, "rev-parse", "HEAD"), datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC), False, None)
    assert git_state(repository) == found


CHANGES = {
    "edit": lambda folder: (folder / "suites" / "tricks.yaml").write_text("title: b\n"),
    "delete": lambda folder: (folder / "suites" / "tricks.yaml").unlink(),
    "mode": lambda folder: (folder / "suites" / "tricks.yaml").chmod(0o755),
    "new": lambda folder: (folder / "new ü\n.py").write_text("x"),
    "new in a folder": lambda folder: [(folder / "d").mkdir(), (folder / "d" / "new.py").write_text("x")],
    "staged": lambda folder: [(folder / "new.py").write_text("x"), git(folder, "add", "new.py")],
    "renamed": lambda folder: git(folder, "mv", "suites/tricks.yaml", "suites/other.yaml"),
    "link": lambda folder: (folder / "link").symlink_to("nowhere"),
    "pipe": lambda folder: [(folder / "suites" / "tricks.yaml").unlink(), os.mkfifo(folder / "suites" / "tricks.yaml")],
}


@pytest.mark.fault("F53")
@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_change_makes_it_dirty(repository, change):
    CHANGES[change](repository)
    found = git_state(repository)
    assert found.dirty
    assert found.diff_hash is not None


def test_all_changes_differ_in_their_hash(repository):
    hashes = set()
    for change in CHANGES.values():
        change(repository)
        hashes.add(git_state(repository).diff_hash)
        git(repository, "reset", "-q", "--hard")
        git(repository, "clean", "-q", "-f", "-d")
        assert not git_state(repository).dirty
    assert len(hashes) == len(CHANGES)


def test_the_hash_changes_when_and_only_when_content_does(repository):
    file, other = repository / "suites" / "tricks.yaml", repository / "new.py"
    file.write_text("title: b\n")
    other.write_text("x")
    first = state(repository)
    os.utime(file, (0, 0))
    git(repository, "add", "suites")
    git(repository, "config", "diff.noprefix", "true")
    git(repository, "config", "status.showUntrackedFiles", "no")
    assert state(repository) == first
    other.write_text("y")
    assert state(repository).diff_hash != first.diff_hash
    other.write_text("x")
    assert state(repository) == first
    other.chmod(0o755)
    assert state(repository).diff_hash != first.diff_hash
    # The same bytes under other names are another change.
    other.rename(repository / "renewed.py")
    assert state(repository).diff_hash != first.diff_hash


def test_a_touched_file_is_no_change(repository):
    os.utime(repository / "suites" / "tricks.yaml", (0, 0))
    assert not state(repository).dirty


def test_excluded_folders_do_not_count(repository):
    clean = state(repository)
    (repository / "results" / "runs").mkdir(parents=True)
    (repository / "results" / "runs" / "a.parquet").write_text("x")
    assert state(repository).dirty
    elsewhere = [repository.parent, repository, repository / "none"]
    assert git_state(repository / "suites", exclude=[repository / "results", *elsewhere]) == clean
    (repository / "results2").write_text("x")
    assert git_state(repository / "suites", exclude=[repository / "results"]).dirty


@pytest.mark.fault("F53")
def test_changes_in_a_submodule_count_by_content(repository, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "code.py").write_text("x")
    git(inner, "add", ".")
    git(inner, "commit", "-q", "-m", "inner")
    git(repository, "submodule", "add", "-q", str(inner), "part")
    git(repository, "commit", "-q", "-m", "with submodule")
    assert not state(repository).dirty
    hashes = set()
    for text in ("y", "z"):
        (repository / "part" / "code.py").write_text(text)
        hashes.add(state(repository).diff_hash)
    assert len(hashes) == 2
    assert None not in hashes


@pytest.mark.fault("F53")
def test_a_detached_head_is_a_commit(repository):
    git(repository, "checkout", "-q", "--detach")
    assert state(repository).commit == git(repository, "rev-parse", "HEAD")


@pytest.mark.fault("F53")
def test_a_shallow_clone_has_a_state(repository, tmp_path):
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    assert git_state(tmp_path / "shallow") == state(repository)


@pytest.mark.fault("F53")
def test_nothing_is_known_without_a_repository_or_a_commit(tmp_path):
    assert git_state(tmp_path) == git_state(tmp_path / "none" / "suite.yaml") == GitState()
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) == GitState()


@pytest.mark.fault("F53")
def test_nothing_is_known_without_git_or_its_trust(repository, monkeypatch):
    # git's own switch for its tests: every repository counts as somebody else's.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert state(repository) == GitState()
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    monkeypatch.setenv("PATH", "")
    assert state(repository) == GitState()
    with pytest.raises(MissingError, match="git is not installed"):
        resolve("main", repository)


def test_the_variables_of_a_hook_do_not_mislead(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert state(repository).commit is not None


@pytest.fixture
def history(repository):
    """The commits of a repository with three on main and one on a branch."""
    for number in (2, 3):
        git(repository, "commit", "-q", "--allow-empty", "-m", str(number))
    git(repository, "tag", "-a", "v1", "-m", "tag")
    git(repository, "checkout", "-q", "-b", "side", "main~1")
    git(repository, "commit", "-q", "--allow-empty", "-m", "side")
    git(repository, "checkout", "-q", "main")
    return [git(repository, "rev-parse", name) for name in ("main~2", "main~1", "main", "side")]


def test_revisions_are_resolved(repository, history):
    suite = repository / "suites" / "tricks.yaml"
    names = ("main~2", "HEAD~1", "v1", "side")
    assert [resolve(name, suite) for name in names] == history
    assert resolve(history[0][:10], suite) == history[0]


@pytest.mark.fault("F53")
@pytest.mark.parametrize(
    "name", ["nowhere", "main~99", "", "HEAD:suites/tricks.yaml", "main..side", "0" * 40, "main\n", "a\0b", "-x", "--upload-pack=x", "--all"]
)
def test_what_means_no_commit_is_refused(repository, history, name):
    with pytest.raises(UsageError, match=r"no commit|is no revision"):
        resolve(name, repository)


def test_outside_a_repository_no_revision_means_anything(tmp_path):
    with pytest.raises(UsageError, match="there is no commit 'main'"):
        resolve("main", tmp_path)
