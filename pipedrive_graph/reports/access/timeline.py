"""Reads when admins and dormant accounts were created and last used, as lines on a time scale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipedrive_graph.reports.access.source import Source

WIDTH = 400
"""Width of the drawing, in SVG units."""

_EDGE = 4
_YEARS = 8


@dataclass(frozen=True, slots=True)
class Line:
    """An account in the timeline.

    `kinds` says why it is listed: an admin, a deactivated admin, dormant, or never logged in. The positions
    are those of its creation and last login in the drawing; None if these are unknown.
    """

    user_id: int
    label: str
    kinds: tuple[str, ...]
    live: bool | None
    created: datetime | None
    last_login: datetime | None
    login_known: bool | None
    days: int | None
    created_x: float | None
    login_x: float | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The accounts, longest unused first, and the scale: labelled years, the snapshot, and the threshold."""

    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    now_x: float
    dormant_x: float | None
    dormant_days: int | None
    width: int = WIDTH


def timeline(source: Source) -> Timeline:
    """Read the timeline."""
    accounts = source.rows(
        """
        SELECT user_id, label, kinds, live, created, last_login, login_known
        FROM timeline_users($company)
        ORDER BY coalesce(last_login, created), label, user_id"""
    )
    days = source.rows("SELECT dormant_user_days FROM rule_thresholds WHERE company = $company")
    threshold = days[0][0] if days else None
    now = source.now.at
    begin = min(
        (at for row in accounts for at in row[4:6] if at is not None and at < now),
        default=now - timedelta(365),
    )
    span = (now - begin).total_seconds() or 1.0

    def x(at: datetime | None) -> float | None:
        if at is None:
            return None
        part = min(max((at - begin).total_seconds() / span, 0.0), 1.0)
        return round(_EDGE + (WIDTH - 2 * _EDGE) * part, 1)

    lines = [
        Line(
            user_id, label, tuple(kinds), live, created, login, known,
            max((now - login).days, 0) if login else None, x(created), x(login),
        )
        for user_id, label, kinds, live, created, login, known in accounts
    ]  # fmt: skip
    years = range(begin.year + 1, now.year + 1)
    step = max(1, -(-len(years) // _YEARS))
    ticks = [(x(datetime(year, 1, 1)) or 0.0, str(year)) for year in years[::step]]  # noqa: DTZ001 - UTC, like all times
    dormant = now - timedelta(days=threshold) if threshold is not None else None
    return Timeline(
        tuple(lines),
        tuple(ticks),
        x(now) or 0.0,
        x(dormant) if dormant and dormant > begin else None,
        threshold,
    )
