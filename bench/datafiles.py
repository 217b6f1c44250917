"""Files of data sets: where they lie, whether they are what they should be, and how they are fetched."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import tarfile
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.counted import counted
from bench.errors import MissingError, Place, StorageError
from bench.files import adopt

ATTEMPTS = 3
TIMEOUT = 60.0  # seconds without a byte
CHUNK = 1 << 20  # bytes
MAX_BYTES = 1 << 32  # of a download, and of all that is in one archive
MAX_MEMBERS = 10_000  # of an archive


@dataclass(frozen=True)
class Download:
    """Where a data set's files come from.

    Attributes:
        urls: addresses of one archive or file, tried in order.
        md5: the published checksum of what is downloaded.
        target: the file that a single ``.gz`` becomes, relative to the data folder, unpacked unless its name ends in ``.gz``
            too; None for an archive (``.tar.gz``).
    """

    urls: tuple[str, ...]
    md5: str
    target: str | None = None


@dataclass(frozen=True)
class Files:
    """What a data set needs on disk.

    Attributes:
        sha256: path relative to the data folder -> checksum.
        downloads: what to fetch for them.
    """

    sha256: Mapping[str, str] = field(default_factory=dict)
    downloads: tuple[Download, ...] = ()


def data_folder() -> Path:
    """The folder of data files: ``$BENCH_DATA``, or ``implicit-bench/data`` in the user's cache folder."""
    if chosen := os.environ.get("BENCH_DATA"):
        return Path(chosen).expanduser()
    return cache_folder() / "data"


def cache_folder() -> Path:
    """``implicit-bench`` in the user's cache folder: what can be had again."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "implicit-bench"


def missing(files: Files, folder: Path) -> list[str]:
    """The files that are not there, as paths relative to the data folder."""
    return [path for path in files.sha256 if not (folder / path).is_file()]


def verify(files: Files, folder: Path, name: str = "NAME") -> None:
    """Check that every file is there and is, byte for byte, what it should be.

    Args:
        files: what is needed.
        folder: the data folder.
        name: the data set's name, for the command that the message gives.

    Raises:
        MissingError: if a file is missing, cannot be read or has another SHA-256.
    """
    if absent := missing(files, folder):
        listed = "".join(f"\n  {path}  (SHA-256 {files.sha256[path]})" for path in absent)
        hint = f"Fetch them with `bench data fetch {name}`, or set BENCH_DATA to the folder that holds them."
        raise MissingError(f"{len(absent)} of {len(files.sha256)} data files are missing:{listed}", Place(str(folder)), hint)
    for path, expected in files.sha256.items():
        _check(folder / path, expected, f"Delete it and fetch it again with `bench data fetch {name}`.")


def fetch(name: str, files: Files, folder: Path, report: Callable[[str], None], pause: float = 1.0) -> None:
    """Download what is missing; a file gets its name only after its SHA-256 was checked, and none is ever half-written.

    Args:
        name: the data set's name, for messages.
        files: what is needed and where it comes from.
        folder: the data folder; made if need be.
        report: receives lines about the progress.
        pause: seconds before the second attempt; doubles before each further one.

    Raises:
        MissingError: if it cannot be had: no network, no address, another checksum, or a file that is there and wrong.
        StorageError: if the data folder cannot be written.
    """
    absent = missing(files, folder)
    verify(Files({path: checksum for path, checksum in files.sha256.items() if path not in absent}), folder, name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as staging:
            for download in _needed(files.downloads, absent):
                archive = Path(staging, "download")
                _download(name, download, archive, report, pause)
                _unpack(name, download, archive, absent, Path(staging, "files"))
            _publish(name, {path: files.sha256[path] for path in absent}, Path(staging, "files"), folder)
    except OSError as error:
        raise StorageError(f"the data folder cannot be written: {error}", Place(str(folder))) from error
    report(f"{name}: {counted(len(files.sha256), 'file is', 'files are')} there and right, {len(absent)} of them new")


def digest(path: Path, algorithm: Callable[[], Any] = hashlib.sha256) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, algorithm).hexdigest()


def _check(path: Path, expected: str, hint: str) -> None:
    try:
        found = digest(path)
    except OSError as error:
        raise MissingError(f"the data file cannot be read: {error.strerror}", Place(str(path))) from error
    if found != expected:
        raise MissingError(f"the data file is not what it should be: its SHA-256 is {found}, expected {expected}", Place(str(path)), hint)


def _needed(downloads: Collection[Download], absent: Collection[str]) -> list[Download]:
    """Singles whose target is absent; archives if something is absent that is no single's target."""
    targets = {download.target for download in downloads}
    archives = any(path not in targets for path in absent)
    return [download for download in downloads if (archives if download.target is None else download.target in absent)]


