"""Durable writes: the order of system calls, every one of them failing, a full disk, kills, and disks without links."""

from __future__ import annotations

import ast
import errno
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import files
from bench.errors import StorageError

CONTENT = b"whole" * 100
WRITING = ("create", "write", "fsync", "close", "sync_file", "link", "rename_new", "replace", "unlink", "make_folder", "sync_folder")


class Recorded(files.System):
    """Records every call, and fails the one of a given number."""

    def __init__(self, fail_at: int | None = None, number: int = errno.EIO):
        self.calls: list[tuple[str, Path | None]] = []
        self.fail_at = fail_at
        self.number = number

    def _call(self, name: str, *arguments):
        self.calls.append((name, next((argument for argument in arguments if isinstance(argument, Path)), None)))
        if len(self.calls) - 1 == self.fail_at:
            if name == "close":
                super().close(*arguments)
            raise OSError(self.number, os.strerror(self.number))
        return getattr(files.System, name)(self, *arguments)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


for _name in WRITING:
    setattr(Recorded, _name, lambda self, *arguments, _name=_name: self._call(_name, *arguments))


class WithoutLinks(files.System):
    """A disk that has no hard links, and perhaps no exclusive rename either."""

    def __init__(self, renames: bool):
        self.renames = renames

    def link(self, source, target):
        raise OSError(errno.EPERM, "no links")

    def rename_new(self, source, target):
        if not self.renames:
            raise OSError(errno.EINVAL, "no such flag")
        super().rename_new(source, target)


class ShortWrites(files.System):
    """A disk that takes seven bytes at a time."""

    def write(self, descriptor, content):
        return super().write(descriptor, content[:7])


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(files.TEMPORARY))


@pytest.mark.fault("F8")
def test_every_promise_is_kept_before_publish_returns(tmp_path):
    system = Recorded()
    files.publish(tmp_path / "a", CONTENT, verify=lambda path: system.calls.append(("verify", path)), system=system)
    assert system.names == ["create", "write", "fsync", "close", "verify", "link", "unlink", "sync_folder"]
    assert {path.parent for _, path in system.calls if path and path != tmp_path} == {tmp_path}
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert leftovers(tmp_path) == []


@pytest.mark.fault("F8")
def test_a_replacement_is_synced_before_it_takes_the_name(tmp_path):
    system = Recorded()
    (tmp_path / "a").write_bytes(b"old")
    files.replace(tmp_path / "a", CONTENT, system=system)
    assert system.names[:5] == ["create", "write", "fsync", "close", "replace"]
    assert system.names[-1] == "sync_folder"
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert leftovers(tmp_path) == []


@pytest.mark.fault("F8")
def test_a_file_that_was_written_elsewhere_is_synced_before_it_takes_the_name(tmp_path):
    system = Recorded()
    (tmp_path / "source").write_bytes(CONTENT)
    files.adopt(tmp_path / "source", tmp_path / "new" / "a", system=system)
    assert system.names == ["make_folder", "sync_folder", "sync_file", "replace", "sync_folder"]
    assert (tmp_path / "new" / "a").read_bytes() == CONTENT
    assert not (tmp_path / "source").exists()


@pytest.mark.fault("F9")
@pytest.mark.fault("F10")
@pytest.mark.parametrize("fail_at", range(3))
def test_a_file_that_was_written_elsewhere_stays_there_where_the_disk_refuses(tmp_path, fail_at):
    (tmp_path / "source").write_bytes(CONTENT)
    (tmp_path / "a").write_bytes(b"old")
    system = Recorded(fail_at)
    with pytest.raises(StorageError, match="an error is reported by the disk"):
        files.adopt(tmp_path / "source", tmp_path / "a", system=system)
    assert (tmp_path / "a").read_bytes() == (CONTENT if system.names[-1] == "sync_folder" else b"old")


def test_what_is_removed_is_gone_from_the_disk_and_what_was_gone_is_fine(tmp_path):
    system = Recorded()
    (tmp_path / "a").write_bytes(CONTENT)
    (tmp_path / "b").write_bytes(CONTENT)
    files.remove([tmp_path / name for name in ("a", "gone", "b")], system=system)
    assert system.names == ["unlink", "unlink", "unlink", "sync_folder"]
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageError, match="a: cannot be removed: "):
        files.remove([tmp_path / "a"])


def attempt(operation: str, path: Path, system: files.System) -> StorageError | None:
    try:
        getattr(files, operation)(path, CONTENT, system=system)
    except StorageError as error:
        return error
    return None


