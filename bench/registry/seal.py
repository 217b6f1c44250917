"""Seals: a SHA-256 inside a Parquet file, over all of its other bytes.

Page checksums cover the data pages alone; a flipped bit in a header or in the footer can pass as another value. The
seal lies between the last page and the footer. Readers find the footer from the end and the pages by their offsets, so
those that know nothing of seals pass over it.
"""

from __future__ import annotations

import hashlib

MAGIC = b"PAR1"
MARK = b"bench.sha256:"
SEAL_SIZE = len(MARK) + hashlib.sha256().digest_size
NOTE = b"bench.note:"
_LENGTH = 4
_END = 4 + len(MAGIC)


def seal(content: bytes, note: bytes = b"") -> bytes:
    """Put a seal into a Parquet file.

    Args:
        content: the whole file, without a seal.
        note: what is to lie beside the seal, under it.

    Returns:
        The sealed file.
    """
    footer = footer_start(content)
    body = content[:footer] + (NOTE + note + len(note).to_bytes(_LENGTH, "little") if note else b"")
    return body + MARK + _digest(body, content[footer:]) + content[footer:]


def check_seal(content: bytes) -> bytes | None:
    """Check the seal of a Parquet file; one that has none, because other software wrote it, passes.

    Args:
        content: the whole file.

    Returns:
        The note, empty where there is none; None if there is no seal.

    Raises:
        ValueError: if it is no Parquet file, is torn, or is not as it was sealed.
    """
    footer = footer_start(content)
    start = footer - SEAL_SIZE
    if start < len(MAGIC) or not content.startswith(MARK, start):
        return None
    view = memoryview(content)
    if _digest(view[:start], view[footer:]) != content[start + len(MARK) : footer]:
        raise ValueError("damaged: its content is not what was written")
    end = start - _LENGTH
    first = end - int.from_bytes(content[end:start], "little")
    return content[first:end] if len(MAGIC) + len(NOTE) <= first and content.startswith(NOTE, first - len(NOTE)) else b""


def _digest(*parts: bytes | memoryview) -> bytes:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.digest()


def footer_start(content: bytes) -> int:
    """The offset of a Parquet file's footer.

    Raises:
        ValueError: if it is no Parquet file, or a torn one.
    """
    if not content:
        raise ValueError("empty")
    if not content.startswith(MAGIC):
        raise ValueError("not a Parquet file")
    start = len(content) - _END - int.from_bytes(content[-_END : -len(MAGIC)], "little")
    if not content.endswith(MAGIC) or start < len(MAGIC):
        raise ValueError("torn: a Parquet file without its end")
    return start
