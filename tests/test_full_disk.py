"""Whatever is kept, at whichever call the disk refuses: the older state stands or the new one is there, whole; nothing else."""

from __future__ import annotations

import errno
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch

from bench.datafiles import Download, Files, fetch
from bench.registry.store import Registry
from bench.report.write import _write_files
from bench.train.checkpoints import Checkpoints
from bench.train.course import Checkpoint
from bench.train.weights import WeightStore
from tests.disk import Disk
from tests.planning import refusal

CPU = torch.device("cpu")


class Kept(Protocol):
    """Something that is written to a folder in an older state and then in a newer one."""

    def write(self, newer: bool) -> None: ...

    def read(self) -> Any: ...


@dataclass
class ACheckpoint:
    folder: Path

    def write(self, newer):
        Checkpoints(self.folder).save("run.way", Checkpoint(9 if newer else 4, {}, [], {}))

    def read(self):
        found = Checkpoints(self.folder).load("run.way", CPU)
        return None if found is None else found.step


@dataclass
class TheWeights:
    folder: Path

    def write(self, newer):
        WeightStore(self.folder).keep({"w": torch.full((3,), float(newer))})

    def read(self):
        store = WeightStore(self.folder)
        return max((float(store.load(path.stem, CPU)["w"][0]) for path in self.folder.glob("*.pt")), default=None)


@dataclass
class ASuite:
    folder: Path

    def write(self, newer):
        if not newer:
            Registry(self.folder).prepare()
        Registry(self.folder).store_suite(f"title: {newer}\n")

    def read(self):
        texts = [Registry(self.folder).suite_text(path.stem) for path in (self.folder / "suites").glob("*.yaml")]
        return max(texts, default=None)


@dataclass
class DataFiles:
    folder: Path

    def write(self, newer):
        content = str(newer).encode()
        source = self.folder.parent / "source.gz"
        source.write_bytes(content)
        download = Download((source.as_uri(),), hashlib.md5(content).hexdigest(), f"set/{newer}.gz")
        fetch("made_up", Files({f"set/{newer}.gz": hashlib.sha256(content).hexdigest()}, (download,)), self.folder, lambda line: None)

    def read(self):
        return max((path.read_bytes() for path in self.folder.glob("set/*")), default=None)


@dataclass
class AReport:
    folder: Path

    def write(self, newer):
        _write_files(self.folder, {"report.md": f"report {newer}".encode()})

    def read(self):
        return (self.folder / "report.md").read_text() if self.folder.is_dir() else None


@pytest.mark.fault("F9")
@pytest.mark.fault("F10")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("kind", [ACheckpoint, TheWeights, ASuite, DataFiles, AReport])
def test_the_older_state_stands_or_the_newer_is_there(tmp_path, monkeypatch, kind, number):
    disk = Disk(monkeypatch)
    seen = set()
    for place in range(100):
        kept = kind(tmp_path / str(place) / "kept")
        kept.folder.parent.mkdir()
        disk.fails(-1)
        kept.write(False)
        older = kept.read()
        disk.fails(place, number)
        error = refusal(lambda kept=kept: kept.write(True))
        disk.fails(-1)
        found = kept.read()
        if error is None:
            break
        assert (error.exit_code, str(error).count("disk at /")) == (3, 1)
        assert str(kept.folder) in str(error)
        seen.add(found == older)
        kept.write(True)
        assert kept.read() not in (older, None)
    assert place > 2
    assert True in seen
    assert found != older
