"""Works out what a channel is to be told of a company now: from the published file, and what it was told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipedrive_graph.alerts.message import SHOWN, Message, Note, Told
from pipedrive_graph.alerts.state import Known, Memory
from pipedrive_graph.config.alert_channels import Alerts, Channel, Event
from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.published.connection import reading
from pipedrive_graph.published.findings import Filter, Listed, grouped, listing

FAILED = "failed:"
"""How the keys of failed nights begin."""
BROKEN = "broken:"
"""How the keys of rules that could not be run begin."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest accepted snapshot: its id, and when its last answer was in; aware, UTC."""

    snapshot_id: str
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Published:
    """What the published file says of a company.

    Attributes:
        snapshot_id, status, reason: of the latest accepted snapshot.
        finished_at: when that snapshot's last answer was in; aware, UTC.
        snapshots: how many were accepted, with it.
        findings: the open ones, worst first.
        broken: why a rule could not be run, by its name.
    """

    snapshot_id: str
    status: str
    reason: str | None
    finished_at: datetime
    snapshots: int
    findings: list[Listed]
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def latest(self) -> Latest:
        """The latest accepted snapshot."""
        return Latest(self.snapshot_id, self.finished_at)


@dataclass(frozen=True, slots=True)
class Due:
    """A message for a channel, and what the channel will have been told of by it."""

    message: Message
    findings: dict[str, Known]


def look(published: Path, company: str) -> Published | None:
    """Read what is published of a company; None where nothing is.

    Raises:
        WarehouseError: if the file cannot be read, or was published by another version.
    """
    if not published.exists():
        return None
    with reading(published) as connection:
        rows = connection.execute(
            """
            SELECT
                snapshot_id, status, reason, finished_at,
                (SELECT count(*) FROM snapshots WHERE company = $company AND status <> 'rejected')
            FROM snapshots
            SEMI JOIN current_snapshot USING (company, snapshot_id)
            WHERE company = $company""",
            {"company": company},
        ).fetchall()
        broken = connection.execute(
            "SELECT rule, coalesce(reason, '') FROM rule_runs"
            " WHERE company = ? AND outcome = 'broken' ORDER BY rule",
            [company],
        ).fetchall()
    open_ = listing(published, ("open",), Filter(companies=(company,))).findings
    if not rows:
        return None
    ((snapshot_id, status, reason, finished_at, number),) = rows
    return Published(
        snapshot_id, status, reason, finished_at.replace(tzinfo=UTC), number, open_, dict(broken)
    )


def compose(
    company: str,
    channel: Channel,
    memory: Memory,
    notes: Iterable[Note],
    published: Published | None,
    *,
    report: str,
    now: datetime,
) -> Due | None:
    """Put together what a channel is to be told; None where there is nothing.

    Args:
        company: its name in the settings.
        channel: who is told.
        memory: what the channel was told before.
        notes: what there is to say about the night.
        published: what is published, where that could be read.
        report: where the report is.
        now: the message's time.
    """
    waiting = {one.key: one.note for one in memory.waiting if one.kind in channel.on}
    fresh = {note.key: note for note in notes if note.kind in channel.on}
    told = [note for key, note in (waiting | fresh).items() if key not in memory.told]
    found: dict[str, Told] = {}
    if published and Event.NEW_FINDINGS in channel.on:
        found = _found(channel, memory, published.findings)
        if not memory.met:
            told.insert(0, _first(company, channel, published, any_=bool(found)))
    if not told and not found:
        return None
    counts = {
        name: sum(one.severity == name for one in found.values())
        for name in SEVERITIES
        if name in channel.severities
    }
    message = Message(
        company,
        now,
        tuple(told),
        counts if published and Event.NEW_FINDINGS in channel.on else {},
        _shown(published.findings, found) if published and channel.details else (),
        report,
        tuple(sorted(f"{one.finding_id} {one.opened_at} {one.severity}" for one in found.values())),
    )
    return Due(
        message,
        {one.finding_id: Known(opened_at=one.opened_at, severity=one.severity) for one in found.values()},
    )


def partial(company: str, published: Published) -> list[Note]:
    """What is to be said where the latest snapshot has not everything."""
    if published.status != "partial":
        return []
    text = f"The snapshot {published.snapshot_id} of {company} is partial. {published.reason or ''}".strip()
    return [
        Note(
            Event.PARTIAL,
            f"partial:{published.snapshot_id}",
            "the night is partial",
            f"{text} What is missing stays as last known.",
        )
    ]


def broken(company: str, published: Published) -> list[Note]:
    """What to say about rules that could not be run: once for each, as long as the reason is the same."""
    return [
        Note(
            Event.PARTIAL,
            f"{BROKEN}{rule}:{hashlib.sha256(reason.encode()).hexdigest()[:16]}",
            f"the rule {rule} could not be run",
            f"The rule {rule} could not be run for {company}: {reason} What it found before stays as it was,"
            " and it finds nothing new.",
        )
        for rule, reason in published.broken.items()
    ]


