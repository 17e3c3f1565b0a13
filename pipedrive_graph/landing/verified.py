"""Reads and verifies the files that a snapshot's manifest lists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pipedrive_graph.errors import DamagedFileError, LandingError
from pipedrive_graph.landing.records import File, Manifest
from pipedrive_graph.landing.storage import Storage


def verified(storage: Storage, name: str, file: File) -> bytes:
    """Return the content of a file after comparing its sha256 with the manifest.

    Raises:
        LandingError: if it is missing, was changed, or this user may not read it.
    """
    try:
        content = storage.read(name)
    except FileNotFoundError as error:
        raise missing(storage.path(name)) from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise differs(storage.path(name), "sha256")
    return content


def problems(
    storage: Storage, manifest: Manifest, *, quick: bool = False
) -> Iterator[tuple[File, LandingError]]:
    """Yield the files of a snapshot that are missing, or were changed since it was committed.

    Args:
        storage: the company's part of the landing.
        manifest: the manifest of the snapshot.
        quick: only compare the sizes of the files, without reading them.
    """
    for file in manifest.files:
        name = f"{manifest.snapshot_id}/{file.name}"
        path = storage.path(name)
        if not storage.has(name):
            yield file, missing(path)
        elif quick:
            if storage.size(name) != file.bytes:
                yield file, differs(path, "size")
        elif storage.digest(name) != file.sha256:
            yield file, differs(path, "sha256")


def missing(path: Path) -> LandingError:
    """Return the error for a missing file of a snapshot."""
    return DamagedFileError(f"{path} is missing")


def differs(path: Path, what: str) -> LandingError:
    """Return the error for a file of a snapshot whose size or sha256 differs from its manifest."""
    return DamagedFileError(f"{path} is not as it was written (its {what} differs)")
