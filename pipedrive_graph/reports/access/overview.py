"""Reads the overview of the access report: the snapshot, the population and the number of findings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from pipedrive_graph.common.text import counted
from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.landing import Manifest
from pipedrive_graph.reports.access.source import Source
from pipedrive_graph.reports.access.words import delta

LONGEST = 90
"""The most snapshots in the trend line."""

_WIDTH, _HEIGHT, _EDGE = 240, 56, 5


@dataclass(frozen=True, slots=True)
class Population:
    """The size of the company, and how much of it is observed.

    The permissions of `answered` users were read in this snapshot, those of `earlier` users in an earlier
    one, those of `inferred` users follow from others with the same access, and those of `unknown` users are
    not known.
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
        """Return a number as a share of all users, 0 to 1."""
        return part / self.users if self.users else 0.0


@dataclass(frozen=True, slots=True)
class Count:
    """The findings of a severity, compared with the earlier snapshot.

    `delta` is the change of the number of open findings; empty if nothing is known to compare with.
    """

    severity: str
    open: int
    waived: int
    delta: str
    opened: int
    resolved: int


@dataclass(frozen=True, slots=True)
class Trend:
    """The open findings after each snapshot, as the points of a line."""

    points: str
    first_x: float
    last_x: float
    last_y: float
    first: int
    last: int
    highest: int
    since: datetime
    snapshots: int
    floor: int = _HEIGHT - _EDGE
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True, slots=True)
class Overview:
    """The overview of the report."""

    population: Population
    counts: tuple[Count, ...]
    delta: str
    resolved_reasons: tuple[tuple[str, int], ...]
    trend: Trend | None
    missing: tuple[str, ...]

    @property
    def open(self) -> int:
        """The number of open findings."""
        return sum(count.open for count in self.counts)

    @property
    def waived(self) -> int:
        """The number of waived findings."""
        return sum(count.waived for count in self.counts)

    @property
    def opened(self) -> int:
        """The number of findings opened since the compared snapshot."""
        return sum(count.opened for count in self.counts)

    @property
    def resolved(self) -> int:
        """The number of findings resolved since the compared snapshot."""
        return sum(count.resolved for count in self.counts)


def overview(source: Source, manifest: Manifest | None) -> Overview:
    """Read the overview.

    Args:
        source: the published file.
        manifest: the snapshot's manifest, which lists unanswered requests; None without a landing.
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
    """Return the findings by severity, and how many were open before, if known."""
    base = source.base
    numbers = {
        row[0]: row[1:]
        for row in source.rows(
            "SELECT severity, open, waived, opened, resolved FROM finding_totals($company, $base)",
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
        now_open, waived, opened, resolved = numbers.get(severity, (0, 0, 0, 0))
        moved = delta(now_open, before.get(severity))
        counts.append(Count(severity, now_open, waived, moved, opened, resolved))
    return counts, sum(before.values()) if before else None


def _trend(source: Source) -> Trend | None:
    """Return the line of open findings; None with fewer than two snapshots."""
    totals = source.rows(
        "SELECT started_at, findings FROM open_findings($company) ORDER BY position, started_at"
    )[-LONGEST:]
    if len(totals) < 2:
        return None
    begin, span = totals[0][0], (totals[-1][0] - totals[0][0]).total_seconds() or 1.0
    highest = max(count for _, count in totals)
    points = [
        (
            round(_EDGE + (_WIDTH - 2 * _EDGE) * (at - begin).total_seconds() / span, 1),
            round(_HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * count / (highest or 1), 1),
        )
        for at, count in totals
    ]
    return Trend(
        " ".join(f"{x},{y}" for x, y in points),
        points[0][0],
        *points[-1],
        first=totals[0][1],
        last=totals[-1][1],
        highest=highest,
        since=begin,
        snapshots=len(totals),
    )


def _missing(manifest: Manifest | None) -> tuple[str, ...]:
    """Return the unanswered requests, one phrase per endpoint."""
    if manifest is None:
        return ()
    phrases = []
    for endpoint, calls in sorted(manifest.coverage.items()):
        parts = [
            f"{number:,} {what}"
            for what, number in (("refused", calls.refused), ("failed", calls.failed))
            if number
        ]
        if parts:
            phrases.append(f"{endpoint}: {' and '.join(parts)} of {counted(calls.asked, 'call')}")
    return tuple(phrases)
