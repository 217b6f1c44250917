"""The registry: what is appended comes back once, whatever fails, whoever else writes."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import bench
from bench import files
from bench.errors import BenchError, StorageError, UnknownNameError, UsageError
from bench.metric import Metric
from bench.registry.schema import TABLES
from bench.registry.store import Registry

LATER = datetime(2026, 1, 2, tzinfo=UTC)


class Failing(files.System):
    """Fails at the call of a given number, and knows which one it was."""

    def __init__(self, fail_at: int | None, number: int = errno.ENOSPC):
        self.fail_at = fail_at
        self.number = number
        self.calls: list[tuple[str, tuple]] = []

    def __getattribute__(self, name):
        method = super().__getattribute__(name)
        if name.startswith("_") or name in ("fail_at", "number", "calls"):
            return method

        def call(*arguments):
            self.calls.append((name, arguments))
            if len(self.calls) - 1 == self.fail_at:
                raise OSError(self.number, os.strerror(self.number))
            return method(*arguments)

        return call


def snapshot(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


# Folders


def test_making_the_object_touches_nothing(tmp_path):
    registry = Registry(tmp_path / "results")
    assert not registry.exists
    assert list(tmp_path.iterdir()) == []


def test_preparing_twice_changes_nothing(tmp_path):
    Registry(tmp_path).prepare()
    before = snapshot(tmp_path)
    Registry(tmp_path).prepare()
    assert snapshot(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {*TABLES, "suites", "format.json"}
    assert json.loads((tmp_path / "format.json").read_text())["format"] == 1
    assert Registry(tmp_path).exists


@pytest.mark.fault("F12")
def test_a_read_only_registry_is_refused(registry):
    registry = Registry(registry.root, Failing(0))
    with pytest.raises(StorageError, match="cannot be written"):
        registry.prepare()


@pytest.mark.fault("F60")
def test_a_registry_of_a_newer_format_is_read_but_not_written(registry, runs):
    registry.append("tricks.quick.p1", {"runs": runs({})})
    (registry.root / "format.json").write_text('{"format": 2}')
    for write in (registry.prepare, lambda: registry.append("tricks.quick.p2", {"runs": runs({})})):
        with pytest.raises(StorageError, match=r"written by a newer version of bench \(format 2; this one knows 1\)"):
            write()
    assert len(registry.runs()) == 1
    assert [fault.path.name for fault in registry.faults] == ["format.json"]


@pytest.mark.fault("F60")
@pytest.mark.parametrize("content", ["", "{}", "[1]", "null", "\x00"])
def test_a_damaged_format_file_is_refused_and_named(registry, runs, content):
    registry.append("tricks.quick.p1", {"runs": runs({})})
    (registry.root / "format.json").write_text(content)
    with pytest.raises(StorageError, match="is no format file of a registry"):
        registry.prepare()
    assert len(registry.runs()) == 1
    assert len(registry.faults) == 1


@pytest.mark.fault("F60")
def test_rows_without_a_format_file_are_read_but_none_are_added(registry, runs):
    registry.append("tricks.quick.p1", {"runs": runs({})})
    (registry.root / "format.json").unlink()
    assert len(registry.runs()) == 1
    with pytest.raises(StorageError, match="is missing"):
        registry.prepare()


def test_reading_what_is_no_registry_says_so(tmp_path):
    with pytest.raises(StorageError, match="is no registry"):
        Registry(tmp_path).runs()
    with pytest.raises(StorageError, match="is no registry"):
        bench.read_results(tmp_path / "typo")


# Appending


def test_the_table_runs_is_published_last(registry, runs, history):
    system = Failing(None)
    Registry(registry.root, system).append("tricks.quick.p1", {"runs": runs({}), "history": history(("r0", 1, 0.5))})
    published = [arguments[1].parent.name for name, arguments in system.calls if name == "link"]
    assert published == ["history", "runs"]


@pytest.mark.fault("F8")
def test_no_file_has_its_name_before_it_is_on_the_disk_and_none_is_acknowledged_before_its_folder_is(registry, runs, history):
    """What a loss of power leaves can only be modelled: the order of calls is what promises it."""
    system = Failing(None)
    Registry(registry.root, system).append("tricks.quick.p1", {"runs": runs({}), "history": history(("r0", 1, 0.5))})
    system.calls.append(("acknowledged", ()))
    for table in ("history", "runs"):
        final = registry.root / table / "tricks.quick.p1.parquet"
        named = next(place for place, call in enumerate(system.calls) if call[0] == "link" and call[1][1] == final)
        temporary = system.calls[named][1][0]
        begun = system.calls.index(("create", (temporary,)))
        names = [name for name, _ in system.calls[begun:named]]
        assert names[0] == "create"
        assert names[-2:] == ["fsync", "close"]
        assert set(names[1:-2]) == {"write"}
        assert named < system.calls.index(("sync_folder", (final.parent,)))
    # What commits the pack is begun after everything else of it is on the disk.
    synced = system.calls.index(("sync_folder", (registry.root / "history",)))
    assert synced < next(place for place, call in enumerate(system.calls) if call[0] == "create" and call[1][0].parent.name == "runs")
    assert [name for name, _ in system.calls[-2:]] == ["sync_folder", "acknowledged"]


@pytest.mark.fault("F9")
@pytest.mark.fault("F10")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_whichever_call_fails_the_pack_is_there_as_a_whole_or_not_at_all(registry, runs, history, number):
    registry.append("tricks.quick.p0", {"runs": runs({"row": "before"}), "history": history(("before", 1, 0.5))})
    before = snapshot(registry.root)
    pack = {"runs": runs({"run_id": "new", "row": "new"}), "history": history(("new", 1, 0.25))}
    seen = set()
    for fail_at in range(100):
        system = Failing(fail_at, number)
        stem = f"tricks.quick.p{fail_at + 1}"
        failed = False
        try:
            Registry(registry.root, system).append(stem, pack)
        except StorageError:
            failed = True
        if len(system.calls) <= fail_at:
            break
        rows = registry.runs()
        visible = stem.rpartition(".")[2] if (registry.root / "runs" / f"{stem}.parquet").exists() else None
        assert set(rows["row"]) == ({"before", "new"} if visible else {"before"})
        assert set(registry.table("history")["row"]) == set(rows["row"])
        assert failed or visible
        assert registry.faults == []
        assert before.items() <= snapshot(registry.root).items()
        seen.add((failed, bool(visible)))
        (registry.root / "runs" / f"{stem}.parquet").unlink(missing_ok=True)
    assert fail_at > 10
    # Refused; kept but not acknowledged (the last sync); kept although a temporary name stayed.
    assert seen == {(True, False), (True, True), (False, True)}


def test_a_stem_is_used_once(registry, runs):
    registry.append("tricks.quick.p1", {"runs": runs({"seed": 1})})
    before = snapshot(registry.root)
    with pytest.raises(StorageError, match="exists already"):
        registry.append("tricks.quick.p1", {"runs": runs({"seed": 2})})
    assert snapshot(registry.root) == before


@pytest.mark.fault("F45")
@pytest.mark.parametrize("stem", ["", "tricks", "tricks.quick", "../a.quick.p", "a/b.quick.p", "Tricks.quick.p", "a.quick.p q", "-a.quick.p", "a.quick.p\n"])
def test_a_stem_that_is_no_name_is_refused(registry, runs, stem):
    with pytest.raises(UsageError, match="cannot name files"):
        registry.append(stem, {"runs": runs({})})


def test_a_pack_without_runs_or_with_an_unknown_table_is_refused(registry, runs, history):
    before = snapshot(registry.root)
    with pytest.raises(UsageError, match="without the table 'runs'"):
        registry.append("tricks.quick.p1", {"history": history()})
    with pytest.raises(UnknownNameError, match=r"no table 'histroy'\. Did you mean 'history'"):
        registry.append("tricks.quick.p1", {"runs": runs({}), "histroy": history()})
    assert snapshot(registry.root) == before


def test_a_table_with_nan_is_refused_before_anything_is_written(registry, runs, history):
    table = runs({"test_accuracy": 0.5})
    place = table.schema.names.index("test_accuracy")
    broken = table.set_column(place, table.schema.field(place), [[float("nan")]])
    before = snapshot(registry.root)
    with pytest.raises(BenchError, match="'test_accuracy' holds a value that is not finite"):
        registry.append("tricks.quick.p1", {"runs": broken, "history": history(("r0", 1, 0.5))})
    assert snapshot(registry.root) == before


def test_files_carry_page_checksums_and_compression(registry, runs):
    registry.append("tricks.quick.p1", {"runs": runs({})})
    path = registry.root / "runs" / "tricks.quick.p1.parquet"
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    content = bytearray(path.read_bytes())
    content[pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset + 40] ^= 1
    with pytest.raises(OSError, match="CRC checksum"):
        pq.ParquetFile(io.BytesIO(bytes(content)), page_checksum_verification=True).read()


APPENDER = """
import sys
from bench.registry.rows import table_from_rows
from bench.registry.schema import TABLES, arrow_schema
from bench.registry.store import Registry
from datetime import datetime, UTC
root, worker, appends = sys.argv[1:]
values = {"string": "x", "int64": 0, "float64": 0.0, "bool": False, "timestamp": datetime(2026, 1, 1, tzinfo=UTC)}
row = {column.name: values[column.type] for column in TABLES["runs"] if not column.nullable}
registry = Registry(root)
print("ready", flush=True)
sys.stdin.readline()
registry.prepare()
for number in range(int(appends)):
    name = f"{worker}-{number}"
    registry.append(f"s.quick.{name}", {"runs": table_from_rows(arrow_schema("runs"), [row | {"row": name, "run_id": name, "status": "ok"}])})
    print(name, flush=True)