def not_run(
    company: str,
    snapshot: Latest | None,
    memory: Memory,
    alerts: Alerts,
    *,
    since: datetime,
    now: datetime,
) -> list[Note]:
    """What is to be said where the latest snapshot is too old: once, and again for each further day.

    A night of which was told that it failed did run.
    """
    latest = snapshot.finished_at if snapshot else since
    late = now - latest - alerts.expected_every
    waiting = (one.since for one in memory.waiting if one.key.startswith(FAILED))
    failed = (at for key, at in memory.told.items() if key.startswith(FAILED))
    if late <= timedelta(0) or any(now - at < alerts.expected_every for at in (*waiting, *failed)):
        return []
    hours = alerts.expected_every.total_seconds() / 3600
    text = (
        f"No accepted snapshot of {company} since {latest:%Y-%m-%d %H:%M} UTC"
        if snapshot
        else f"There is no accepted snapshot of {company} yet"
    )
    return [
        Note(
            Event.NOT_RUN,
            f"not_run:{snapshot.snapshot_id if snapshot else ''}:{late.days}",
            "the night did not run",
            f"{text}; one is expected every {hours:g} hours. Look whether the schedule runs, and at its log.",
        )
    ]


def undelivered(channel: str, problem: str, *, now: datetime) -> Note:
    """What to say over the other channels where one has failed: once a day."""
    return Note(
        Event.FAILED,
        f"undelivered:{channel}:{now:%Y-%m-%d}",
        f"an alert over '{channel}' could not be sent",
        problem,
    )


def damaged(company: str, texts: Sequence[str], *, now: datetime) -> Note:
    """What to say where `verify` has found damage: once a day."""
    more = f" And {len(texts) - 1} more; `pipedrive-graph verify` lists them." if len(texts) > 1 else ""
    return Note(
        Event.FAILED,
        f"damaged:{now:%Y-%m-%d}",
        "something is damaged",
        f"What is kept of {company} is not as it was written: {texts[0]}{more}",
    )


def misconfigured(company: str, problem: Exception, *, now: datetime) -> Note:
    """What to say where a configuration file cannot be used: once a day, as of a failed night."""
    return Note(
        Event.FAILED,
        f"{FAILED}{now:%Y-%m-%d}:{type(problem).__name__}",
        "the configuration cannot be used",
        f"No night of {company} can run: {problem} Until that is corrected, no findings are sent.",
    )


def _first(company: str, channel: Channel, published: Published, *, any_: bool) -> Note:
    severities = " or ".join(channel.severities)
    if published.snapshots == 1:
        short, text = "the first snapshot", f"This is the first snapshot of {company}."
    else:
        short, text = "the first alert", f"This is the first alert about {company} over this channel."
    rest = (
        "It counts all that is open; from now on, only what is new is told."
        if any_
        else f"Nothing {severities} is open; from now on, what is new is told."
    )
    return Note("first", "first", short, f"{text} {rest}")


def _found(channel: Channel, memory: Memory, findings: list[Listed]) -> dict[str, Told]:
    """The open findings that the channel was not told of, by id."""
    found = {}
    for listed in findings:
        values = listed.values
        if values["severity"] not in channel.severities:
            continue
        news = _news(values, memory.findings.get(values["finding_id"]))
        if news:
            found[values["finding_id"]] = _told(values, news)
    return found


def _news(values: dict[str, Any], known: Known | None) -> str | None:
    if known is None or known.opened_at != opened_at(values):
        return "reopened" if values["reopened"] else "new"
    worse = SEVERITIES.index(values["severity"]) < SEVERITIES.index(known.severity)
    return "worse" if worse else None


def _told(values: dict[str, Any], news: str, also: Iterable[str] = ()) -> Told:
    return Told(
        finding_id=values["finding_id"],
        severity=values["severity"],
        rule=values["rule"],
        title=values["title"],
        subject_kind=values["subject_kind"],
        subject_id=values["subject_id"],
        object=values["object"],
        opened_at=opened_at(values),
        news=news,
        also=tuple(also),
    )


def _shown(findings: list[Listed], found: dict[str, Told]) -> tuple[Told, ...]:
    """The worst of those that are told, those about the same thing as one."""
    groups = grouped(listed for listed in findings if listed.values["finding_id"] in found)
    return tuple(
        _told(
            group.lead.values,
            found[group.lead.values["finding_id"]].news,
            [other.values["rule"] for other in group.also],
        )
        for group in groups[:SHOWN]
    )


def opened_at(values: dict[str, Any]) -> str:
    """When a finding became open, as the state of the alerts has it."""
    return f"{values['opened_at'].isoformat()}Z"
