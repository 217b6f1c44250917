"""Data files: verified before use, fetched whole or not at all. No network: a server on the loopback and file:// addresses."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import datafiles
from bench.datafiles import Download, Files, data_folder, fetch, missing, verify
from bench.errors import MissingError, StorageError

ONE, TWO = b"the first file" * 100, b"the second file" * 100
FILES = {"set/one": hashlib.sha256(ONE).hexdigest(), "set/two": hashlib.sha256(TWO).hexdigest()}


def put(folder, **contents):
    for name, content in contents.items():
        path = folder / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def member(name, content=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, io.BytesIO(content)


def archive(path, *members):
    with tarfile.open(path, "w:gz") as out:
        for info, content in members:
            out.addfile(info, content)
    return path


def download(path, target=None, md5=None):
    return Download((path.as_uri(),), md5 or hashlib.md5(path.read_bytes()).hexdigest(), target)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def good(source):
    return archive(source / "good.tar.gz", member("set", kind=tarfile.DIRTYPE), member("set/one", ONE), member("set/two", TWO), member("set/readme", b"x"))


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()) if folder.exists() else []


def silent(line):
    assert line


# --- where and whether


def test_data_folder_is_the_environments_or_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("BENCH_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data_folder() == tmp_path / "cache" / "implicit-bench" / "data"


def test_verify_accepts_right_files_and_a_need_for_none(data):
    put(data, one=ONE, two=TWO)
    verify(Files(FILES), data)
    verify(Files(), data / "nowhere")


@pytest.mark.fault("F34")
def test_missing_files_are_all_named_with_checksum_folder_and_command(data):
    put(data, one=ONE)
    assert missing(Files(FILES), data) == ["set/two"]
    with pytest.raises(MissingError) as caught:
        verify(Files(FILES), data, "made_up")
    text = str(caught.value)
    assert caught.value.exit_code == 4
    assert "1 of 2 data files are missing" in text
    assert f"set/two  (SHA-256 {FILES['set/two']})" in text
    assert "set/one" not in text
    assert str(data) in text
    assert "`bench data fetch made_up`" in text
    assert "BENCH_DATA" in text


@pytest.mark.fault("F35")
def test_one_changed_byte_is_refused_with_both_checksums(data):
    put(data, one=ONE, two=TWO[:-1] + b"?")
    with pytest.raises(MissingError) as caught:
        verify(Files(FILES), data)
    text = str(caught.value)
    assert str(data / "set/two") in text
    assert FILES["set/two"] in text
    assert hashlib.sha256(TWO[:-1] + b"?").hexdigest() in text
    assert "Delete it" in text


def test_a_folder_in_a_files_place_is_a_missing_file(data):
    put(data, one=ONE)
    (data / "set" / "two").mkdir()
    assert missing(Files(FILES), data) == ["set/two"]


# --- fetching


def test_an_archive_gives_the_wanted_members_alone(data, good):
    lines = []
    fetch("made_up", Files(FILES, (download(good),)), data, lines.append)
    assert everything(data) == ["set/one", "set/two"]
    assert (data / "set/two").read_bytes() == TWO
    assert lines == [f"made_up: fetching {good.as_uri()}", "made_up: 2 files are there and right, 2 of them new"]


def test_singles_are_gunzipped_and_only_absent_ones_fetched(data, source):
    for name, content in (("one", ONE), ("two", TWO)):
        (source / f"{name}.gz").write_bytes(gzip.compress(content))
    files = Files(FILES, tuple(download(source / f"{name}.gz", f"set/{name}") for name in ("one", "two")))
    put(data, one=ONE)
    lines = []
    fetch("made_up", files, data, lines.append)
    assert everything(data) == ["set/one", "set/two"]
    assert len([line for line in lines if "fetching" in line]) == 1


@pytest.mark.fault("F34")
def test_nothing_is_downloaded_when_all_is_there(data):
    put(data, one=ONE, two=TWO)
    lines = []
    fetch("made_up", Files(FILES, (Download(("http://127.0.0.1:9/",), ""),)), data, lines.append)
    assert lines == ["made_up: 2 files are there and right, 0 of them new"]


def test_a_wrong_file_is_named_and_never_overwritten(data, good):
    put(data, one=b"someone's own")
    with pytest.raises(MissingError, match="is not what it should be"):
        fetch("made_up", Files(FILES, (download(good),)), data, silent)
    assert (data / "set/one").read_bytes() == b"someone's own"
    assert everything(data) == ["set/one"]


@pytest.mark.fault("F36")
def test_a_wrong_md5_is_refused_before_the_archive_is_opened(data, good, monkeypatch):
    monkeypatch.setattr(tarfile, "open", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(MissingError, match=f"expected {'0' * 32}"):
        fetch("made_up", Files(FILES, (download(good, md5="0" * 32),)), data, silent, pause=0)
    assert everything(data) == []


@pytest.mark.fault("F37")
@pytest.mark.parametrize(
    "hostile",
    [
        member("../escaped", b"x"),
        member("set/../../escaped", b"x"),
        member("set/link", kind=tarfile.SYMTYPE, link="/etc/hostname"),
        member("set/hard", kind=tarfile.LNKTYPE, link="set/one"),
        member("set/pipe", kind=tarfile.FIFOTYPE),
        member("set/device", kind=tarfile.CHRTYPE),
    ],
    ids=lambda pair: pair[0].name,
)
def test_a_hostile_member_refuses_the_archive_and_nothing_is_written(data, source, hostile, tmp_path):
    path = archive(source / "hostile.tar.gz", member("set/one", ONE), member("set/two", TWO), hostile)
    with pytest.raises(MissingError, match="is refused"):
        fetch("made_up", Files(FILES, (download(path),)), data, silent)
    assert everything(data) == []
    assert everything(tmp_path) == ["source/hostile.tar.gz"]


@pytest.mark.fault("F37")
def test_a_member_keeps_no_right_that_it_brings(data, source):
    info, content = member("set/one", ONE)
    info.mode = 0o4777  # setuid, and writable by everybody
    fetch("made_up", Files(FILES, (download(archive(source / "a.tar.gz", (info, content), member("set/two", TWO))),)), data, silent)
    assert (data / "set/one").stat().st_mode & 0o7022 == 0


@pytest.mark.fault("F37")
def test_an_absolute_member_lands_nowhere(data, source, tmp_path):
    outside = tmp_path / "escaped"
    path = archive(source / "absolute.tar.gz", member(str(outside), b"x"), member("set/one", ONE), member("set/two", TWO))
    fetch("made_up", Files(FILES, (download(path),)), data, silent)
    assert not outside.exists()
    assert everything(data) == ["set/one", "set/two"]


@pytest.mark.fault("F37")
@pytest.mark.parametrize(("limit", "value"), [("MAX_MEMBERS", 2), ("MAX_BYTES", 2000)])
def test_archives_with_too_much_in_them_are_refused(data, good, monkeypatch, limit, value):
    monkeypatch.setattr(datafiles, limit, value)
    with pytest.raises(MissingError, match="it holds more than"):
        fetch("made_up", Files(FILES, (download(good),)), data, silent)
    assert everything(data) == []


@pytest.mark.fault("F37")
def test_a_gzip_bomb_is_cut_off(data, source, monkeypatch):
    bomb = source / "bomb.gz"
    bomb.write_bytes(gzip.compress(bytes(1 << 22)))
    monkeypatch.setattr(datafiles, "MAX_BYTES", 1 << 21)
    with pytest.raises(MissingError, match="longer than"):
        fetch("made_up", Files(FILES, (download(bomb, "set/one"), download(bomb, "set/two"))), data, silent)
    assert everything(data) == []


def test_a_single_file_is_unpacked_unless_its_target_is_packed_too(data, source):
    packed = gzip.compress(ONE)
    (source / "one.gz").write_bytes(packed)
    checksums = {"set/one": FILES["set/one"], "set/one.gz": hashlib.sha256(packed).hexdigest()}
    fetch("made_up", Files(checksums, tuple(download(source / "one.gz", target) for target in checksums)), data, silent)
    assert (data / "set/one").read_bytes() == ONE
    assert (data / "set/one.gz").read_bytes() == packed


@pytest.mark.fault("F36")
@pytest.mark.parametrize("target", [None, "set/one"])
@pytest.mark.parametrize("keep", [0, 30, 100])
def test_truncated_archives_with_a_matching_md5_are_refused(data, source, good, target, keep):
    whole = good if target is None else source / "one.gz"
    if target:
        whole.write_bytes(gzip.compress(ONE))
    short = source / "short"
    short.write_bytes(whole.read_bytes()[: min(keep, whole.stat().st_size - 9)])
    files = Files(FILES if target is None else {"set/one": FILES["set/one"]}, (download(short, target),))
    with pytest.raises(MissingError):
        fetch("made_up", files, data, silent)
    assert everything(data) == []


def test_all_files_are_checked_before_any_is_published(data, source):
    path = archive(source / "half.tar.gz", member("set/one", ONE), member("set/two", b"changed at the source"))
    with pytest.raises(MissingError, match="is not what it should be"):
        fetch("made_up", Files(FILES, (download(path),)), data, silent)
    assert everything(data) == []


def test_a_file_that_no_download_holds_is_named(data, source):
    path = archive(source / "less.tar.gz", member("set/one", ONE))
    with pytest.raises(MissingError, match="no download holds set/two"):
        fetch("made_up", Files(FILES, (download(path),)), data, silent)
    with pytest.raises(MissingError, match="no download holds set/one, set/two"):
        fetch("made_up", Files(FILES), data, silent)
    assert everything(data) == []


def test_a_data_folder_that_cannot_be_made_is_a_storage_error(tmp_path, good):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"):
        fetch("made_up", Files(FILES, (download(good),)), tmp_path / "data" / "below", silent)


@pytest.mark.fault("F37")
def test_nothing_else_downloads_or_unpacks():
    """torchvision's own extraction writes wherever an archive says."""
    others = ("extractall", "extract_archive", "download_and_extract", "unpack_archive", "download=True", "urlretrieve")
    sources = sorted((Path(__file__).parents[1] / "bench").rglob("*.py"))
    assert [(source.name, word) for source in sources for word in others if word in source.read_text(encoding="utf-8")] == []