@pytest.mark.fault("F10")
@pytest.mark.fault("F9")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize(("operation", "naming"), [("publish", "link"), ("replace", "replace")])
def test_whichever_call_fails_the_file_is_absent_or_whole(tmp_path, operation, naming, number):
    refused = []
    for fail_at in range(100):
        folder = tmp_path / str(fail_at)
        folder.mkdir()
        path = folder / "a"
        system = Recorded(fail_at, number)
        error = attempt(operation, path, system)
        if len(system.calls) <= fail_at:
            break
        failed = system.names[fail_at]
        # Only a temporary name that stays harms nobody; a name that is not synced is not acknowledged.
        assert (error is None) == (failed == "unlink")
        if error is not None:
            refused.append(failed)
            assert error.exit_code == 3
            assert str(path) in str(error)
            assert re.search(r" disk at /.* \(500 bytes are needed, [\d,]+ are free", str(error))
        assert path.exists() == (failed in ("unlink", "sync_folder"))
        assert not path.exists() or path.read_bytes() == CONTENT
        assert len(leftovers(folder)) == (failed == "unlink" and operation == "publish")
    assert refused == ["create", "write", "fsync", "close", naming, "sync_folder"]


@pytest.mark.fault("F9")
def test_a_full_disk_says_what_is_needed_and_what_is_there(tmp_path):
    with pytest.raises(StorageError) as caught:
        files.publish(tmp_path / "a", CONTENT, system=Recorded(1, errno.ENOSPC))
    told = re.match(r"cannot be written: no space is left on the disk at (.+) \(500 bytes are needed, [\d,]+ are free\)", caught.value.message)
    assert told is not None
    assert os.path.ismount(told[1])
    assert tmp_path.is_relative_to(told[1])
    assert leftovers(tmp_path) == []


@pytest.mark.fault("F9")
def test_a_disk_that_takes_no_further_file_says_so(tmp_path, monkeypatch):
    state = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result((*state[:7], 0, *state[8:])))
    with pytest.raises(StorageError, match=r"[\d,]+ are free, but no further file\)"):
        files.publish(tmp_path / "a", CONTENT, system=Recorded(0, errno.ENOSPC))


@pytest.mark.fault("F10")
def test_a_disk_that_does_not_even_tell_its_space_is_named(tmp_path, monkeypatch):
    def refuse(path):
        raise OSError(errno.EIO, "error")

    monkeypatch.setattr(os, "statvfs", refuse)
    with pytest.raises(StorageError, match=r"an error is reported by the disk at /.* \(500 bytes are needed, how many are free is not known\)"):
        files.publish(tmp_path / "a", CONTENT, system=Recorded(1, errno.EIO))


@pytest.mark.fault("F11")
def test_a_descriptor_whose_sync_failed_is_not_tried_again(tmp_path):
    system = Recorded(2, errno.EIO)
    with pytest.raises(StorageError, match="an error is reported by the disk at /"):
        files.publish(tmp_path / "a", CONTENT, system=system)
    assert system.names == ["create", "write", "fsync", "close", "unlink"]


def test_short_writes_are_continued(tmp_path):
    files.publish(tmp_path / "a", CONTENT, system=ShortWrites())
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_what_verification_refuses_never_gets_the_name(tmp_path):
    def refuse(path):
        assert path.read_bytes() == CONTENT
        raise StorageError("not what was meant")

    with pytest.raises(StorageError, match="not what was meant"):
        files.publish(tmp_path / "a", CONTENT, verify=refuse)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F17")
@pytest.mark.parametrize("system", [files.SYSTEM, WithoutLinks(True), WithoutLinks(False)], ids=["link", "renameat2", "marker"])
def test_a_name_is_given_once(tmp_path, system):
    files.publish(tmp_path / "a", b"first", system=system)
    with pytest.raises(StorageError, match="exists already; nothing was overwritten"):
        files.publish(tmp_path / "a", b"second", system=system)
    files.publish(tmp_path / "a", b"second", exist_ok=True, system=system)
    assert (tmp_path / "a").read_bytes() == b"first"
    assert leftovers(tmp_path) == []


@pytest.mark.fault("F17")
@pytest.mark.parametrize(("system", "method"), [(files.SYSTEM, "link"), (WithoutLinks(True), "renameat2"), (WithoutLinks(False), "marker")])
def test_the_method_is_found_by_trying(tmp_path, system, method):
    assert files.publish_method(tmp_path, system) == method
    assert list(tmp_path.iterdir()) == []


