"""Tombstones: what `forget` has removed from a company's landing and journal, when and why; never who.

A tombstone holds digests, so that `verify` can tell a `forget` from tampering. The first manifest that is
left names the digest of the newest tombstone as its `previous`: neither can be exchanged without the other.
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
"""The file of the tombstones: in a company's folder of the landing; in the landing, for whole companies."""

Kind = Literal["before", "person", "company", "missing"]


class JournalChange(Record):
    """The mark of a whole journal before a `forget`, and after it."""

    old: Mark
    new: Mark


class Tombstone(Record):
    """What one `forget` has removed of a company.

    Attributes:
        kind: by what it was chosen.
        reason: why, as the operator has written it.
        company: the company's name, where all of it was removed.
        counts: how much was removed or rewritten, by what it is.
        snapshots: ids of the snapshots that were removed; they are times.
        removed: sha256 of the manifests and files that were removed.
        rewritten: sha256 of the files that were rewritten, each with the new one.
        journal: how the journal has changed; None where it has not.
        previous: the digest of the tombstone before.
        resealed: sha256 of the manifests that are left, each with the new one.
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
        """The digest that the first manifest names; those of the manifests follow from it."""
        return hashlib.sha256(self.model_dump_json(exclude={"resealed"}).encode()).hexdigest()


class Forgotten(Sealed, Record):
    """All tombstones, the oldest first."""

    tombstones: tuple[Tombstone, ...] = ()
    sha256: str = ""

    @property
    def origin(self) -> str | None:
        """What the first manifest names as the one before it; None where nothing was forgotten."""
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
        """The same with one more tombstone."""
        return Forgotten(tombstones=(*self.tombstones, tombstone)).sealed()


def read_forgotten(storage: Storage) -> Forgotten:
    """Read the tombstones of a company, or of the landing; none where there is no file.

    Raises:
        LandingError: if the file cannot be read, or is not as it was written.
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
