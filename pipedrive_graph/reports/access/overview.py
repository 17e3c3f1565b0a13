"""Reads the top of the access report: what was read, what it means, and how many findings there are."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from pipedrive_graph.common.text import counted
from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.landing import Manifest
from pipedrive_graph.reports.access.source import Source
from pipedrive_graph.reports.access.words import delta

LONGEST = 90
"""Snapshots that the trend line shows."""

_WIDTH, _HEIGHT, _EDGE = 240, 56, 5


@dataclass(frozen=True, slots=True)
class Population:
    """How much there is, and how it is known.

    Of `answered` users the permissions were answered in this snapshot, of `earlier` ones in an earlier one;
    those of `inferred` ones follow from others with the same access, and of `unknown` ones nothing is known.
    """

    users: int
    live: int
    admins: int
    sensitive: int
    roles: int
    sets: int
    grants: int
    answered: int
    earlier: int
    inferred: int
    unknown: int

    def share(self, part: int) -> float:
        """A part of all users, 0 to 1."""
        return part / self.users if self.users else 0.0


@dataclass(frozen=True, slots=True)
class Count:
    """The open findings of a severity, against the report before.

    `delta` is how their number has moved, empty where nothing is known to compare with.
    """

    severity: str
    open: int
    waived: int
    delta: str
    opened: int
    resolved: int


@dataclass(frozen=True, slots=True)
class Trend:
    """Open findings after each snapshot, as a line: the points of the drawing, and its first and last."""

    points: str
    first_x: float
    last_x: float
    last_y: float
    first: int
    last: int
    highest: int
    since: datetime
    nights: int
    floor: int = _HEIGHT - _EDGE
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True, slots=True)
class Overview:
    """The top of the report."""

    population: Population
    counts: tuple[Count, ...]
    delta: str
    resolved_reasons: tuple[tuple[str, int], ...]
    trend: Trend | None
    missing: tuple[str, ...]

    @property
    def open(self) -> int:
        """All open findings."""
        return sum(count.open for count in self.counts)

    @property
    def waived(self) -> int:
        """All waived findings."""
        return sum(count.waived for count in self.counts)

    @property
    def opened(self) -> int:
        """All that are open since the report before."""
        return sum(count.opened for count in self.counts)

    @property
    def resolved(self) -> int:
        """All that were resolved since the report before."""
        return sum(count.resolved for count in self.counts)


def overview(source: Source, manifest: Manifest | None) -> Overview:
    """Read the top of the report.

    Args:
        source: the published file.
        manifest: that of the snapshot, where the landing is at hand: it says what was not answered.
    """
    counts, before = _counts(source)
    total = sum(count.open for count in counts)
    reasons = source.rows(
        """
        SELECT resolved_reason, count(*) FROM findings
        WHERE company = $company AND status = 'resolved' AND resolved_at > $base
        GROUP BY ALL ORDER BY count(*) DESC, resolved_reason""",
        base=source.base.at if source.base else source.now.at,
    )
    return Overview(
        _population(source),
        tuple(counts),
        delta(total, before),
        tuple(reasons),
        _trend(source),
        _missing(manifest),
    )


def _population(source: Source) -> Population:
    columns = ", ".join(field.name for field in fields(Population))
    return Population(*source.row(f"SELECT {columns} FROM population($company, $now)", now=source.now.at))  # noqa: S608


def _counts(source: Source) -> tuple[list[Count], int | None]:
    """The findings by severity, and how many were open before, where that is known."""
    base = source.base
    found = {
        row[0]: row[1:]
        for row in source.rows(
            """
            SELECT
                severity,
                count(*) FILTER (status = 'open'),
                count(*) FILTER (status = 'waived'),
                count(*) FILTER (status = 'open' AND opened_at > $base),
                count(*) FILTER (status = 'resolved' AND resolved_at > $base)
            FROM findings
            WHERE company = $company
            GROUP BY severity""",
            base=base.at if base else source.now.at,
        )
    }
    before = dict(
        source.rows(
            """
            SELECT severity, findings FROM finding_counts
            WHERE company = $company AND snapshot_id = $base AND status = 'open'""",
            base=base.snapshot_id if base else None,
        )
    )
    counts = []
    for severity in SEVERITIES:
        now_open, waived, opened, resolved = found.get(severity, (0, 0, 0, 0))
        moved = delta(now_open, before.get(severity))
        counts.append(Count(severity, now_open, waived, moved, opened, resolved))
    return counts, sum(before.values()) if before else None


def _trend(source: Source) -> Trend | None:
    """The line of open findings; None before there are two snapshots to draw it between."""
    nights = source.rows(
        """
        SELECT started_at, CAST(sum(findings) AS BIGINT)
        FROM finding_counts
        JOIN snapshots USING (company, snapshot_id)
        WHERE company = $company AND finding_counts.status = 'open'
        GROUP BY position, started_at
        ORDER BY position, started_at"""
    )[-LONGEST:]
    if len(nights) < 2:
        return None
    begin, span = nights[0][0], (nights[-1][0] - nights[0][0]).total_seconds() or 1.0
    highest = max(count for _, count in nights)
    points = [
        (
            round(_EDGE + (_WIDTH - 2 * _EDGE) * (at - begin).total_seconds() / span, 1),
            round(_HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * count / (highest or 1), 1),
        )
        for at, count in nights
    ]
    return Trend(
        " ".join(f"{x},{y}" for x, y in points),
        points[0][0],
        *points[-1],
        first=nights[0][1],
        last=nights[-1][1],
        highest=highest,
        since=begin,
        nights=len(nights),
    )


def _missing(manifest: Manifest | None) -> tuple[str, ...]:
    """What was asked and not answered, one phrase per endpoint."""
    if manifest is None:
        return ()
    told = []
    for endpoint, calls in sorted(manifest.coverage.items()):
        parts = [
            f"{number:,} {what}"
            for what, number in (("refused", calls.refused), ("failed", calls.failed))
            if number
        ]
        if parts:
            told.append(f"{endpoint}: {' and '.join(parts)} of {counted(calls.asked, 'call')}")
    return tuple(told)