def test_a_marker_left_by_a_killed_writer_is_named(tmp_path):
    marker = tmp_path / f"{files.TEMPORARY}marker-a"
    marker.touch()
    with pytest.raises(StorageError, match=f"{marker.name} says that another process is writing it"):
        files.publish(tmp_path / "a", CONTENT, exist_ok=True, system=WithoutLinks(False))
    assert not (tmp_path / "a").exists()


def test_a_folder_is_created_and_synced_into_its_parents(tmp_path):
    system = Recorded()
    files.check_writable(tmp_path / "a" / "b", system)
    made = [call for call in system.calls if call[0] in ("make_folder", "sync_folder")]
    assert made == [("make_folder", tmp_path / "a"), ("sync_folder", tmp_path), ("make_folder", tmp_path / "a" / "b"), ("sync_folder", tmp_path / "a")]
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.fault("F12")
@pytest.mark.parametrize(("number", "reason"), [(errno.EROFS, "nothing can be written to the read-only disk at /"), (errno.EACCES, "permission denied")])
def test_a_folder_that_cannot_be_written_is_refused_with_the_reason(tmp_path, number, reason):
    with pytest.raises(StorageError, match=f"cannot be written: {reason}"):
        files.check_writable(tmp_path, Recorded(0, number))


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "results").write_text("x")
    with pytest.raises(StorageError, match="cannot be written"):
        files.check_writable(tmp_path / "results" / "runs")


@pytest.mark.fault("F17")
def test_a_disk_that_cannot_sync_folders_is_accepted(tmp_path, monkeypatch):
    def no_such_operation(descriptor):
        raise OSError(errno.EINVAL, "invalid")

    monkeypatch.setattr(os, "fsync", no_such_operation)
    files.SYSTEM.sync_folder(tmp_path)


WRITER = """
import sys
from pathlib import Path
from bench import files

class Slow(files.System):
    def write(self, descriptor, content):
        return super().write(descriptor, content[:100])

folder = Path(sys.argv[1])
print("ready", flush=True)
for number in range(100_000):
    files.publish(folder / f"{number}.whole", f"{number:05}".encode() * 20_000, system=Slow())
    print(number, flush=True)
"""


@pytest.mark.parametrize("round_", range(20))
def test_a_killed_writer_leaves_whole_files_and_all_that_it_acknowledged(tmp_path, round_):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "ready\n"
        time.sleep(0.0005 * round_)
        writer.kill()
        acknowledged = {int(line) for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")}
    visible = {int(path.stem): path.read_bytes() for path in tmp_path.glob("*.whole")}
    assert all(content == f"{number:05}".encode() * 20_000 for number, content in visible.items())
    assert acknowledged <= set(visible)
    assert len(leftovers(tmp_path)) <= 1


ROOT = Path(__file__).parents[1]
WRITES = {
    *("write_text", "write_bytes", "unlink", "rename", "rmdir", "mkdir", "touch", "symlink_to", "hardlink_to", "truncate"),
    *("makedirs", "removedirs", "rmtree", "copyfile", "copy2", "copytree", "move", "mkstemp", "mkdtemp", "TemporaryDirectory", "NamedTemporaryFile"),
    *("to_parquet", "to_pickle", "savefig", "extract", "extractall"),
}
OTHER_DOORS = {
    "datafiles.py": "a download is unpacked into a folder that nobody reads; what is right gets its name by `files.adopt`",
    "worktree.py": "a work tree is gone when its runs are done",
    "backfill.py": "a report that nobody reads is gone when the runs are done",
    "registry/export.py": "duckdb writes its file itself, into a folder that is gone; the bytes are written by `files.replace`",
}
"""Modules besides files.py that write, and why nothing of that is to last."""


def writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    modes = [argument.value for argument in (*call.args, *(keyword.value for keyword in call.keywords)) if isinstance(argument, ast.Constant)]
    opens = name == "open" and any(isinstance(mode, str) and set(mode) & set("wax+") and set(mode) <= set("wax+bt") for mode in modes)
    moves = name == "replace" and isinstance(call.func, ast.Attribute) and len(call.args) + len(call.keywords) == 1
    return name in WRITES or opens or moves


def test_files_is_the_one_door_for_what_is_to_last():
    found = set()
    for file in sorted((ROOT / "bench").rglob("*.py")):
        calls = (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        found |= {file.relative_to(ROOT / "bench").as_posix() for call in calls if writes(call)}
    assert found == {"files.py", *OTHER_DOORS}


@pytest.mark.parametrize(("code", "expected"), [("p.open('wb')", True), ("p.open('rb')", False), ("open(p, mode='a')", True), ("p.replace(q)", True)])
def test_what_counts_as_writing(code, expected):
    assert writes(ast.parse(code).body[0].value) == expected
