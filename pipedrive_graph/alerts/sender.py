"""Sends what is due about one company over one channel after the other, and notes what was sent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipedrive_graph.alerts import due
from pipedrive_graph.alerts.channels import Patience, deliver
from pipedrive_graph.alerts.message import Message, Note
from pipedrive_graph.alerts.state import Memory, State
from pipedrive_graph.common import clock
from pipedrive_graph.config.alert_channels import Alerts, Channel, Event
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import AlertError, LandingError, NoSpaceError, WarehouseError
from pipedrive_graph.landing import Landing

REPORTS = ("access_report.html", "findings.csv")
"""What an alert leads to: the first of these that is there, in the folder of the company's reports."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one channel.

    Attributes:
        channel: its name; empty where it concerns none of them alone.
        message: what it was told; None where there was nothing to tell, or it could not be delivered.
        said: what came back.
        problem: a sentence, where something went wrong.
    """

    channel: str
    message: Message | None = None
    said: str | None = None
    problem: str | None = None


def report_of(settings: Settings, alerts: Alerts, company: str) -> str:
    """Where a company's report is: an address, if one is set, or a path."""
    address = alerts.address(company)
    if address:
        return address
    folder: Path = settings.reports / company
    with suppress(PermissionError):  # a report that this user may not see is no reason to send nothing
        return str(next((folder / name for name in REPORTS if (folder / name).exists()), folder))
    return str(folder)


class Sender:
    """Tells channels about one company, as it is published now."""

    def __init__(
        self,
        settings: Settings,
        company: str,
        alerts: Alerts,
        kept: State,
        outcomes: list[Outcome],
        note: Note | None = None,
    ) -> None:
        self._company, self._alerts, self._kept = company, alerts, kept
        self._report = report_of(settings, alerts, company)
        self._now = clock.now()
        self._notes = [note] if note else []
        self._published: due.Published | None = None
        self._datable = True
        latest: due.Latest | None = None
        try:
            self._published = due.look(settings.published, company)
            latest = self._published.latest if self._published else None
        except (WarehouseError, NoSpaceError) as error:
            # whatever else is to be told does not wait for that
            outcomes.append(Outcome("", problem=f"No alert about findings could be sent: {error}"))
            latest = self._of_landing(settings)
        self._latest = latest

    def _of_landing(self, settings: Settings) -> due.Latest | None:
        """The latest snapshot by the landing; where that is damaged too, that is what there is to say."""
        try:
            newest = Landing(settings.storage).of(self._company).latest(accepted=True)
        except LandingError as error:
            self._datable = False
            self._notes.append(due.damaged(self._company, [str(error)], now=self._now))
            return None
        return due.Latest(newest.snapshot_id, newest.finished_at) if newest else None

    def due(self, channel: Channel) -> due.Due | None:
        """What a channel is to get now; None where there is nothing."""
        memory = self._kept.of(channel.name)
        waiting = {one.key for one in memory.waiting}  # of a night that has failed for the same reason
        notes = [note for note in self._notes if note.key not in waiting]
        if self._datable:
            notes += due.not_run(
                self._company, self._latest, memory, self._alerts, since=self._kept.since, now=self._now
            )
        if self._published:
            notes += due.partial(self._company, self._published)
            notes += due.broken(self._company, self._published)
        return due.compose(
            self._company,
            channel,
            memory,
            notes,
            self._published,
            report=self._report,
            now=self._now,
        )

    def tell(self, channel: Channel, patience: Patience | None) -> Outcome:
        """Send a channel what is due, and note what was sent."""
        memory, told = self._kept.of(channel.name), self.due(channel)
        memory.forget(self._now)
        self._forget_resolved(memory)
        self._forget_repaired(memory)
        if told is None:
            return Outcome(channel.name)
        lasting = [note for note in told.message.notes if note.kind in {Event.PARTIAL, Event.FAILED}]
        try:
            said = deliver(channel, told.message, patience)
        except AlertError as error:
            for note in lasting:
                memory.wait(note, self._now)
            sentence = f"The alert over '{channel.name}' was not delivered: {error}"
            return Outcome(channel.name, problem=f"{sentence} It is tried again by the next run.")
        memory.waiting = []
        memory.told |= {note.key: self._now for note in told.message.notes if note.kind != "first"}
        memory.findings |= told.findings
        memory.met = memory.met or (self._published is not None and Event.NEW_FINDINGS in channel.on)
        return Outcome(channel.name, told.message, said)

    def inform(self, channel: Channel, outcomes: list[Outcome], patience: Patience | None) -> list[Outcome]:
        """Say over a channel that others have failed, unless it knows; returns what went wrong with that."""
        failed = {outcome.channel: outcome.problem for outcome in outcomes if outcome.channel}
        if failed.get(channel.name) or Event.FAILED not in channel.on:
            return []
        for name, problem in failed.items():
            if problem:
                self._kept.of(channel.name).wait(due.undelivered(name, problem, now=self._now), self._now)
        outcome = self.tell(channel, patience) if any(failed.values()) else None
        return [outcome] if outcome and outcome.problem else []

    def _forget_resolved(self, memory: Memory) -> None:
        """A finding that is open no more is told anew when it comes back."""
        if self._published:
            open_ = {listed.values["finding_id"] for listed in self._published.findings}
            memory.findings = {name: known for name, known in memory.findings.items() if name in open_}

    def _forget_repaired(self, memory: Memory) -> None:
        """A rule that runs again is reported again when it breaks again."""
        if self._published:
            lasting = {note.key for note in due.broken(self._company, self._published)}
            memory.told = {
                key: at for key, at in memory.told.items() if key in lasting or not key.startswith(due.BROKEN)
            }
