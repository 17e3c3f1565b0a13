"""Compressed files beside a journal: written once, read by their digest, and missed where they are lost."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipedrive_graph.decisions.kept import read_kept, write_kept
from pipedrive_graph.errors import LostFileError
from pipedrive_graph.landing.storage import FolderStorage

DIGEST = hashlib.sha256(b"roster").hexdigest()


def test_a_file_is_written_once_and_repaired_where_it_is_damaged(tmp_path: Path) -> None:
    storage, name = FolderStorage(tmp_path), "acme.rosters/1.json.gz"
    path = tmp_path / name
    write_kept(storage, name, b"roster")
    written = path.stat().st_ino
    write_kept(storage, name, b"roster")
    assert path.stat().st_ino == written
    assert read_kept(storage, name, DIGEST) == b"roster"

    path.write_bytes(b"damaged")
    with pytest.raises(LostFileError, match="restore it from a backup"):
        read_kept(storage, name, DIGEST)
    write_kept(storage, name, b"roster")
    assert read_kept(storage, name, DIGEST) == b"roster"
