"""Reads the files of a snapshot that its manifest describes, and words what is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipedrive_graph import files
from pipedrive_graph.errors import DamagedFileError, LandingError
from pipedrive_graph.landing.records import File


def verified(path: Path, file: File) -> bytes:
    """The content of a file, if it is as the manifest says.

    Raises:
        LandingError: if it is missing, not as it was written, or closed to this user.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise missing(path) from error
    except OSError as error:
        raise files.cannot_read(path, error) from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise differs(path, "sha256")
    return content


def missing(path: Path) -> LandingError:
    """The error about a file of a snapshot that is not there."""
    return DamagedFileError(f"{path} is missing")


def differs(path: Path, what: str) -> LandingError:
    """The error about a file of a snapshot whose size or sha256 is another than its manifest says."""
    return DamagedFileError(f"{path} is not as it was written (its {what} differs)")


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Say of a folder which cannot be listed why."""
    try:
        yield
    except OSError as error:
        raise files.cannot_read(folder, error) from error
