"""Composes the next message of a channel from the published file and from what was already sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipedrive_graph.alerts.message import SHOWN, AlertedFinding, Message, Note
from pipedrive_graph.alerts.state import ChannelState, SentFinding
from pipedrive_graph.config.alert_channels import Alerts, Channel, Event
from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.published.connection import reading
from pipedrive_graph.published.findings import Filter, Listed, grouped, listing

FAILED = "failed:"
"""The prefix of the keys of failed runs."""
BROKEN = "broken:"
"""The prefix of the keys of rules that could not be run."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest accepted snapshot: its id, and the time of its last response (UTC, timezone-aware)."""

    snapshot_id: str
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Published:
    """What alerts need from the published file about one company.

    Attributes:
        snapshot_id, status, reason: of the latest accepted snapshot.
        finished_at: the time of that snapshot's last response (UTC, timezone-aware).
        snapshots: the number of accepted snapshots.
        findings: the open findings, worst first.
        broken: the rules that could not be run, with the reason of each.
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
    """A message for a channel, and the findings to remember as sent once it is delivered."""

    message: Message
    findings: dict[str, SentFinding]


def read_published(published: Path, company: str) -> Published | None:
    """Read what is published about a company; None if nothing is.

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
    state: ChannelState,
    notes: Iterable[Note],
    published: Published | None,
    *,
    report: str,
    now: datetime,
) -> Due | None:
    """Compose the next message for a channel; None if nothing is due.

    Args:
        company: its name in the settings.
        channel: the channel.
        state: what was sent over the channel before.
        notes: events of the run, such as a failure.
        published: what is published, if it could be read.
        report: the address or path of the report.
        now: the message's time.
    """
    waiting = {note.key: note.note for note in state.waiting if note.kind in channel.on}
    fresh = {note.key: note for note in notes if note.kind in channel.on}
    unsent = [note for key, note in (waiting | fresh).items() if key not in state.sent]
    findings: dict[str, AlertedFinding] = {}
    if published and Event.NEW_FINDINGS in channel.on:
        findings = _unsent_findings(channel, state, published.findings)
        if not state.met:
            unsent.insert(0, _first(company, channel, published, any_=bool(findings)))
    if not unsent and not findings:
        return None
    counts = {
        name: sum(finding.severity == name for finding in findings.values())
        for name in SEVERITIES
        if name in channel.severities
    }
    message = Message(
        company,
        now,
        tuple(unsent),
        counts if published and Event.NEW_FINDINGS in channel.on else {},
        _shown(published.findings, findings) if published and channel.details else (),
        report,
        tuple(
            sorted(
                f"{finding.finding_id} {finding.opened_at} {finding.severity}"
                for finding in findings.values()
            )
        ),
    )
    sent = {
        finding_id: SentFinding(opened_at=finding.opened_at, severity=finding.severity)
        for finding_id, finding in findings.items()
    }
    return Due(message, sent)


def partial(company: str, published: Published) -> list[Note]:
    """The note about the latest snapshot if it is partial."""
    if published.status != "partial":
        return []
    text = f"The snapshot {published.snapshot_id} of {company} is partial. {published.reason or ''}".strip()
    return [
        Note(
            Event.PARTIAL,
            f"partial:{published.snapshot_id}",
            "the run is partial",
            f"{text} What is missing stays as last known.",
        )
    ]


def broken(company: str, published: Published) -> list[Note]:
    """Notes about rules that could not be run: one per rule for as long as the reason is the same."""
    return [
        Note(
            Event.PARTIAL,
            f"{BROKEN}{rule}:{hashlib.sha256(reason.encode()).hexdigest()[:16]}",
            f"the rule {rule} could not be run",
            f"The rule {rule} could not be run for {company}: {reason} Its findings stay as they were, and it"
            " finds nothing new.",
        )
        for rule, reason in published.broken.items()
    ]


