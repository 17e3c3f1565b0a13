"""Reads the changes since the compared snapshot, by snapshot, as sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from pipedrive_graph.published.changes import Query, read
from pipedrive_graph.reports.access.source import Source
from pipedrive_graph.reports.narrative import describe


@dataclass(frozen=True, slots=True)
class SnapshotChanges:
    """The changes of one snapshot: sentences by subject."""

    snapshot_id: str
    at: datetime
    status: str
    changes: int
    subjects: tuple[tuple[str, tuple[str, ...]], ...]


def changes(source: Source) -> tuple[SnapshotChanges, ...]:
    """Return the snapshots with changes since the compared one, newest first."""
    if source.base is None:
        return ()
    all_changes = read(source.published, Query(source.base.at.date(), companies=(source.company,)))
    change_sets = []
    for at, group in groupby(
        (change for change in all_changes if change.changed_at > source.base.at),
        lambda change: change.changed_at,
    ):
        snapshot_changes = list(group)
        sentences = tuple((subject, tuple(lines)) for subject, lines in describe(snapshot_changes))
        first = snapshot_changes[0]
        change_sets.append(
            SnapshotChanges(first.snapshot_id, at, first.snapshot_status, len(snapshot_changes), sentences)
        )
    return tuple(reversed(change_sets))
