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
_END = 4 + len(MAGIC)


def seal(content: bytes) -> bytes:
    """Put a seal into a Parquet file.

    Args:
        content: the whole file, without a seal.

    Returns:
        The sealed file.
    """
    footer = footer_start(content)
    return content[:footer] + MARK + hashlib.sha256(content).digest() + content[footer:]


def check_seal(content: bytes) -> None:
    """Check the seal of a Parquet file; one that has none, because other software wrote it, passes.

    Args:
        content: the whole file.

    Raises:
        ValueError: if it is no Parquet file, is torn, or is not as it was sealed.
    """
    footer = footer_start(content)
    start = footer - SEAL_SIZE
    if start < len(MAGIC) or not content.startswith(MARK, start):
        return
    actual = hashlib.sha256(content[:start])
    actual.update(content[footer:])
    if actual.digest() != content[start + len(MARK) : footer]:
        raise ValueError("damaged: its content is not what was written")


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
