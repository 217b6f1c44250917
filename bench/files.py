"""Every durable write of the project: a file appears whole under its name, and is on the disk before anyone is told.

The protocol: a temporary file in the same folder, opened exclusively -> content -> fsync -> verification -> the final
name, which fails if it is taken -> fsync of the folder. Killed anywhere, it leaves the old state or the new one, and
perhaps a temporary file, which every reader passes over.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from bench.errors import Place, StorageError

Method = Literal["link", "renameat2", "marker"]

TEMPORARY = ".tmp-"
UNSUPPORTED = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
DENIED = {errno.EACCES, errno.EPERM}
REASONS = {
    errno.EDQUOT: "the quota is used up on the disk at",
    errno.EIO: "an error is reported by the disk at",
    errno.ENOSPC: "no space is left on the disk at",
    errno.EROFS: "nothing can be written to the read-only disk at",
}
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


class System:
    """The system calls that durable writes make; a test double overrides them to record, to fail or to kill."""

    def create(self, path: Path) -> int:
        """Open a new file for writing; fail if there is one."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write the beginning of `content`; return how many bytes were taken."""
        return os.write(descriptor, content)

    def fsync(self, descriptor: int) -> None:
        """Wait until a file is on the disk."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def sync_file(self, path: Path) -> None:
        """Wait until a file that was written before is on the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; fail if it is taken."""
        os.link(source, target)

    def rename_new(self, source: Path, target: Path) -> None:
        """Rename a file; fail if the new name is taken.

        Raises:
            OSError: with ENOSYS where the C library has no renameat2.
        """
        renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        if renameat2 is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        if renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(target))

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file over whatever has that name."""
        source.replace(target)

    def touch(self, path: Path) -> None:
        """Set a file's time to the present one of its disk."""
        os.utime(path)

    def unlink(self, path: Path) -> None:
        """Take a name away."""
        path.unlink()

    def make_folder(self, path: Path) -> None:
        """Create one folder; fine if there is one."""
        path.mkdir(exist_ok=True)

    def sync_folder(self, path: Path) -> None:
        """Wait until the names in a folder are on the disk.

        Raises:
            OSError: if the disk refuses; not where it merely has no such operation, as some network disks.
        """
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
        finally:
            os.close(descriptor)


SYSTEM = System()


def publish(
    path: Path,
    content: bytes | memoryview,
    *,
    verify: Callable[[Path], object] | None = None,
    exist_ok: bool = False,
    system: System = SYSTEM,
) -> None:
    """Write a file that is never changed again; on return it is on the disk.

    Args:
        path: its final name, in a folder that exists.
        content: all of it.
        verify: reads the temporary file once more and raises if it is not what was meant.
        exist_ok: whether a file of that name may stand for this one (its name says its content).
        system: the system calls.

    Raises:
        StorageError: if the disk refuses, or the name is taken; then the file is absent, or whole and not acknowledged.
    """
    with _explained(path, len(content)):
        try:
            with _temporary(path, content, system) as temporary:
                if verify is not None:
                    verify(temporary)
                _give_name(temporary, path, system)
        except FileExistsError as error:
            if not exist_ok:
                raise StorageError("exists already; nothing was overwritten", Place(str(path))) from error
        system.sync_folder(path.parent)


def replace(path: Path, content: bytes | memoryview, *, system: System = SYSTEM) -> None:
    """Write a file in place of an older one: readers see the old or the new, whole; on return it is on the disk.

    Args:
        path: its name, in a folder that exists.
        content: all of it.
        system: the system calls.

    Raises:
        StorageError: if the disk refuses; the older file stands.
    """
    with _explained(path, len(content)):
        with _temporary(path, content, system) as temporary:
            system.replace(temporary, path)
        system.sync_folder(path.parent)


def adopt(source: Path, path: Path, *, system: System = SYSTEM) -> None:
    """Give a file that was written elsewhere on the same disk its name, in place of an older one; on return it is on the disk.

    Args:
        source: a file that is complete.
        path: its name; folders are made if need be.
        system: the system calls.

    Raises:
        StorageError: if the disk refuses; an older file stands.
    """
    with _explained(path):
        _make_folders(path.parent.absolute(), system)
        system.sync_file(source)
        system.replace(source, path)
        system.sync_folder(path.parent)


def remove(paths: Iterable[Path], *, system: System = SYSTEM) -> None:
    """Take files away; on return they are gone from the disk, and those that were gone before are fine.

    Args:
        paths: their names.
        system: the system calls.

    Raises:
        StorageError: if the disk refuses; then some of them may be gone.
    """
    folders: set[Path] = set()
    for path in paths:
        with _explained(path, action="removed"), contextlib.suppress(FileNotFoundError):
            system.unlink(path)
            folders.add(path.parent)
    for folder in sorted(folders):
        with _explained(folder):
            system.sync_folder(folder)


