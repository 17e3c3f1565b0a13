"""Seals what is left after snapshots were removed by hand: `forget --missing`.

A changed snapshot is not a missing one: if the warehouse has a snapshot with another digest than the landing,
the command refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.decisions.losses import losses
from pipedrive_graph.errors import LandingError, LossError
from pipedrive_graph.forget.asking import rows_of
from pipedrive_graph.forget.change import Change, Forgetting
from pipedrive_graph.landing import Landing
from pipedrive_graph.landing.tombstones import Kind


@dataclass(frozen=True)
class Missing(Forgetting):
    """Records that snapshots are missing."""

    kind: ClassVar[Kind] = "missing"

    def change(self, home: Home, company: str) -> Change:
        """Plan the change of a company.

        Raises:
            LandingError: if a snapshot was changed, or the journal is damaged.
            LossError: if the journal lacks entries.
        """
        change = Change(company)
        landing = Landing(home.storage).of(company)
        stored = landing.digests() | landing.set_aside_digests()
        taken = _taken(home, company)
        changed = sorted(name for name in taken.keys() & stored.keys() if taken[name] != stored[name])
        if changed:
            raise LandingError(
                f"{landing.path / changed[0]} was changed, not removed; restore it from a backup. Without a"
                " backup, move its folder away, so that it counts as missing."
            )
        for loss in losses(home, company) or []:
            if loss.decisions:
                raise LossError(f"{loss} are missing; restore {home.journal} from a backup first.")
        change.missing = {name: digest for name, digest in taken.items() if name not in stored}
        for name in sorted(change.missing):
            change.note(
                "remove", "snapshot", f"landing/{company}/{name}", "already missing; this is recorded"
            )
        if not change.missing:
            for manifest in landing.breaks():
                path = f"landing/{company}"
                text = f"missing before {manifest.snapshot_id}; this is recorded"
                change.note("remove", "snapshot", path, text)
        if change.counts:
            _place_entries(home, change, stored.keys())
        return change


def _taken(home: Home, company: str) -> dict[str, str]:
    """The snapshots in the warehouse, with the digests of their manifests; none if it cannot be read."""
    query = "SELECT snapshot_id, manifest_sha256 FROM held.history.snapshots WHERE company = ?"
    return dict(rows_of(home.warehouse, query, company))


def _place_entries(home: Home, change: Change, stored: Iterable[str]) -> None:
    """Attach each journal line about a missing snapshot to the stored snapshot before it."""
    names = sorted(stored)
    entries = Journal.of(home, change.company).lines()
    change.entries = [
        replace(line, snapshot_id=max((name for name in names if name < line.snapshot_id), default=None))
        if line.snapshot_id is not None and line.snapshot_id not in names
        else line
        for line in entries
    ]