def _download(name: str, download: Download, path: Path, report: Callable[[str], None], pause: float) -> None:
    faults: dict[str, str] = {}
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        for url in download.urls:
            report(f"{name}: fetching {url}")
            fault = _fault(url, download.md5, path)
            if fault is None:
                return
            report(f"{name}: {fault}")
            faults[url] = fault
    reasons = "".join(f"\n  {url}: {fault}" for url, fault in faults.items())
    raise MissingError(f"{name} cannot be fetched:{reasons}", hint="Try again later, or set BENCH_DATA to a folder that holds the files.")


def _fault(url: str, md5: str, path: Path) -> str | None:
    """Download once; what went wrong, or None."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "implicit-bench"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            _copy(response.read, path)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__
    found = digest(path, lambda: hashlib.md5(usedforsecurity=False))
    return None if found == md5 else f"what came has the MD5 {found}, expected {md5}"


def _unpack(name: str, download: Download, archive: Path, wanted: Collection[str], staging: Path) -> None:
    try:
        if download.target is None:
            _extract(archive, wanted, staging)
        else:
            _take(archive, staging / download.target)
    except (tarfile.TarError, zlib.error, EOFError, ValueError, gzip.BadGzipFile) as error:
        raise MissingError(f"{name}: what came from {download.urls[0]} is refused: {error}", hint="Nothing was written.") from error


def _extract(archive: Path, wanted: Collection[str], staging: Path) -> None:
    """Take the wanted members; one unsafe member (outside, link, device) refuses the whole archive.

    Raises:
        ValueError: for a link or device, or if there is too much.
    """
    total = 0
    with tarfile.open(archive, "r:gz") as members:
        for count, member in enumerate(members, start=1):
            total += member.size
            if count > MAX_MEMBERS or total > MAX_BYTES:
                raise ValueError(f"it holds more than {MAX_MEMBERS} members or {MAX_BYTES} bytes")
            if not (member.isreg() or member.isdir()):
                raise ValueError(f"its member {member.name!r} is neither a file nor a folder")
            safe = tarfile.data_filter(member, str(staging))
            if member.isreg() and safe.name in wanted:
                members.extract(safe, staging, filter="data")


def _take(single: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with single.open("rb") if target.suffix == ".gz" else gzip.open(single) as source:
        _copy(source.read, target)


def _copy(read: Callable[[int], bytes], target: Path) -> None:
    """Copy a stream to a file.

    Raises:
        ValueError: beyond `MAX_BYTES`.
    """
    with target.open("wb") as out:
        while chunk := read(CHUNK):
            if out.tell() + len(chunk) > MAX_BYTES:
                raise ValueError(f"it is longer than {MAX_BYTES} bytes")
            out.write(chunk)


def _publish(name: str, sha256: Mapping[str, str], staging: Path, folder: Path) -> None:
    """Check all, then give each its name in one step.

    Raises:
        MissingError: if a file is absent or has another SHA-256.
    """
    if absent := missing(Files(sha256), staging):
        raise MissingError(f"{name}: no download holds {', '.join(absent)}", Place(str(folder)), "Installing implicit-bench[train] brings the addresses.")
    for path, expected in sha256.items():
        _check(staging / path, expected, f"{path} was fetched whole, so its source has changed; nothing was written.")
    for path in sha256:
        adopt(staging / path, folder / path)
