"""Stores compressed files beside a journal, whose entries name them by sha256: rosters and reviews."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator

from pipedrive_graph.decisions.journal import Entry
from pipedrive_graph.errors import LandingError, LostFileError
from pipedrive_graph.landing.storage import Storage


def write_kept(storage: Storage, name: str, content: bytes) -> None:
    """Write a compressed file, unless it exists undamaged.

    Raises:
        LandingError: if it cannot be written.
    """
    compressed = gzip.compress(content, mtime=0)
    if not _holds(storage, name, compressed):
        storage.write(name, compressed)


def read_kept(storage: Storage, name: str, sha256: str) -> bytes:
    """Return the uncompressed content of a file.

    Args:
        storage: where the journal is kept.
        name: the file.
        sha256: the digest of the content, from the journal.

    Raises:
        LostFileError: if it is missing or damaged.
        LandingError: if this user may not read it.
    """
    path = storage.path(name)
    try:
        compressed = storage.read(name)
    except FileNotFoundError as error:
        raise LostFileError(f"Cannot read {path}; restore it from a backup, then try again.") from error
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


def _holds(storage: Storage, name: str, content: bytes) -> bool:
    try:
        return storage.read(name) == content
    except (FileNotFoundError, LandingError):
        return False
