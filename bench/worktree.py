"""A commit in a folder of its own, while the user's work tree stays as it is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import MissingError, StorageError
from bench.registry.git import run_git


@contextmanager
def worktree(repository: Path, commit: str) -> Iterator[Path]:
    """Check a commit out into a temporary folder, and take the folder away at the end, whatever happens.

    Nothing but the folder and git's note of it is written; branches, the index and hooks are left alone. A process that
    is killed leaves both behind, and once the folder is gone, ``git worktree prune`` clears the note.

    Args:
        repository: a folder of the repository.
        commit: its full hash.

    Yields:
        The top folder of the work tree.

    Raises:
        MissingError: if git is not installed.
        StorageError: if git refuses.
    """
    with tempfile.TemporaryDirectory(prefix="implicit-bench-", ignore_cleanup_errors=True) as name:
        tree = Path(name).resolve() / f"bench-{commit[:12]}"
        # A hook is a program of the user's own, and meant for the user's own check-outs.
        answer = run_git(repository, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", str(tree), commit)
        if answer is None:
            raise MissingError("git is not installed, so no commit can be checked out", hint="Install git.")
        if answer.returncode:
            raise StorageError(f"git could not check out {commit[:12]}: {answer.stderr.decode(errors='replace').strip()}")
        try:
            yield tree
        finally:
            run_git(repository, "worktree", "remove", "--force", "--force", str(tree))
