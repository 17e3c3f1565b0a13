"""Stores compressed files beside a journal, whose entries name them by sha256: rosters and reviews."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pipedrive_graph.common import files
from pipedrive_graph.decisions.journal import Entry
from pipedrive_graph.errors import LostFileError


def write_kept(path: Path, content: bytes) -> None:
    """Write a compressed file, unless it exists undamaged.

    Raises:
        LandingError: if it cannot be written.
    """
    compressed = gzip.compress(content, mtime=0)
    if not _holds(path, compressed):
        files.write_atomically(path, compressed)


def read_kept(path: Path, sha256: str) -> bytes:
    """Return the uncompressed content of a file.

    Args:
        path: the file.
        sha256: the digest of the content, from the journal.

    Raises:
        LostFileError: if it is missing or damaged.
        LandingError: if this user may not read it.
    """
    try:
        compressed = path.read_bytes()
    except FileNotFoundError as error:
        raise LostFileError(f"Cannot read {path}; restore it from a backup, then try again.") from error
    except OSError as error:
        raise files.cannot_read(path, error) from error
    try:
        content = gzip.decompress(compressed)
    except (OSError, EOFError, zlib.error) as error:
        raise LostFileError(f"Cannot read {path}; restore it from a backup, then try again.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise LostFileError(
            f"{path} is not as it was written (its sha256 differs); restore it from a backup."
        )
    return content


def damaged_files(entries: Iterable[Entry], read: Callable[[Entry], object]) -> Iterator[str]:
    """Yield the digests of the files that are missing or damaged.

    Args:
        entries: the journal's entries that name a file.
        read: reads the file that an entry names.

    Raises:
        LandingError: if this user may not read a file, which may be undamaged.
    """
    for entry in entries:
        try:
            read(entry)
        except LostFileError:
            yield entry.content["sha256"]


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False