"""


@pytest.mark.fault("F15")
@pytest.mark.fault("F14")
@pytest.mark.parametrize(("processes", "appends"), [(4, 10), pytest.param(8, 200, marks=pytest.mark.slow)])
def test_processes_that_make_and_fill_one_registry_at_the_same_time_all_succeed(tmp_path, processes, appends):
    command = [sys.executable, "-c", APPENDER, str(tmp_path / "results")]
    workers = [subprocess.Popen([*command, str(worker), str(appends)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for worker in range(processes)]
    assert all(worker.stdout.readline() == "ready\n" for worker in workers)
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    with ThreadPoolExecutor(processes) as readers:
        acknowledged = [name for said in readers.map(lambda worker: worker.communicate()[0], workers) for name in said.split()]
    assert [worker.returncode for worker in workers] == [0] * processes
    registry = Registry(tmp_path / "results")
    assert sorted(registry.runs()["row"]) == sorted(acknowledged)
    assert len(acknowledged) == len(set(acknowledged)) == processes * appends
    assert len(registry.table("runs")) == processes * appends
    assert registry.verify() == []


# Reading


def test_what_was_appended_comes_back_with_the_same_types_whatever_the_rows(registry, runs):
    assert registry.runs().empty
    rows = [{"run_id": "a", "seed": 2**62, "test_accuracy": 0.5, "reason": "ümlaut", "steps_done": 7, "dirty": True}, {"run_id": "b", "commit": "c"}]
    registry.append("tricks.quick.p1", {"runs": runs(*rows, parameters={"model.width": "int64"})})
    frame = registry.runs()
    assert list(frame["reason"]) == ["ümlaut", None]
    assert list(frame["seed"]) == [2**62, 1]
    assert frame["seed"].dtype == np.int64
    assert frame["steps_done"].dtype == frame["hp.model.width"].dtype == pd.Int64Dtype()
    assert frame["steps_done"][0] == 7
    assert frame["dirty"].dtype == pd.BooleanDtype()
    assert frame["test_accuracy"].dtype == np.float64
    assert np.isnan(frame["test_accuracy"][1])
    assert str(frame["written"].dtype) == "datetime64[us, UTC]"
    fixed = [column.name for column in TABLES["runs"]]
    assert list(frame.columns) == [*fixed, "hp.model.width", "test_accuracy"]
    assert list(registry.runs(suite="other").dtypes.items())[: len(fixed)] == list(frame.dtypes.items())[: len(fixed)]


def test_read_results_is_the_clean_view(registry, runs):
    registry.append("tricks.quick.p1", {"runs": runs({}, {"row": "r1", "generation": 1})})
    pd.testing.assert_frame_equal(bench.read_results(registry.root), registry.runs())
    assert list(registry.runs()["row"]) == ["r1"]


def test_columns_and_files_are_chosen(registry, runs):
    registry.append("tricks.quick.p1", {"runs": runs({"row": "a"})})
    registry.append("tricks.paper.p2", {"runs": runs({"row": "b", "profile": "paper"})})
    registry.append("dropout.quick.p3", {"runs": runs({"row": "c", "suite": "dropout"})})
    assert list(registry.runs(suite="tricks")["row"]) == ["b", "a"]
    assert list(registry.runs(suite="tricks", profile="quick")["row"]) == ["a"]
    frame = registry.runs(columns=["test_accuracy", "row"])
    assert list(frame.columns) == ["test_accuracy", "row"]
    with pytest.raises(UnknownNameError, match="Did you mean 'test_accuracy'"):
        registry.runs(columns=["test_acuracy"])


def test_an_orphan_counts_nothing(registry, runs, history):
    registry.append("tricks.quick.p1", {"runs": runs({"row": "a"}), "history": history(("a", 1, 0.5))})
    registry.append("tricks.quick.p2", {"runs": runs({"row": "b", "run_id": "b"}), "history": history(("b", 1, 0.5))})
    (registry.root / "runs" / "tricks.quick.p2.parquet").unlink()
    assert list(registry.table("history")["row"]) == ["a"]
    (registry.root / "runs" / "tricks.quick.p1.parquet").write_bytes(b"PAR1")
    assert registry.table("history").empty
    assert [str(fault.path.relative_to(registry.root)) for fault in registry.faults] == ["runs/tricks.quick.p1.parquet"]


def test_rows_are_found_by_name_whatever_their_generation(registry, runs):
    registry.append("tricks.quick.p1", {"runs": runs({"row": "a"}, {"row": "b", "run_id": "b"})})
    registry.append("tricks.quick.p2", {"runs": runs({"row": "c", "generation": 1})})
    found = registry.rows({"c", "a", "unknown"})
    assert list(found["row"]) == ["a", "c"]
    assert set(found.columns) == set(registry.runs().columns)
    assert list(registry.runs()["row"]) == ["b", "c"]
    assert registry.rows(set()).empty


def test_a_reused_row_has_the_curves_of_the_row_that_was_trained(registry, runs, history):
    registry.append(
        "tricks.quick.p1", {"runs": runs({"row": "a"}, {"row": "b", "run_id": "b"}), "history": history(("a", 1, 0.5), ("a", 2, 0.25), ("b", 1, 0.75))}
    )
    registry.append("dropout.quick.p2", {"runs": runs({"row": "c", "suite": "dropout", "reused_from": "a"})})
    frame = registry.runs()
    curves = registry.curves("history", frame[frame["row"] != "b"])
    assert sorted(curves[["of", "row", "step", "value"]].itertuples(index=False, name=None)) == [
        ("a", "a", 1, 0.5),
        ("a", "a", 2, 0.25),
        ("c", "a", 1, 0.5),
        ("c", "a", 2, 0.25),
    ]
    assert registry.curves("history", frame[:0]).empty


def test_an_unknown_table_is_named(registry):
    with pytest.raises(UnknownNameError, match="no table 'layers'"):
        registry.table("layers")


def test_metrics_are_described_by_the_files_the_highest_version_counts(registry, runs):
    old = Metric("sharpness", "", "lower", "log", "old", version=1)
    new = Metric("sharpness", "", "lower", "log", "new", version=2)
    for name, metric in (("p1", old), ("p2", new), ("p3", old)):
        registry.append(f"tricks.quick.{name}", {"runs": runs({}, metrics=[metric])})
    assert registry.metrics() == {"sharpness": new}


def test_a_metric_of_a_family_has_it_whatever_older_files_say(registry, runs):
    old = Metric("sharpness", "", "lower", "log", "")
    new = Metric("sharpness", "", "lower", "log", "", family="sharpness")
    for name, metric in (("p1", old), ("p2", new), ("p3", old)):
        registry.append(f"tricks.quick.{name}", {"runs": runs({}, metrics=[metric])})
    assert registry.metrics() == {"sharpness": new}


# Suites


def test_a_suite_is_kept_under_its_digest(registry):
    text = "title: ümlaut\r\nversion: 1\n"
    digest = registry.store_suite(text)
    assert registry.store_suite(text) == digest
    assert registry.suite_text(digest) == text
    assert registry.suite_text("0" * 64) is None


def test_a_damaged_copy_of_a_suite_is_named_and_mended(registry):
    digest = registry.store_suite("title: a\n")
    path = registry.root / "suites" / f"{digest}.yaml"
    for damage in (b"title: b\n", b"\xff\xfe"):
        path.write_bytes(damage)
        assert registry.suite_text(digest) is None
        assert [fault.path for fault in registry.faults] == [path]
        assert registry.store_suite("title: a\n") == digest
        assert registry.suite_text(digest) == "title: a\n"
        assert registry.faults == []
        assert path.read_bytes() == b"title: a\n"


@pytest.mark.fault("F45")
@pytest.mark.parametrize("digest", ["../format", "", "g" * 64, "A" * 64])
def test_what_is_no_digest_names_no_file(registry, digest):
    (registry.root / "format.yaml").write_text("secret")
    assert registry.suite_text(digest) is None


# Secrets


@pytest.mark.fault("F62")
def test_a_secret_of_the_environment_never_gets_into_the_registry(tmp_path):
    script = """
