"""Tombstones: what `forget` removed from a company's landing and journal, when and why, but never whose data.

A tombstone holds digests, so that `verify` can distinguish a `forget` from tampering. The first remaining
manifest has the digest of the newest tombstone as its `previous`, so neither can be exchanged alone.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import AwareDatetime, Field

from pipedrive_graph.common.sealed import Sealed
from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing.records import Mark, Record, parse_record
from pipedrive_graph.landing.storage import Storage

FORGOTTEN = "forgotten.json"
"""The file of the tombstones: in a company's folder, and in the landing's folder for whole companies."""

Kind = Literal["before", "person", "company", "missing"]


class JournalChange(Record):
    """The state of a journal before and after a `forget`."""

    old: Mark
    new: Mark


class Tombstone(Record):
    """What one `forget` removed of a company.

    Attributes:
        kind: the criterion by which it was chosen.
        reason: the operator's reason.
        company: the company's name, if all of it was removed.
        counts: how much was removed or rewritten, by kind of data.
        snapshots: ids of the snapshots that were removed; they are times.
        removed: sha256 of the manifests and files that were removed.
        rewritten: sha256 of the files that were rewritten, each with the new sha256.
        journal: the states of the journal; None if it was not changed.
        previous: the digest of the tombstone before.
        resealed: sha256 of the remaining manifests, each with the new sha256.
    """

    at: AwareDatetime
    kind: Kind
    reason: str
    company: str | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    snapshots: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    rewritten: dict[str, str] = Field(default_factory=dict)
    journal: JournalChange | None = None
    previous: str | None = None
    resealed: dict[str, str] = Field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The digest in the first manifest; it excludes the manifests' digests, which depend on it."""
        return hashlib.sha256(self.model_dump_json(exclude={"resealed"}).encode()).hexdigest()


class Forgotten(Sealed, Record):
    """All tombstones, oldest first."""

    tombstones: tuple[Tombstone, ...] = ()
    sha256: str = ""

    @property
    def origin(self) -> str | None:
        """The `previous` of the first manifest; None if `forget` never removed anything."""
        return self.tombstones[-1].digest if self.tombstones else None

    @property
    def snapshots(self) -> set[str]:
        """The ids of the snapshots that were removed."""
        return {snapshot_id for tombstone in self.tombstones for snapshot_id in tombstone.snapshots}

    @property
    def digests(self) -> set[str]:
        """The digests of the manifests that were removed or replaced."""
        return {
            sha256 for tombstone in self.tombstones for sha256 in (*tombstone.removed, *tombstone.resealed)
        }

    @property
    def entries(self) -> int:
        """How many lines of the journal were removed."""
        changes = [tombstone.journal for tombstone in self.tombstones if tombstone.journal]
        return sum(change.old.lines - change.new.lines for change in changes)

    def extended(self, tombstone: Tombstone) -> Forgotten:
        """Return a copy with one more tombstone."""
        return Forgotten(tombstones=(*self.tombstones, tombstone)).sealed()


def read_forgotten(storage: Storage) -> Forgotten:
    """Read the tombstones of a company, or of the landing; none if the file does not exist.

    Raises:
        LandingError: if the file cannot be read, or was changed after it was written.
    """
    path = storage.path(FORGOTTEN)
    try:
        forgotten = parse_record(path, storage.read(FORGOTTEN), Forgotten)
    except FileNotFoundError:
        return Forgotten()
    before = [None, *(tombstone.digest for tombstone in forgotten.tombstones)]
    linked = all(
        tombstone.previous == digest for tombstone, digest in zip(forgotten.tombstones, before, strict=False)
    )
    if forgotten.sha256 != forgotten.digest or not linked:
        raise LandingError(
            f"{path} is not as it was written (its sha256 differs); restore it from a backup. Without a"
            " backup, move it away and run `pipedrive-graph forget --missing`."
        )
    return forgotten


def write_forgotten(storage: Storage, forgotten: Forgotten) -> None:
    """Write the tombstones of a company, or of the landing.

    Raises:
        LandingError: if they cannot be written.
    """
    storage.write(FORGOTTEN, forgotten.model_dump_json(indent=1).encode() + b"\n")
