"""Sends what is due: after a night, after one that failed, or whenever somebody looks.

A delivery that fails is a sentence, and what it was about is due again; it never fails the night.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipedrive_graph import clock, errors
from pipedrive_graph.alerts import due, file, state
from pipedrive_graph.alerts.channels import Patience, deliver
from pipedrive_graph.alerts.message import Message, Note
from pipedrive_graph.alerts.settings import Alerts, Channel, Event
from pipedrive_graph.alerts.state import Memory, State
from pipedrive_graph.errors import (
    AlertError,
    BudgetError,
    BusyError,
    ConfigurationError,
    LandingError,
    PipedriveGraphError,
    WarehouseError,
)
from pipedrive_graph.settings import Settings

Wait = Callable[[str], None]

REPORTS = ("access_report.html", "findings.csv")
"""What an alert leads to: the first of these that is there, in the folder of the company's reports."""

FINE = (BudgetError, BusyError)
"""How a night may end without a snapshot, and nothing be wrong: another one goes on with it."""


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


def problems(outcomes: list[Outcome]) -> list[str]:
    """A sentence for everything that went wrong."""
    return [outcome.problem for outcome in outcomes if outcome.problem]


def send(settings: Settings, company: str, *, wait: Wait, patience: Patience | None = None) -> list[Outcome]:
    """Tell every channel what it was not told yet of a company.

    Args:
        settings: alerts.toml lies in their home folder.
        company: its name in the settings.
        wait: told once whom we wait for.
        patience: how long a receiver that does not answer is waited for.

    Returns:
        What came of each channel.

    Raises:
        ConfigurationError: if alerts.toml cannot be used.
    """
    alerts = file.load(settings)
    channels = alerts.of(company)
    if not channels:
        return []
    outcomes: list[Outcome] = []
    try:
        with state.opened(settings, company, wait=wait) as (kept, write):
            sender = _Sender(settings, company, alerts, kept, outcomes)
            for channel in channels:
                outcomes.append(sender.tell(channel, patience))
                write()
    except (AlertError, LandingError) as error:
        outcomes.append(Outcome("", problem=f"No alert could be sent: {error}"))
    return outcomes


def anything_due(settings: Settings, company: str, *, wait: Wait) -> bool:
    """Whether a channel has not been told something yet; nothing is sent.

    Raises:
        ConfigurationError: if alerts.toml cannot be used.
        AlertError: if it is not known what was told before.
        LandingError: if it cannot be read.
    """
    alerts = file.load(settings)
    channels = alerts.of(company)
    if not channels:
        return False
    with state.opened(settings, company, wait=wait) as (kept, _):
        sender = _Sender(settings, company, alerts, kept, [])
        return any(sender.due(channel) for channel in channels)


def note_failure(
    settings: Settings, company: str, sentence: str, *, kind: str, wait: Wait, at: datetime | None = None
) -> None:
    """Have it told, by the next `send`, that a night of a company failed: once a day for each kind.

    While alerts.toml cannot be used, it is kept for the channels that were used before.

    Args:
        settings: alerts.toml lies in their home folder.
        company: its name in the settings.
        sentence: why, and what to do.
        kind: what makes two failures of one day different ones.
        wait: told once whom we wait for.
        at: when it failed; by default, now.

    Raises:
        ConfigurationError: if alerts.toml cannot be used.
        AlertError: if it is not known what was told before.
        LandingError: if it cannot be written down.
    """
    now = clock.now()
    at = at or now
    note = Note(
        Event.FAILED,
        f"{due.FAILED}{at:%Y-%m-%d}:{kind}",
        "the night failed",
        f"The night of {company} failed at {at:%Y-%m-%d %H:%M} UTC: {sentence}",
    )
    try:
        channels = [one.name for one in file.load(settings).of(company) if Event.FAILED in one.on]
    except ConfigurationError:
        _keep(settings, company, note, None, now=now, wait=wait)
        raise
    _keep(settings, company, note, channels, now=now, wait=wait)


def _keep(
    settings: Settings, company: str, note: Note, channels: list[str] | None, *, now: datetime, wait: Wait
) -> None:
    """Keep a note for the next delivery over these channels, or over those that were used before."""
    if channels == [] or (channels is None and not state.exists(settings, company)):
        return
    with state.opened(settings, company, wait=wait) as (kept, write):
        for channel in list(kept.channels) if channels is None else channels:
            kept.of(channel).wait(note, now)
        write()


def after_failure(
    settings: Settings, company: str, error: Exception, *, wait: Wait, patience: Patience | None = None
) -> list[Outcome]:
    """Tell that a night ended with an error, and whatever else is due; an error here is a sentence only."""
    if isinstance(error, BusyError):
        return []
    try:
        if not isinstance(error, FINE):
            sentence = (
                str(error)
                if isinstance(error, PipedriveGraphError)
                else f"an unexpected error, {type(error).__name__}; run sync --debug for where it happened."
            )
            note_failure(settings, company, sentence, kind=type(error).__name__, wait=wait)
        return send(settings, company, wait=wait, patience=patience)
    except ConfigurationError:
        return []  # it is what the night failed of, or will be told by the next command
    except (AlertError, LandingError) as caught:
        return [Outcome("", problem=f"No alert could be sent: {caught}")]


def sentence_of(name: str, message: str) -> str | None:
    """The sentence of an error of which only the class's name and a text are left; None if it is not ours."""
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, PipedriveGraphError)):
        return None
    return message.strip().removeprefix(f"{kind.__module__}.{name}: ")


def try_out(channel: Channel, *, patience: Patience | None = None) -> str:
    """Send a test message over a channel, and return what came back.

    Raises:
        AlertError: if it was not delivered.
    """
    now = clock.now()
    note = Note(
        "test", f"test:{clock.iso(now)}", "a test", "This is a test: alerts of pipedrive_graph arrive here."
    )
    return deliver(channel, Message(None, now, (note,)), patience)


def report_of(settings: Settings, alerts: Alerts, company: str) -> str:
    """Where a company's report is: an address, if one is set, or a path."""
    address = alerts.address(company)
    if address:
        return address
    folder: Path = settings.reports / company
    return str(next((folder / name for name in REPORTS if (folder / name).exists()), folder))


class _Sender:
    """Tells channels about one company, as it is published now."""

    def __init__(
        self, settings: Settings, company: str, alerts: Alerts, kept: State, outcomes: list[Outcome]
    ) -> None:
        self._company, self._alerts, self._kept = company, alerts, kept
        self._report = report_of(settings, alerts, company)
        self._now = clock.now()
        self._readable, self._published = True, None
        try:
            self._published = due.look(settings.published, company)
        except WarehouseError as error:
            # whatever else is to be told does not wait for that
            self._readable = False
            outcomes.append(Outcome("", problem=f"No alert about findings could be sent: {error}"))

    def due(self, channel: Channel) -> due.Due | None:
        memory = self._kept.of(channel.name)
        notes: list[Note] = []
        if self._readable:
            notes = due.not_run(
                self._company, self._published, memory, self._alerts, since=self._kept.since, now=self._now
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
