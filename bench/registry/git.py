"""The state of a git repository, and the meaning of a revision; nothing of a repository's remotes, paths or people."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import MissingError, UsageError

# Where these point elsewhere, as inside a hook, git would answer for another repository.
MISLEADING = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX"})
QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
CHUNK = 2**20


@dataclass(frozen=True)
class GitState:
    """The state of the code beside a file; all None where git knows of no commit there.

    Attributes:
        commit: the commit that is checked out.
        commit_time: when it was made, in UTC.
        dirty: whether there are changes that are not committed, files that are not ignored included.
        diff_hash: SHA-256 of these changes: the names, modes and contents of the files that differ; None if clean.
    """

    commit: str | None = None
    commit_time: datetime | None = None
    dirty: bool | None = None
    diff_hash: str | None = None


def git_state(path: Path, exclude: Sequence[Path] = (), used: Sequence[Path] | None = None) -> GitState:
    """The state of the repository that holds a file.

    Args:
        path: a file or a folder.
        exclude: folders that do not count as changes, such as the one that results are written to.
        used: of files that git does not track, only these count; all by default.

    Returns:
        Its state; all None without a repository, without a commit, without git, or where git distrusts the owner.
    """
    root = work_tree(path)
    if root is None:
        return GitState()
    commit = _ask(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    time = _ask(root, "show", "--no-patch", "--no-show-signature", "--format=%ct", "HEAD")
    changes = _changes(root, exclude, used)
    if commit is None or time is None or changes is None:
        return GitState()
    return GitState(commit.strip(), datetime.fromtimestamp(int(time), UTC), bool(changes), _hash(root, changes) if changes else None)


def work_tree(path: Path) -> Path | None:
    """The top folder of the work tree that holds a file or folder, or None; there is none inside .git or a bare repository."""
    top = _ask(_folder(path), "rev-parse", "--show-toplevel")
    return Path(top.removesuffix("\n")) if top else None


def resolve(revision: str, path: Path) -> str:
    """The commit that a revision means.

    Args:
        revision: a commit, branch, tag, or an expression such as ``main~5``.
        path: a file or folder in the repository.

    Returns:
        Its full hash.

    Raises:
        MissingError: if git is not installed.
        UsageError: if there is no such commit.
    """
    if revision.startswith("-") or not revision.isprintable():
        raise UsageError(f"{revision!r} is no revision; it is a commit, a branch, a tag, or as main~5")
    answer = run_git(_folder(path), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if answer is None:
        raise MissingError("git is not installed, so revisions have no meaning", hint="Install git, or name commits by their full hash.")
    commit = answer.stdout.decode().strip()
    if answer.returncode or not COMMIT.fullmatch(commit):
        raise UsageError(f"there is no commit {revision!r}", hint="`git log --oneline --all` lists commits; a shallow clone lacks older ones.")
    return commit


def _changes(root: Path, exclude: Sequence[Path], used: Sequence[Path] | None) -> list[str] | None:
    """The paths that differ from the commit, relative to the root; None if git does not say."""
    outside = [f":(top,exclude,literal){folder.as_posix()}" for folder in _relative(root, exclude)]
    flags = ("--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none")
    listed = _ask(root, "status", *flags, "--", ":(top)", *outside)
    if listed is None:
        return None
    counted = None if used is None else {file.resolve() for file in used}
    entries = [entry for entry in listed.split("\0") if entry]
    changed = [(entry[0] == "?", _changed_path(entry)) for entry in entries]
    return sorted(name for untracked, name in changed if not untracked or counted is None or (root / name).resolve() in counted)


def _relative(root: Path, folders: Sequence[Path]) -> Iterator[Path]:
    real = root.resolve()
    for folder in folders:
        absolute = folder.resolve()
        if absolute != real and absolute.is_relative_to(real):
            yield absolute.relative_to(real)


def _changed_path(entry: str) -> str:
    # "1 XY sub mH mI mW hH hI path", "u XY sub m1 m2 m3 mW h1 h2 h3 path", or "? path".
    fields = {"1": 8, "u": 10, "?": 1}[entry[0]]
    return entry.split(" ", fields)[fields]


def _hash(root: Path, changes: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for name in changes:
        content = hashlib.sha256()
        for piece in _content(root / name):
            content.update(piece)
        digest.update(hashlib.sha256(os.fsencode(name)).digest() + content.digest())
    return digest.hexdigest()


def _content(path: Path) -> Iterator[bytes]:
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            yield b"link " + os.fsencode(path.readlink())
        elif stat.S_ISDIR(mode):
            # A submodule, or a repository in a repository.
            state = git_state(path)
            yield f"repository {state.commit} {state.diff_hash}".encode()
        elif stat.S_ISREG(mode):
            yield b"program " if mode & stat.S_IXUSR else b"file "
            yield from _pieces(path)
        else:
            yield b"special"
    except FileNotFoundError:
        yield b"deleted"
    except PermissionError:
        yield b"unreadable"


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _ask(folder: Path, *arguments: str) -> str | None:
    answer = run_git(folder, *arguments)
    return None if answer is None or answer.returncode else os.fsdecode(answer.stdout)


def run_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes] | None:
    """Run git in a folder, in a process group of its own, so that Ctrl-C does not stop it halfway.

    Args:
        folder: where.
        arguments: the words after ``git``.

    Returns:
        What it answered, or None if there is no git.
    """
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING} | QUIET
    command = ["git", "-c", "core.fsmonitor=", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, process_group=0)
    except (FileNotFoundError, PermissionError):
        return None