def claim(path: Path, content: bytes, *, system: System = SYSTEM) -> bool:
    """Create a small file that says that something is under way; of several, one succeeds.

    It need not outlast a loss of power, as what it speaks of does not either: nothing waits for the disk.

    Args:
        path: its name, in a folder that exists.
        content: all of it.
        system: the system calls.

    Returns:
        Whether it was created; else there was one.

    Raises:
        StorageError: if the disk refuses; then there is none, or an empty one.
    """
    with _explained(path, len(content)):
        try:
            descriptor = system.create(path)
        except FileExistsError:
            return False
        try:
            system.write(descriptor, memoryview(content))
        finally:
            system.close(descriptor)
        return True


def renew(path: Path, *, system: System = SYSTEM) -> None:
    """Say that what a file speaks of is still under way.

    Raises:
        StorageError: if the disk refuses, or there is no such file.
    """
    with _explained(path):
        system.touch(path)


def withdraw(path: Path, *, system: System = SYSTEM) -> None:
    """Take away what `claim` created, without waiting for the disk; fine if it is gone or cannot be removed, as it expires.

    Args:
        path: its name.
        system: the system calls.
    """
    with contextlib.suppress(OSError):
        system.unlink(path)


def check_writable(folder: Path, system: System = SYSTEM) -> None:
    """Create a folder if need be, and show that a file can be written there, before hours of work rely on it.

    Raises:
        StorageError: with the reason, if not.
    """
    with _explained(folder):
        _make_folders(folder.absolute(), system)
        with _temporary(folder / "probe", b"probe", system):
            pass


def clock(folder: Path, system: System = SYSTEM) -> float:
    """What time it is for the disk of a folder: times of its files compare with it, whatever the clocks of its users say.

    Args:
        folder: a folder that exists.
        system: the system calls.

    Returns:
        Seconds, as in `os.stat_result.st_mtime`.

    Raises:
        StorageError: if nothing can be written there.
    """
    with _explained(folder), _temporary(folder / "probe", b"probe", system) as temporary:
        return temporary.stat().st_mtime


def publish_method(folder: Path, system: System = SYSTEM) -> Method:
    """How files get their final names in a folder, found by trying; only `link` is the usual one.

    Args:
        folder: a folder that exists.
        system: the system calls.

    Returns:
        ``"link"``, or what stands in for it where the disk has no hard links.

    Raises:
        StorageError: if nothing can be written there.
    """
    target = folder / f"{TEMPORARY}{uuid.uuid4().hex}"
    with _explained(folder):
        with _temporary(target, b"probe", system) as temporary:
            method = _give_name(temporary, target, system)
        system.unlink(target)
    return method


@contextlib.contextmanager
def _temporary(path: Path, content: bytes | memoryview, system: System) -> Iterator[Path]:
    """A synced file with this content beside `path`; its temporary name is taken away at the end, whatever happens."""
    temporary = path.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    try:
        _write(temporary, memoryview(content), system)
        yield temporary
    finally:
        # What failed to be removed harms nobody, and must not hide what happened before.
        with contextlib.suppress(OSError):
            system.unlink(temporary)


def _write(path: Path, content: memoryview, system: System) -> None:
    descriptor = system.create(path)
    try:
        while content:
            content = content[system.write(descriptor, content) :]
        system.fsync(descriptor)
    finally:
        system.close(descriptor)


def _give_name(temporary: Path, path: Path, system: System) -> Method:
    # Fails with FileExistsError if the name is taken; of two writers, one succeeds.
    try:
        system.link(temporary, path)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return _rename(temporary, path, system)
    return "link"


def _rename(temporary: Path, path: Path, system: System) -> Method:
    try:
        system.rename_new(temporary, path)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return _rename_under_marker(temporary, path, system)
    return "renameat2"


def _rename_under_marker(temporary: Path, path: Path, system: System) -> Method:
    marker = path.parent / f"{TEMPORARY}marker-{path.name}"
    try:
        system.close(system.create(marker))
    except FileExistsError as error:
        raise OSError(errno.EBUSY, f"{marker.name} says that another process is writing it; if there is none, remove that file") from error
    try:
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        system.replace(temporary, path)
    finally:
        system.unlink(marker)
    return "marker"


def _make_folders(folder: Path, system: System) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent, system)
    system.make_folder(folder)
    system.sync_folder(folder.parent)


@contextlib.contextmanager
def _explained(path: Path, needed: int | None = None, action: str = "written") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "What was recorded before is untouched. Mend this, or choose another folder, and give the same command again."
        raise StorageError(f"cannot be {action}: {_reason(error, path, needed)}", Place(str(path)), hint) from error


def _reason(error: OSError, path: Path, needed: int | None) -> str:
    """What the system says, in words; of a disk, which one, and how much it was asked to take."""
    if error.errno in DENIED:
        return "permission denied"
    if error.errno not in REASONS:
        return error.strerror or str(error)
    disk = _disk(path)
    need = "" if needed is None else f" ({needed:,} bytes are needed, {_free(disk)})"
    return f"{REASONS[error.errno]} {disk}{need}"


def _disk(path: Path) -> Path:
    """Where the disk of a path is mounted."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if os.path.ismount(folder))


def _free(disk: Path) -> str:
    try:
        state = os.statvfs(disk)
    except OSError:
        return "how many are free is not known"
    # A disk that takes no further file can have space left.
    files = "" if state.f_favail or not state.f_files else ", but no further file"
    return f"{state.f_bavail * state.f_frsize:,} are free{files}"
