"""Keeps compressed files beside a journal, whose lines name them by their sha256: rosters and reviews."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator

from pipedrive_graph.decisions.journal import Line
from pipedrive_graph.errors import LandingError, LostFileError
from pipedrive_graph.landing.storage import Storage


def write_kept(storage: Storage, name: str, content: bytes) -> None:
    """Write a file, compressed; nothing where it is there already, undamaged.

    Raises:
        LandingError: if it cannot be written.
    """
    compressed = gzip.compress(content, mtime=0)
    if not _holds(storage, name, compressed):
        storage.write(name, compressed)


def read_kept(storage: Storage, name: str, sha256: str) -> bytes:
    """The content of a file, uncompressed.

    Args:
        storage: where the journal is kept.
        name: the file.
        sha256: of the content, as the journal names it.

    Raises:
        LostFileError: if it is missing, or not as it was written.
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


def damaged_files(lines: Iterable[Line], read: Callable[[Line], object]) -> Iterator[str]:
    """Yield the digests of the files that are missing, or not as they were written.

    Args:
        lines: the journal's lines that name a file.
        read: reads the file that a line names.

    Raises:
        LandingError: if a file is closed to this user: it may be as it was.
    """
    for line in lines:
        try:
            read(line)
        except LostFileError:
            yield line.content["sha256"]


def _holds(storage: Storage, name: str, content: bytes) -> bool:
    try:
        return storage.read(name) == content
    except (FileNotFoundError, LandingError):
        return False
