"""Reads the files of a snapshot that its manifest describes, and words what is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pipedrive_graph.errors import DamagedFileError, LandingError
from pipedrive_graph.landing.records import File, Manifest
from pipedrive_graph.landing.storage import Storage


def verified(storage: Storage, name: str, file: File) -> bytes:
    """The content of a file, if it is as the manifest says.

    Raises:
        LandingError: if it is missing, not as it was written, or closed to this user.
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
    """The files of a snapshot that are missing, or not as they were when it was committed.

    Args:
        storage: what is kept of the company.
        manifest: the snapshot's.
        quick: compare the sizes of the files only; nothing is read.
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
    """The error about a file of a snapshot that is not there."""
    return DamagedFileError(f"{path} is missing")


def differs(path: Path, what: str) -> LandingError:
    """The error about a file of a snapshot whose size or sha256 is another than its manifest says."""
    return DamagedFileError(f"{path} is not as it was written (its {what} differs)")
