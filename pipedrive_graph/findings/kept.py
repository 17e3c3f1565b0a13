"""Reads the compressed files beside a journal that its lines name by their sha256: rosters and reviews."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

from pipedrive_graph import files
from pipedrive_graph.errors import LostFileError


def read_kept(path: Path, sha256: str) -> bytes:
    """The content of a file, uncompressed.

    Args:
        path: the file.
        sha256: of the content, as the journal names it.

    Raises:
        LostFileError: if it is missing, or not as it was written.
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