def not_run(
    company: str,
    snapshot: Latest | None,
    state: ChannelState,
    alerts: Alerts,
    *,
    since: datetime,
    now: datetime,
) -> list[Note]:
    """The note about a latest snapshot that is too old: one at first, and one for each further day.

    There is none if a failure was reported in that time: then the run was started, and failed.
    """
    latest = snapshot.finished_at if snapshot else since
    late = now - latest - alerts.expected_every
    waiting = (note.since for note in state.waiting if note.key.startswith(FAILED))
    failed = (at for key, at in state.sent.items() if key.startswith(FAILED))
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
            "the run did not take place",
            f"{text}; one is expected every {hours:g} hours. Check that the schedule runs, and read its log.",
        )
    ]


def undelivered(channel: str, problem: str, *, now: datetime) -> Note:
    """The note that the other channels get when a channel has failed: one per day."""
    return Note(
        Event.FAILED,
        f"undelivered:{channel}:{now:%Y-%m-%d}",
        f"an alert over '{channel}' could not be sent",
        problem,
    )


def damaged(company: str, texts: Sequence[str], *, now: datetime) -> Note:
    """The note about damage that `verify` has found: one per day."""
    more = f" And {len(texts) - 1} more; `pipedrive-graph verify` lists them." if len(texts) > 1 else ""
    return Note(
        Event.FAILED,
        f"damaged:{now:%Y-%m-%d}",
        "something is damaged",
        f"Files of {company} are not as they were written: {texts[0]}{more}",
    )


def misconfigured(company: str, problem: Exception, *, now: datetime) -> Note:
    """The note about a configuration file that cannot be used: one per day, like that of a failed run."""
    return Note(
        Event.FAILED,
        f"{FAILED}{now:%Y-%m-%d}:{type(problem).__name__}",
        "the configuration cannot be used",
        f"No run of {company} can start: {problem} Until that is corrected, no findings are sent.",
    )


def _first(company: str, channel: Channel, published: Published, *, any_: bool) -> Note:
    severities = " or ".join(channel.severities)
    if published.snapshots == 1:
        short, text = "the first snapshot", f"This is the first snapshot of {company}."
    else:
        short, text = "the first alert", f"This is the first alert about {company} over this channel."
    rest = (
        "It counts all open findings; later alerts only cover new ones."
        if any_
        else f"No {severities} finding is open; later alerts cover new ones."
    )
    return Note("first", "first", short, f"{text} {rest}")


def _unsent_findings(
    channel: Channel, state: ChannelState, findings: list[Listed]
) -> dict[str, AlertedFinding]:
    """The open findings that were not sent over the channel yet, by id."""
    unsent = {}
    for listed in findings:
        values = listed.values
        if values["severity"] not in channel.severities:
            continue
        news = _news(values, state.findings.get(values["finding_id"]))
        if news:
            unsent[values["finding_id"]] = _alerted(values, news)
    return unsent


def _news(values: dict[str, Any], known: SentFinding | None) -> str | None:
    if known is None or known.opened_at != opened_at(values):
        return "reopened" if values["reopened"] else "new"
    worse = SEVERITIES.index(values["severity"]) < SEVERITIES.index(known.severity)
    return "worse" if worse else None


def _alerted(values: dict[str, Any], news: str, also: Iterable[str] = ()) -> AlertedFinding:
    return AlertedFinding(
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


def _shown(findings: list[Listed], unsent: dict[str, AlertedFinding]) -> tuple[AlertedFinding, ...]:
    """The worst of the unsent findings; findings about the same thing are shown as one."""
    groups = grouped(listed for listed in findings if listed.values["finding_id"] in unsent)
    return tuple(
        _alerted(
            group.lead.values,
            unsent[group.lead.values["finding_id"]].news,
            [other.values["rule"] for other in group.also],
        )
        for group in groups[:SHOWN]
    )


def opened_at(values: dict[str, Any]) -> str:
    """When a finding was opened, in the format of the alert state."""
    return f"{values['opened_at'].isoformat()}Z"
