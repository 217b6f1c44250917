"""Where a registry keeps what, which format it is of, and which names in it are its own."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from bench.errors import Place, StorageError, UnknownNameError, did_you_mean
from bench.registry.schema import TABLES

FORMAT = 1
COMMIT = "runs"
SUITES = "suites"
WEIGHTS = "weights"
CHECKPOINTS = "checkpoints"
LEASES = "leases"
PUBLISHED = "reference"
STEM = re.compile(r"(?P<suite>[a-z0-9][a-z0-9_-]{0,63})\.(?P<profile>[a-z0-9_-]{1,64})\.[A-Za-z0-9_-]{1,128}")
DIGEST = re.compile(r"[0-9a-f]{64}")
FORMAT_TEXT = json.dumps({"format": FORMAT, "kind": "implicit-bench registry"}) + "\n"


class Layout:
    """The names in one registry's folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.format_file = root / "format.json"

    @property
    def exists(self) -> bool:
        """Whether the folder is a registry."""
        return self.format_file.is_file() or self.folder(COMMIT).is_dir()

    def folder(self, name: str) -> Path:
        """The folder of a table, or of the suite files."""
        return self.root / name

    def file(self, table: str, stem: str) -> Path:
        """The file of a table for one pack.

        Raises:
            UnknownNameError: if there is no such table.
        """
        if table not in TABLES:
            raise UnknownNameError(f"the registry has no table {table!r}. {did_you_mean(table, TABLES)}")
        return self.folder(table) / f"{stem}.parquet"

    def suite_file(self, digest: str) -> Path:
        """The copy of a suite file."""
        return self.folder(SUITES) / f"{digest}.yaml"

    def parquet_files(self, table: str) -> list[Path]:
        """What calls itself a Parquet file of a table, by name; leftovers of writers, editors and systems do not.

        Raises:
            UnknownNameError: if there is no such table.
        """
        folder = self.file(table, "").parent
        names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - thousands of names are sorted far faster than paths
        return [folder / name for name in sorted(names) if name.endswith(".parquet") and not name.startswith(".")]

    def check_format(self) -> None:
        """Refuse a registry that this version of bench does not know.

        Raises:
            StorageError: if the format file is missing, damaged, or from a newer version.
        """
        place = Place(str(self.format_file))
        try:
            number = json.loads(self.format_file.read_text(encoding="utf-8"))["format"]
        except FileNotFoundError as error:
            raise StorageError("is missing, so nothing is written beside the rows that are there", place, "Copy it from where the rows came from.") from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StorageError("is no format file of a registry", place) from error
        if number != FORMAT:
            raise StorageError(f"written by a newer version of bench (format {number!r}; this one knows {FORMAT})", place, "Update bench to write here.")
