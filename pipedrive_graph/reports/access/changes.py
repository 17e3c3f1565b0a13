"""Reads the changes since the compared snapshot, by snapshot, as sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from pipedrive_graph.published.changes import Query, read
from pipedrive_graph.reports.access.source import Source
from pipedrive_graph.reports.narrative import describe


@dataclass(frozen=True, slots=True)
class Night:
    """The changes of one snapshot: sentences by subject."""

    snapshot_id: str
    at: datetime
    status: str
    changes: int
    subjects: tuple[tuple[str, tuple[str, ...]], ...]


def changes(source: Source) -> tuple[Night, ...]:
    """Return the snapshots with changes since the compared one, newest first."""
    if source.base is None:
        return ()
    all_changes = read(source.published, Query(source.base.at.date(), companies=(source.company,)))
    nights = []
    for at, group in groupby(
        (change for change in all_changes if change.changed_at > source.base.at),
        lambda change: change.changed_at,
    ):
        night = list(group)
        sentences = tuple((subject, tuple(lines)) for subject, lines in describe(night))
        nights.append(Night(night[0].snapshot_id, at, night[0].snapshot_status, len(night), sentences))
    return tuple(reversed(nights))
