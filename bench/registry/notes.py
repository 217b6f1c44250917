"""Notes: what a footer says, in short, beside a file's seal.

Taking a footer of a hundred columns apart costs five times as much as reading and hashing a small file, and most files
that are looked at are of commits that nobody asked for. The note repeats what decides that: which schema, how many rows,
of which states. It is under the seal, so it is what was written; a file without one is opened instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow.parquet as pq

from bench.registry.schema import VERSION_KEY
from bench.registry.statistics import STATE, Group, groups_of

ARROW_SCHEMA = b"ARROW:schema"
TIMES = tuple(index for index, name in enumerate((*STATE, "written")) if name in ("commit_time", "written"))


def schema_digest(metadata: pq.FileMetaData) -> str | None:
    """What names the schema of a file that bench wrote; None if Arrow left nothing that it follows from."""
    noted = metadata.metadata or {}
    if ARROW_SCHEMA not in noted:
        return None
    parts = (noted[ARROW_SCHEMA], noted.get(VERSION_KEY, b""), str(metadata.num_columns).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def note_of(metadata: pq.FileMetaData, names: Sequence[str]) -> bytes:
    """The note of a file of `runs`.

    Args:
        metadata: its footer.
        names: its columns, none of them nested, in their order.

    Returns:
        The note; empty if it would not say enough.
    """
    groups = groups_of(metadata, names)
    if any(group.state is None for group in groups):
        return b""
    told = [[group.rows, group.commits, _times(group.state, datetime.isoformat)] for group in groups]
    return json.dumps({"schema": schema_digest(metadata), "groups": told}).encode()


def read_note(note: bytes) -> tuple[str, tuple[Group, ...]] | None:
    """The digest of the schema and the row groups that a note tells of, or None if it tells nothing."""
    if not note:
        return None
    try:
        told = json.loads(note)
        groups = tuple(Group(int(rows), tuple(commits), _times(state, datetime.fromisoformat)) for rows, commits, state in told["groups"])
        return str(told["schema"]), groups
    except (ValueError, TypeError, KeyError):
        return None


def _times(state: Any, convert: Any) -> tuple[Any, ...]:
    return tuple(value if index not in TIMES or value is None else convert(value) for index, value in enumerate(state))
