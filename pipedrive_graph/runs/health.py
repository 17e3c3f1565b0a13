"""Evaluates the health of a company from local files, for `status` and the metrics.

It opens no database and sends no requests, so it is fast, and also works during a run or with a damaged
warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipedrive_graph.alerts import state
from pipedrive_graph.common import clock
from pipedrive_graph.common.text import counted
from pipedrive_graph.config.alert_channels import Alerts
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import AlertError, BudgetError, LandingError
from pipedrive_graph.landing import Landing, Manifest
from pipedrive_graph.runs import record
from pipedrive_graph.runs.record import Record
from pipedrive_graph.runs.recording import is_under_way


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a company.

    Attributes:
        company: its name in the settings.
        record: the record of its runs.
        newest: its newest accepted snapshot.
        is_running: whether a run is under way.
        problems: one sentence per problem.
        notes: one sentence per fact that is worth knowing but not a problem.
        now: the time of the evaluation.
    """

    company: str
    record: Record
    newest: Manifest | None
    is_running: bool
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    now: datetime

    @property
    def exit_code(self) -> int:
        """1 if there are problems, else 0."""
        return 1 if self.problems else 0

    @property
    def finished_at(self) -> datetime | None:
        """When the published snapshot was read; if no run is recorded yet, that of the newest snapshot."""
        if self.record.published:
            return self.record.published.finished_at
        return self.newest.finished_at if self.newest and not self.record.last else None

    @property
    def unpublished(self) -> str | None:
        """The newest accepted snapshot, if it is not the published one."""
        published = self.record.published
        if self.newest is None or (published is None and self.record.last is None):
            return None
        return (
            None
            if published and published.snapshot_id == self.newest.snapshot_id
            else self.newest.snapshot_id
        )

    def as_json(self) -> dict[str, Any]:
        """The object that `status --json` prints."""
        last, running, published = self.record.last, self.record.running, self.record.published
        age = self.now - self.finished_at if self.finished_at else None
        return {
            "company": self.company,
            "at": clock.iso(self.now),
            "exit_code": self.exit_code,
            "problems": [*self.problems],
            "notes": [*self.notes],
            "running_since": clock.iso(running.started_at) if self.is_running and running else None,
            "last_run": {
                "run": last.run_id,
                "started_at": clock.iso(last.started_at),
                "ended_at": clock.iso(last.ended_at),
                "exit_code": last.exit_code,
                "status": last.status,
                "snapshot_id": last.snapshot_id,
                "error": last.error,
                "requests": last.requests,
                "throttled": last.throttled,
                "seconds": last.seconds,
                "version": last.version,
                "alerts_not_sent": [*last.alerts_not_sent],
            }
            if last
            else None,
            "last_success_at": clock.iso(self.record.succeeded_at) if self.record.succeeded_at else None,
            "published_snapshot": published.snapshot_id if published else None,
            "published_at": clock.iso(self.finished_at) if self.finished_at else None,
            "age_hours": round(age / timedelta(hours=1), 2) if age is not None else None,
            "unpublished_snapshot": self.unpublished,
            "findings": published.findings if published else None,
        }


def health(home: Home, company: str, alerts: Alerts, *, max_age: timedelta | None = None) -> Health:
    """Evaluate the health of a company.

    Args:
        home: the home folder.
        company: its name in the settings.
        alerts: the alerts that alerts.toml configures.
        max_age: the age at which the newest published snapshot is too old; by default, `expected_every`.
    """
    now, problems, notes = clock.now(), list[str](), list[str]()
    try:
        runs = record.read(home, company)
    except LandingError as error:
        runs = Record(company=company)
        problems.append(str(error))
    newest = None
    try:
        newest = Landing(home.storage).of(company).latest(accepted=True)
    except LandingError as error:
        problems.append(str(error))
    facts = Health(company, runs, newest, is_under_way(home, company), (), (), now)
    problems += [
        *_of_runs(facts, notes),
        *_of_age(facts, max_age or alerts.expected_every),
        *_of_alerts(home, facts, alerts),
    ]
    if facts.unpublished:
        notes.append(f"Snapshot {facts.unpublished} is read but not published; the next sync publishes it.")
    return Health(company, runs, newest, facts.is_running, tuple(problems), tuple(notes), now)


def _of_runs(health: Health, notes: list[str]) -> list[str]:
    """The problems of the last run; facts that are not problems are added to the notes."""
    running, last = health.record.running, health.record.last
    if running and not health.is_running:
        return [
            f"The run that began at {running.started_at:%Y-%m-%d %H:%M} UTC did not end: its process is gone."
        ]
    if running:
        notes.append(f"A run is under way since {running.started_at:%Y-%m-%d %H:%M} UTC.")
    if last is None or last.exit_code == 0:
        return []
    if last.error and last.exit_code != BudgetError.exit_code:
        return [
            f"The run that ended at {last.ended_at:%Y-%m-%d %H:%M} UTC failed with code {last.exit_code}:"
            f" {last.error}"
        ]
    if last.error or last.status == "partial":
        notes.append(last.error or f"The snapshot {last.snapshot_id} is partial.")
    elif not last.alerts_not_sent:
        notes.append("A rule could not be run.")
    return []


def _of_age(health: Health, max_age: timedelta) -> list[str]:
    finished_at = health.finished_at
    if finished_at is None:
        if health.is_running and health.record.last is None:
            return []  # the first run
        return ["Nothing is published yet."]
    if health.now - finished_at <= max_age:
        return []
    hours = max_age / timedelta(hours=1)
    return [
        f"The published data was collected at {finished_at:%Y-%m-%d %H:%M} UTC, more than"
        f" {counted(round(hours), 'hour') if hours >= 1 else f'{hours:g} hours'} ago."
    ]


def _of_alerts(home: Home, health: Health, alerts: Alerts) -> list[str]:
    """A sentence about an alert that could not be sent, in the last run or earlier."""
    last = health.record.last
    if last and last.alerts_not_sent:
        return [last.alerts_not_sent[0]]
    channels = {channel.name for channel in alerts.of(health.company)}
    try:
        waiting = [
            note.short
            for name, memory in state.read(home, health.company).channels.items()
            for note in memory.waiting
            if name in channels
        ]
    except AlertError as error:
        return [str(error)]
    return [f"An alert could not be sent: {waiting[0]}."] if waiting else []
