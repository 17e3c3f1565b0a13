"""The configured alerts: channels, the events that each one reports, and the variables of their secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pipedrive_graph.common import environment
from pipedrive_graph.config import credentials
from pipedrive_graph.errors import AlertError, ConfigurationError

FILE = "alerts.toml"

HEARTBEAT = "heartbeat"
"""The kind of a channel that is called after each complete run and never receives an alert."""

DEFAULT_EXPECTED_EVERY = 26.0
"""Hours: a day and two hours of tolerance."""


class Event(StrEnum):
    """An event that a channel can report."""

    NEW_FINDINGS = "new_findings"
    """Open findings that were not reported before."""
    PARTIAL = "partial"
    """A run with missing data, or with a rule that could not be run."""
    NOT_RUN = "not_run"
    """No snapshot for longer than `expected_every`."""
    FAILED = "failed"
    """A run that ended without a snapshot, or could not publish it."""


@dataclass(frozen=True, slots=True)
class Mail:
    """How e-mails are sent, and their recipients.

    Attributes:
        host, port: the mail server.
        tls: `starttls`, `ssl` (from the first byte), or `none` (only to this machine itself).
        sender: the sender's address.
        to: the recipients' addresses.
        user: the user for the login; None for no login.
        password_variable: the variable with the user's password.
    """

    host: str
    port: int
    tls: str
    sender: str
    to: tuple[str, ...]
    user: str | None
    password_variable: str | None


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel for alerts.

    Attributes:
        name: its name in messages and in the state of alerts.
        kind: slack, webhook, email or heartbeat.
        severities: the severities of findings to report.
        companies: the companies to report about; empty means all.
        on: the events to report.
        details: whether findings are named, or only counted.
        url_variable: the variable with the address of a webhook or a heartbeat.
        mail: the settings of an e-mail channel.
    """

    name: str
    kind: str
    severities: tuple[str, ...]
    companies: tuple[str, ...]
    on: tuple[Event, ...]
    details: bool
    url_variable: str | None = None
    mail: Mail | None = None

    @property
    def secret_name(self) -> str | None:
        """The name of its secret, which is that of a variable; None if it needs no password."""
        return self.mail.password_variable if self.mail else self.url_variable

    def secret(self) -> str | None:
        """Return the address or the password; None if the channel needs no password.

        Raises:
            AlertError: if it is not set, or its file cannot be used.
        """
        variable = self.secret_name
        if variable is None:
            return None
        try:
            value = credentials.secret(variable)
        except ConfigurationError as error:
            raise AlertError(str(error)) from error
        if not value:
            setting = "password_env" if self.mail else "url_env"
            raise AlertError(f"{environment.named(variable, setting)} is not set.")
        return value


@dataclass(frozen=True, slots=True)
class Alerts:
    """The content of alerts.toml.

    Attributes:
        channels: in the order of the file, without heartbeats; empty without a file.
        expected_every: the age at which a company's latest snapshot is too old.
        report_url: the address of the report, with `{company}` in it; None for the file itself.
        heartbeats: addresses that are called after each complete run.
    """

    channels: tuple[Channel, ...] = ()
    expected_every: timedelta = timedelta(hours=DEFAULT_EXPECTED_EVERY)
    report_url: str | None = None
    heartbeats: tuple[Channel, ...] = ()

    def address(self, company: str) -> str | None:
        """Return the address of a company's report, if configured."""
        return self.report_url.format(company=company) if self.report_url else None

    def of(self, company: str) -> list[Channel]:
        """Return the channels that report about this company."""
        return [channel for channel in self.channels if not channel.companies or company in channel.companies]

    def heartbeats_of(self, company: str) -> list[Channel]:
        """Return the heartbeats of this company."""
        return [beat for beat in self.heartbeats if not beat.companies or company in beat.companies]
