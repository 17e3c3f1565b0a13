"""Reads what the latest night of a company brought: its counts, what is new, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipedrive_graph.published import changes
from pipedrive_graph.published.changes import Change, Wanted
from pipedrive_graph.published.connection import reading
from pipedrive_graph.published.findings import Filter, Listed, listing


@dataclass(frozen=True, slots=True)
class Tonight:
    """What the latest accepted snapshot of a company brought.

    Attributes:
        counts: findings by status, and within it by severity.
        open: the open findings, worst first.
        new: those of them that became open with this snapshot; of a first snapshot, all.
        changes: what changed since the snapshot before.
    """

    counts: dict[str, dict[str, int]]
    open: list[Listed]
    new: list[Listed]
    changes: list[Change]


def tonight(published: Path, company: str) -> Tonight | None:
    """Read the latest night of a company; None where nothing of it is published.

    Raises:
        WarehouseError: if nothing is published at all, or by another version.
    """
    found = listing(published, ("open",), Filter(companies=(company,)))
    with reading(published) as connection:
        rows = connection.execute(
            "SELECT snapshot_id, as_of FROM current_snapshot WHERE company = ?", [company]
        ).fetchall()
    if not rows:
        return None
    ((snapshot_id, as_of),) = rows
    since = changes.read(published, Wanted(since=as_of.date(), companies=(company,)))
    return Tonight(
        counts=found.counts,
        open=found.findings,
        new=[one for one in found.findings if one.values["opened_at"] >= as_of],
        changes=[change for change in since if change.snapshot_id == snapshot_id],
    )
