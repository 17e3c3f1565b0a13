"""Sends what is due: after a night, after one that failed, or whenever somebody looks.

A delivery that fails is a sentence, the other channels are informed, and what it was about is due again; it
never fails the night.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from pipedrive_graph import errors
from pipedrive_graph.alerts import due, fallback, state
from pipedrive_graph.alerts.channels import Patience, call, deliver
from pipedrive_graph.alerts.message import Message, Note
from pipedrive_graph.alerts.sender import Outcome, Sender
from pipedrive_graph.common import clock
from pipedrive_graph.common.timed import timed
from pipedrive_graph.config.alert_channels import HEARTBEAT, Channel, Event
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import (
    AlertError,
    BudgetError,
    BusyError,
    ConfigurationError,
    LandingError,
    PipedriveGraphError,
)

_log = logging.getLogger(__name__)

Wait = Callable[[str], None]

FINE = (BudgetError, BusyError)
"""How a night may end without a snapshot, and nothing be wrong: another one goes on with it."""


def problems(outcomes: list[Outcome]) -> list[str]:
    """A sentence for everything that went wrong."""
    return [outcome.problem for outcome in outcomes if outcome.problem]


def send(
    settings: Settings,
    alerts: AlertsFile,
    company: str,
    *,
    wait: Wait,
    patience: Patience | None = None,
) -> list[Outcome]:
    """Tell every channel what it was not told yet of a company.

    Args:
        settings: where what was sent, and what is published, lie.
        alerts: alerts.toml as it was read.
        company: its name in the settings.
        wait: told once whom we wait for.
        patience: how long a receiver that does not answer is waited for.

    Returns:
        What came of each channel.

    Raises:
        ConfigurationError: if alerts.toml cannot be used; the channels that worked last know by then.
    """
    outcomes, problem = _sent(settings, alerts, company, wait=wait, patience=patience)
    if problem:
        raise problem
    return outcomes


def misconfigured(
    settings: Settings,
    alerts: AlertsFile,
    problem: ConfigurationError,
    *,
    wait: Wait,
    company: str | None = None,
    patience: Patience | None = None,
) -> list[Outcome]:
    """Alert about a configuration file that cannot be used; an error here is a sentence only.

    Args:
        settings: those that are known without the file.
        alerts: alerts.toml as it was read.
        problem: why it cannot be used.
        wait: called once when another process holds a lock.
        company: the company whose alerts are sent; by default, all.
        patience: how long to wait for a receiver that does not answer.
    """
    outcomes: list[Outcome] = []
    for name in [company] if company else [one.name for one in settings.companies]:
        note = due.misconfigured(name, problem, now=clock.now())
        outcomes += _sent(settings, alerts, name, wait=wait, patience=patience, note=note)[0]
    return outcomes


def damaged(
    settings: Settings,
    alerts: AlertsFile,
    company: str,
    texts: Sequence[str],
    *,
    wait: Wait,
    patience: Patience | None = None,
) -> list[Outcome]:
    """Alert about damage that `verify` has found; an error here is a sentence only.

    Args:
        settings: where what was sent, and what is published, lie.
        alerts: alerts.toml as it was read.
        company: its name in the settings.
        texts: what is damaged, a sentence each; at least one.
        wait: called once when another process holds the lock.
        patience: how long to wait for a receiver that does not answer.
    """
    note = due.damaged(company, texts, now=clock.now())
    outcomes, broken = _sent(settings, alerts, company, wait=wait, patience=patience, note=note)
    return [*outcomes, Outcome("", problem=str(broken))] if broken else outcomes


def _sent(
    settings: Settings,
    alerts: AlertsFile,
    company: str,
    *,
    wait: Wait,
    patience: Patience | None,
    note: Note | None = None,
) -> tuple[list[Outcome], ConfigurationError | None]:
    """Send what is due, and return why alerts.toml cannot be used, if it cannot.

    Args:
        settings: where what was sent, and what is published, lie.
        alerts: alerts.toml as it was read.
        company: its name in the settings.
        wait: called once when another process holds the lock.
        patience: how long to wait for a receiver that does not answer.
        note: something else to say.
    """
    outcomes: list[Outcome] = []
    broken: ConfigurationError | None = None
    try:
        usable, broken = fallback.current(alerts, settings.home)
        channels = usable.of(company)
        if not channels:
            return [], broken
        with state.opened(settings, company, wait=wait) as (kept, write):
            if broken:
                note = note or due.misconfigured(company, broken, now=clock.now())
            sender = Sender(settings, company, usable, kept, outcomes, note)
            for channel in channels:
                with timed(_log, f"Alerts of '{company}' over '{channel.name}'"):
                    outcomes.append(sender.tell(channel, patience))
                write()
            for channel in channels:
                outcomes += sender.inform(channel, outcomes, patience)
                write()
    except (AlertError, LandingError) as error:
        outcomes.append(Outcome("", problem=f"No alert could be sent: {error}"))
    return outcomes, broken


def anything_due(settings: Settings, alerts: AlertsFile, company: str, *, wait: Wait) -> bool:
    """Whether a channel has not been told something yet; nothing is sent.

    Raises:
        ConfigurationError: if alerts.toml cannot be used.
        AlertError: if it is not known what was told before.
        LandingError: if it cannot be read.
    """
    usable = alerts.usable()
    channels = usable.of(company)
    if not channels:
        return False
    with state.opened(settings, company, wait=wait) as (kept, _):
        sender = Sender(settings, company, usable, kept, [])
        return any(sender.due(channel) for channel in channels)


def note_failure(
    settings: Settings,
    alerts: AlertsFile,
    company: str,
    sentence: str,
    *,
    kind: str,
    wait: Wait,
    at: datetime | None = None,
) -> None:
    """Have it told, by the next `send`, that a night of a company failed: once a day for each kind.

    While alerts.toml cannot be used, it is kept for the channels that were used before.

    Args:
        settings: where what was sent, and what is published, lie.
        alerts: alerts.toml as it was read.
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
    chosen, problem = fallback.current(alerts, settings.home)
    channels = [one.name for one in chosen.of(company) if Event.FAILED in one.on]
    _keep(settings, company, note, None if problem and not channels else channels, now=now, wait=wait)
    if problem:
        raise problem


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
    settings: Settings,
    alerts: AlertsFile,
    company: str,
    error: Exception,
    *,
    wait: Wait,
    patience: Patience | None = None,
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
            with suppress(ConfigurationError):  # of alerts.toml; the note is kept all the same
                note_failure(settings, alerts, company, sentence, kind=type(error).__name__, wait=wait)
    except (AlertError, LandingError) as caught:
        return [Outcome("", problem=f"No alert could be sent: {caught}")]
    outcomes, broken = _sent(settings, alerts, company, wait=wait, patience=patience)
    if broken and str(broken) != str(error):
        outcomes.append(Outcome("", problem=str(broken)))
    return outcomes


def sentence_of(name: str, message: str) -> str | None:
    """The sentence of an error of which only the class's name and a text are left; None if it is not ours."""
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, PipedriveGraphError)):
        return None
    return message.strip().removeprefix(f"{kind.__module__}.{name}: ")


def try_out(channel: Channel, *, patience: Patience | None = None) -> str:
    """Send a test message over a channel, or call a heartbeat, and return what came back.

    Raises:
        AlertError: if it was not delivered.
    """
    if channel.kind == HEARTBEAT:
        return call(channel, patience)
    now = clock.now()
    note = Note(
        "test", f"test:{clock.iso(now)}", "a test", "This is a test: alerts of pipedrive_graph arrive here."
    )
    return deliver(channel, Message(None, now, (note,)), patience)
