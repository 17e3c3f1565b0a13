"""Sends what is due about one company, channel by channel, and records what was sent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipedrive_graph.alerts import due
from pipedrive_graph.alerts.channels import RetryPolicy, deliver
from pipedrive_graph.alerts.message import Message, Note
from pipedrive_graph.alerts.state import ChannelState, State
from pipedrive_graph.common import clock
from pipedrive_graph.config.alert_channels import Alerts, Channel, Event
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import AlertError, LandingError, NoSpaceError, WarehouseError
from pipedrive_graph.landing import Landing

REPORTS = ("access_report.html", "findings.csv")
"""An alert links to the first of these files that exists in the company's report folder."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one channel.

    Attributes:
        channel: its name; empty if the outcome is not about a single channel.
        message: the delivered message; None if nothing was due, or the delivery failed.
        reply: the receiver's reply, in words.
        problem: one sentence, if something went wrong.
    """

    channel: str
    message: Message | None = None
    reply: str | None = None
    problem: str | None = None


def report_of(home: Home, alerts: Alerts, company: str) -> str:
    """The place of a company's report: the address if one is configured, else the path."""
    address = alerts.address(company)
    if address:
        return address
    folder: Path = home.reports / company
    with suppress(PermissionError):  # an unreadable report does not prevent the alert
        return str(next((folder / name for name in REPORTS if (folder / name).exists()), folder))
    return str(folder)


class Sender:
    """Sends alerts about one company in its published state."""

    def __init__(
        self,
        home: Home,
        company: str,
        alerts: Alerts,
        state: State,
        outcomes: list[Outcome],
        note: Note | None = None,
    ) -> None:
        self._company, self._alerts, self._state = company, alerts, state
        self._report = report_of(home, alerts, company)
        self._now = clock.now()
        self._notes = [note] if note else []
        self._published: due.Published | None = None
        self._datable = True
        latest: due.Latest | None = None
        try:
            self._published = due.read_published(home.published, company)
            latest = self._published.latest if self._published else None
        except (WarehouseError, NoSpaceError) as error:
            # other alerts are sent all the same
            outcomes.append(Outcome("", problem=f"No alert about findings could be sent: {error}"))
            latest = self._latest_of_landing(home)
        self._latest = latest

    def _latest_of_landing(self, home: Home) -> due.Latest | None:
        """The latest snapshot in the landing; if the landing is damaged too, a note about that is due."""
        try:
            newest = Landing(home.storage).of(self._company).latest(accepted=True)
        except LandingError as error:
            self._datable = False
            self._notes.append(due.damaged(self._company, [str(error)], now=self._now))
            return None
        return due.Latest(newest.snapshot_id, newest.finished_at) if newest else None

    def due(self, channel: Channel) -> due.Due | None:
        """What is due on a channel now; None if nothing is."""
        state = self._state.of(channel.name)
        waiting = {note.key for note in state.waiting}  # of a run that failed for the same reason
        notes = [note for note in self._notes if note.key not in waiting]
        if self._datable:
            notes += due.not_run(
                self._company, self._latest, state, self._alerts, since=self._state.since, now=self._now
            )
        if self._published:
            notes += due.partial(self._company, self._published)
            notes += due.broken(self._company, self._published)
        return due.compose(
            self._company,
            channel,
            state,
            notes,
            self._published,
            report=self._report,
            now=self._now,
        )

    def send(self, channel: Channel, policy: RetryPolicy | None) -> Outcome:
        """Send a channel what is due, and record what was sent."""
        state, due_now = self._state.of(channel.name), self.due(channel)
        state.forget(self._now)
        self._forget_resolved(state)
        self._forget_repaired(state)
        if due_now is None:
            return Outcome(channel.name)
        message = due_now.message
        lasting = [note for note in message.notes if note.kind in {Event.PARTIAL, Event.FAILED}]
        try:
            reply = deliver(channel, message, policy)
        except AlertError as error:
            for note in lasting:
                state.keep(note, self._now)
            sentence = f"The alert over '{channel.name}' was not delivered: {error}"
            return Outcome(channel.name, problem=f"{sentence} The next run tries again.")
        state.waiting = []
        state.sent |= {note.key: self._now for note in message.notes if note.kind != "first"}
        state.findings |= due_now.findings
        state.met = state.met or (self._published is not None and Event.NEW_FINDINGS in channel.on)
        return Outcome(channel.name, message, reply)

    def report_failures(
        self, channel: Channel, outcomes: list[Outcome], policy: RetryPolicy | None
    ) -> list[Outcome]:
        """Send a channel notes about failed deliveries over others; returns the outcome if that fails too."""
        failed = {outcome.channel: outcome.problem for outcome in outcomes if outcome.channel}
        if failed.get(channel.name) or Event.FAILED not in channel.on:
            return []
        for name, problem in failed.items():
            if problem:
                self._state.of(channel.name).keep(due.undelivered(name, problem, now=self._now), self._now)
        outcome = self.send(channel, policy) if any(failed.values()) else None
        return [outcome] if outcome and outcome.problem else []

    def _forget_resolved(self, state: ChannelState) -> None:
        """Forget findings that are not open: they are sent again when they are reopened."""
        if self._published:
            open_ = {listed.values["finding_id"] for listed in self._published.findings}
            state.findings = {name: known for name, known in state.findings.items() if name in open_}

    def _forget_repaired(self, state: ChannelState) -> None:
        """Forget broken rules that run again: they are reported again when they break again."""
        if self._published:
            lasting = {note.key for note in due.broken(self._company, self._published)}
            state.sent = {
                key: at for key, at in state.sent.items() if key in lasting or not key.startswith(due.BROKEN)
            }
