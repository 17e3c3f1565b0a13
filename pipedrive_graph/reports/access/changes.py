"""Reads what changed since the report before: night by night, in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from pipedrive_graph.published.changes import Wanted, read
from pipedrive_graph.reports.access.source import Source
from pipedrive_graph.reports.narrative import told


@dataclass(frozen=True, slots=True)
class Night:
    """What one snapshot saw for the first time: each subject with its sentences."""

    snapshot_id: str
    at: datetime
    status: str
    changes: int
    told: tuple[tuple[str, tuple[str, ...]], ...]


def changes(source: Source) -> tuple[Night, ...]:
    """The nights since the report before in which something changed, the newest first."""
    if source.base is None:
        return ()
    found = read(source.published, Wanted(source.base.at.date(), companies=(source.company,)))
    nights = []
    for at, group in groupby(
        (change for change in found if change.changed_at > source.base.at), lambda one: one.changed_at
    ):
        night = list(group)
        sentences = tuple((subject, tuple(lines)) for subject, lines in told(night))
        nights.append(Night(night[0].snapshot_id, at, night[0].snapshot_status, len(night), sentences))
    return tuple(reversed(nights))