import sys
from dataclasses import asdict
from pathlib import Path
from datetime import datetime, UTC
from bench.registry.git import git_state
from bench.registry.provenance import environment, processor
from bench.registry.rows import table_from_rows
from bench.registry.schema import TABLES, arrow_schema
from bench.registry.store import Registry
values = {"string": "x", "int64": 0, "float64": 0.0, "bool": False, "timestamp": datetime(2026, 1, 1, tzinfo=UTC)}
row = {column.name: values[column.type] for column in TABLES["runs"] if not column.nullable}
root = Path(sys.argv[1])
row |= asdict(git_state(root)) | asdict(environment()) | {"hardware": processor(), "status": "ok"}
registry = Registry(root / "results")
registry.prepare()
registry.append("s.quick.p", {"runs": table_from_rows(arrow_schema("runs"), [row])})
"""
    secret = "s3cr3t-t0k3n"
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", f"user.email={secret}", "commit", "-q", "--allow-empty", "-m", secret], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", f"https://user:{secret}@example.org/x"], check=True)
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=os.environ | {"API_TOKEN": secret, "USER": secret, "HOSTNAME": secret}, check=True)
    registry = Registry(tmp_path / "results")
    frame = registry.runs()
    assert frame["commit"].notna().all()
    recorded = frame.to_csv() + "".join(repr(content) for content in snapshot(registry.root).values())
    for private in (secret, str(tmp_path), os.uname().nodename):
        assert private not in recorded
