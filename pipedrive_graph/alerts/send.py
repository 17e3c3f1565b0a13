"""Sends the alerts that are due: after a run, after a failed run, or on request.

A failed delivery never fails the run: it is reported in one sentence, the other channels get a note about it,
and its content is sent by the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from pipedrive_graph import errors
from pipedrive_graph.alerts import due, fallback, state
from pipedrive_graph.alerts.channels import RetryPolicy, call, deliver
from pipedrive_graph.alerts.message import Message, Note
from pipedrive_graph.alerts.sender import Outcome, Sender
from pipedrive_graph.common import clock
from pipedrive_graph.common.timed import timed
from pipedrive_graph.config.alert_channels import HEARTBEAT, Channel, Event
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import (
    AlertError,
    BudgetError,
    BusyError,
    ConfigurationError,
    LandingError,
    PipedriveGraphError,
)

_log = logging.getLogger(__name__)

OnWait = Callable[[str], None]

FINE = (BudgetError, BusyError)
"""Errors of a run that need no alert: another run continues its work."""


def problems(outcomes: list[Outcome]) -> list[str]:
    """One sentence per problem."""
    return [outcome.problem for outcome in outcomes if outcome.problem]


def send(
    home: Home,
    alerts: AlertsFile,
    company: str,
    *,
    on_wait: OnWait,
    policy: RetryPolicy | None = None,
) -> list[Outcome]:
    """Send every channel of a company what is due on it.

    Args:
        home: the home folder.
        alerts: alerts.toml as it was read.
        company: its name in the settings.
        on_wait: called once when another process holds the lock.
        policy: the retry policy.

    Returns:
        The outcome of each channel.

    Raises:
        ConfigurationError: if alerts.toml cannot be used; the fallback channels were alerted by then.
    """
    outcomes, problem = _sent(home, alerts, company, on_wait=on_wait, policy=policy)
    if problem:
        raise problem
    return outcomes


def misconfigured(
    home: Home,
    alerts: AlertsFile,
    problem: ConfigurationError,
    *,
    companies: Sequence[str],
    on_wait: OnWait,
    policy: RetryPolicy | None = None,
) -> list[Outcome]:
    """Alert about a configuration file that cannot be used. Errors are returned as problems, not raised.

    Args:
        home: the home folder.
        alerts: alerts.toml as it was read.
        problem: why it cannot be used.
        companies: the companies whose channels get the alert.
        on_wait: called once when another process holds a lock.
        policy: the retry policy.
    """
    outcomes: list[Outcome] = []
    for company in companies:
        note = due.misconfigured(company, problem, now=clock.now())
        outcomes += _sent(home, alerts, company, on_wait=on_wait, policy=policy, note=note)[0]
    return outcomes


def damaged(
    home: Home,
    alerts: AlertsFile,
    company: str,
    texts: Sequence[str],
    *,
    on_wait: OnWait,
    policy: RetryPolicy | None = None,
) -> list[Outcome]:
    """Alert about damage that `verify` has found. Errors are returned as problems, not raised.

    Args:
        home: the home folder.
        alerts: alerts.toml as it was read.
        company: its name in the settings.
        texts: what is damaged, one sentence each; at least one.
        on_wait: called once when another process holds the lock.
        policy: the retry policy.
    """
    note = due.damaged(company, texts, now=clock.now())
    outcomes, broken = _sent(home, alerts, company, on_wait=on_wait, policy=policy, note=note)
    return [*outcomes, Outcome("", problem=str(broken))] if broken else outcomes


def _sent(
    home: Home,
    alerts: AlertsFile,
    company: str,
    *,
    on_wait: OnWait,
    policy: RetryPolicy | None,
    note: Note | None = None,
) -> tuple[list[Outcome], ConfigurationError | None]:
    """Send what is due, and return why alerts.toml cannot be used, if it cannot.

    Args:
        home: the home folder.
        alerts: alerts.toml as it was read.
        company: its name in the settings.
        on_wait: called once when another process holds the lock.
        policy: the retry policy.
        note: one more note to send.
    """
    outcomes: list[Outcome] = []
    broken: ConfigurationError | None = None
    try:
        usable, broken = fallback.current(alerts, home.folder)
        channels = usable.of(company)
        if not channels:
            return [], broken
        with state.opened(home, company, on_wait=on_wait) as (sent, write):
            if broken:
                note = note or due.misconfigured(company, broken, now=clock.now())
            sender = Sender(home, company, usable, sent, outcomes, note)
            for channel in channels:
                with timed(_log, f"Alerts of '{company}' over '{channel.name}'"):
                    outcomes.append(sender.send(channel, policy))
                write()
            for channel in channels:
                outcomes += sender.report_failures(channel, outcomes, policy)
                write()
    except (AlertError, LandingError) as error:
        outcomes.append(Outcome("", problem=f"No alert could be sent: {error}"))
    return outcomes, broken


def anything_due(home: Home, alerts: AlertsFile, company: str, *, on_wait: OnWait) -> bool:
    """Whether anything is due on a channel of the company; sends nothing.

    Raises:
        ConfigurationError: if alerts.toml cannot be used.
        AlertError: if the record of what was sent is damaged.
        LandingError: if that record cannot be read.
    """
    usable = alerts.usable()
    channels = usable.of(company)
    if not channels:
        return False
    with state.opened(home, company, on_wait=on_wait) as (sent, _):
        sender = Sender(home, company, usable, sent, [])
        return any(sender.due(channel) for channel in channels)


def note_failure(
    home: Home,
    alerts: AlertsFile,
    company: str,
    sentence: str,
    *,
    kind: str,
    on_wait: OnWait,
    at: datetime | None = None,
) -> None:
    """Queue an alert about a failed run for the next `send`: at most one per day and kind.

    While alerts.toml cannot be used, the note is kept for the channels that were used before.

    Args:
        home: the home folder.
        alerts: alerts.toml as it was read.
        company: its name in the settings.
        sentence: why it failed, and what to do.
        kind: the kind of failure; two kinds on one day are two alerts.
        on_wait: called once when another process holds the lock.
        at: when it failed; by default, now.

    Raises:
        ConfigurationError: if alerts.toml cannot be used.
        AlertError: if the record of what was sent is damaged.
        LandingError: if that record cannot be read or written.
    """
    now = clock.now()
    at = at or now
    note = Note(
        Event.FAILED,
        f"{due.FAILED}{at:%Y-%m-%d}:{kind}",
        "the run failed",
        f"The run of {company} failed at {at:%Y-%m-%d %H:%M} UTC: {sentence}",
    )
    chosen, problem = fallback.current(alerts, home.folder)
    channels = [channel.name for channel in chosen.of(company) if Event.FAILED in channel.on]
    _keep(home, company, note, None if problem and not channels else channels, now=now, on_wait=on_wait)
    if problem:
        raise problem


def _keep(
    home: Home,
    company: str,
    note: Note,
    channels: list[str] | None,
    *,
    now: datetime,
    on_wait: OnWait,
) -> None:
    """Queue a note for these channels; without channels, for those that were used before."""
    if channels == [] or (channels is None and not state.exists(home, company)):
        return
    with state.opened(home, company, on_wait=on_wait) as (sent, write):
        for channel in list(sent.channels) if channels is None else channels:
            sent.of(channel).keep(note, now)
        write()


def after_failure(
    home: Home,
    alerts: AlertsFile,
    company: str,
    error: Exception,
    *,
    on_wait: OnWait,
    policy: RetryPolicy | None = None,
) -> list[Outcome]:
    """Alert about a run that ended with an error, and send all else that is due.

    Errors are returned as problems, not raised.
    """
    if isinstance(error, BusyError):
        return []
    try:
        if not isinstance(error, FINE):
            sentence = (
                str(error)
                if isinstance(error, PipedriveGraphError)
                else f"an unexpected error, {type(error).__name__}; run sync --debug to locate it."
            )
            with suppress(ConfigurationError):  # about alerts.toml; the note is queued anyway
                note_failure(home, alerts, company, sentence, kind=type(error).__name__, on_wait=on_wait)
    except (AlertError, LandingError) as caught:
        return [Outcome("", problem=f"No alert could be sent: {caught}")]
    outcomes, broken = _sent(home, alerts, company, on_wait=on_wait, policy=policy)
    if broken and str(broken) != str(error):
        outcomes.append(Outcome("", problem=str(broken)))
    return outcomes


def sentence_of(name: str, message: str) -> str | None:
    """The message of an error that is known by its class name and text; None if the class is not ours."""
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, PipedriveGraphError)):
        return None
    return message.strip().removeprefix(f"{kind.__module__}.{name}: ")


def send_test(channel: Channel, *, policy: RetryPolicy | None = None) -> str:
    """Send a test message over a channel, or call a heartbeat, and return the receiver's reply.

    Raises:
        AlertError: if it was not delivered.
    """
    if channel.kind == HEARTBEAT:
        return call(channel, policy)
    now = clock.now()
    note = Note(
        "test", f"test:{clock.iso(now)}", "a test", "This is a test: alerts of pipedrive_graph arrive here."
    )
    return deliver(channel, Message(None, now, (note,)), policy)