# --- over HTTP


class Server(ThreadingHTTPServer):
    """Answers with `content`; the first `faults` requests of each path get a fault of its name's kind."""

    def __init__(self, content, faults=0):
        self.content, self.faults, self.hits = content, faults, Counter()
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, path):
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.hits[self.path] += 1
        faulty = self.server.hits[self.path] <= self.server.faults
        if faulty and self.path == "/refused":
            self.send_error(503)
            return
        content = b"<html>please log in</html>" if faulty and self.path == "/html" else self.server.content
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if faulty and self.path == "/cut" else content)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    servers = []

    def start(content, faults=0):
        server = Server(content, faults)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.fault("F36")
@pytest.mark.parametrize("fault", ["refused", "html", "cut"])
def test_a_passing_fault_is_tried_again(data, good, serve, fault):
    server = serve(good.read_bytes(), faults=2)
    lines = []
    fetch("made_up", Files(FILES, (Download((server.url(fault),), hashlib.md5(server.content).hexdigest()),)), data, lines.append, pause=0)
    assert server.hits == {f"/{fault}": 3}
    assert everything(data) == ["set/one", "set/two"]
    assert len(lines) == 6


@pytest.mark.fault("F36")
@pytest.mark.parametrize("fault", ["refused", "html", "cut"])
def test_a_lasting_fault_gives_up_and_leaves_nothing(data, good, serve, fault):
    server = serve(good.read_bytes(), faults=99)
    with pytest.raises(MissingError, match="made_up cannot be fetched") as caught:
        fetch("made_up", Files(FILES, (Download((server.url(fault),), hashlib.md5(server.content).hexdigest()),)), data, silent, pause=0)
    assert server.url(fault) in str(caught.value)
    assert server.hits == {f"/{fault}": datafiles.ATTEMPTS}
    assert everything(data) == []


def test_the_next_address_is_tried_at_once(data, good, serve):
    server = serve(good.read_bytes(), faults=1)
    urls = (server.url("refused"), good.as_uri())
    fetch("made_up", Files(FILES, (Download(urls, hashlib.md5(server.content).hexdigest()),)), data, silent, pause=60)
    assert everything(data) == ["set/one", "set/two"]


@pytest.mark.fault("F34")
def test_offline_names_the_reason(data, serve):
    server = serve(b"")
    url = server.url("gone")
    server.shutdown()
    server.server_close()
    with pytest.raises(MissingError, match="refused") as caught:
        fetch("made_up", Files(FILES, (Download((url, "no-address"), ""),)), data, silent, pause=0)
    assert caught.value.exit_code == 4
    assert "unknown url type" in str(caught.value)


def test_waits_double(data, monkeypatch):
    waits = []
    monkeypatch.setattr(datafiles.time, "sleep", waits.append)
    with pytest.raises(MissingError):
        fetch("made_up", Files(FILES, (Download((Path("/nowhere/at/all").as_uri(),), ""),)), data, silent, pause=2)
    assert waits == [2, 4]
