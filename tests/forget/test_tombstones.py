"""The tombstones: each contains the digest of the previous one, and changes of the file are detected."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing.records import Mark
from pipedrive_graph.landing.storage import FolderStorage
from pipedrive_graph.landing.tombstones import (
    FORGOTTEN,
    Forgotten,
    JournalChange,
    Tombstone,
    read_forgotten,
    write_forgotten,
)

AT = datetime(2026, 11, 30, tzinfo=UTC)
FIRST = Tombstone(
    at=AT,
    kind="before",
    reason="policy 7",
    snapshots=("20261101T020000-000000",),
    removed=("a" * 64,),
    resealed={"b" * 64: "c" * 64},
    journal=JournalChange(old=Mark(lines=5, sha256="d"), new=Mark(lines=2, sha256="e")),
)


def second(previous: str | None) -> Tombstone:
    return Tombstone(at=AT, kind="missing", reason="by hand", removed=("f" * 64,), previous=previous)


def test_what_they_say_together(tmp_path: Path) -> None:
    assert read_forgotten(FolderStorage(tmp_path)) == Forgotten()
    assert Forgotten().origin is None
    written = Forgotten().extended(FIRST).extended(second(FIRST.digest))
    write_forgotten(FolderStorage(tmp_path), written)
    read = read_forgotten(FolderStorage(tmp_path))
    assert read == written
    assert read.origin == second(FIRST.digest).digest
    assert read.snapshots == {"20261101T020000-000000"}
    assert read.digests == {"a" * 64, "b" * 64, "f" * 64}
    assert read.entries == 3


def test_the_digest_is_of_all_but_what_follows_from_it() -> None:
    assert FIRST.digest == FIRST.model_copy(update={"resealed": {}}).digest
    for field, value in (("reason", "x"), ("removed", ()), ("counts", {"a": 1}), ("previous", "x")):
        assert FIRST.digest != FIRST.model_copy(update={field: value}).digest


@pytest.mark.parametrize(
    ("old", "new"), [("policy 7", "policy 8"), ("c" * 64, "0" * 64), ('"lines": 2', '"lines": 3')]
)
def test_a_change_shows(tmp_path: Path, old: str, new: str) -> None:
    write_forgotten(FolderStorage(tmp_path), Forgotten().extended(FIRST))
    path = tmp_path / FORGOTTEN
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(LandingError) as caught:
        read_forgotten(FolderStorage(tmp_path))
    assert str(caught.value) == (
        f"{path} is not as it was written (its sha256 differs); restore it from a backup. Without a backup,"
        " move it away and run `pipedrive-graph forget --missing`."
    )


def test_one_that_was_taken_out_shows_although_the_file_is_sealed(tmp_path: Path) -> None:
    write_forgotten(FolderStorage(tmp_path), Forgotten().extended(second(FIRST.digest)))
    with pytest.raises(LandingError, match="is not as it was written"):
        read_forgotten(FolderStorage(tmp_path))
