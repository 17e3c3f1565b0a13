"""What is set about alerts: the channels, what each is told, and which variable holds its secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pipedrive_graph.common import environment
from pipedrive_graph.config import credentials
from pipedrive_graph.errors import AlertError, ConfigurationError

FILE = "alerts.toml"

HEARTBEAT = "heartbeat"
"""The kind of a channel that is called after each complete run, and over which no alert is sent."""

DEFAULT_EXPECTED_EVERY = 26.0
"""Hours: a night and two hours of patience."""


class Event(StrEnum):
    """What may be told."""

    NEW_FINDINGS = "new_findings"
    """Findings that are open, and were not told of before."""
    PARTIAL = "partial"
    """A night that has not everything, or a rule that could not be run."""
    NOT_RUN = "not_run"
    """No snapshot for longer than `expected_every`."""
    FAILED = "failed"
    """A night that ended without a snapshot, or could not publish it."""


@dataclass(frozen=True, slots=True)
class Mail:
    """How e-mails are sent, and to whom.

    Attributes:
        host, port: the mail server.
        tls: `starttls`, `ssl` (from the first byte), or `none` (only to this machine itself).
        sender: who they are from.
        to: who gets them.
        user: whom to log in as; None for nobody.
        password_variable: the variable that holds the user's password.
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
    """One way by which somebody is told.

    Attributes:
        name: what it is called in messages, and in what is kept of it.
        kind: slack, webhook, email or heartbeat.
        severities: which findings are told.
        companies: of which companies; empty is all.
        on: which events are told.
        details: whether findings are named, or only counted.
        url_variable: the variable that holds the address of a webhook or a heartbeat.
        mail: of an e-mail channel.
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
        """The name of its secret, which is that of a variable; None where no password is needed."""
        return self.mail.password_variable if self.mail else self.url_variable

    def secret(self) -> str | None:
        """Look up the address, or the password; None where no password is needed.

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
    """What stands in alerts.toml.

    Attributes:
        channels: in the file's order, without heartbeats; none where there is no file.
        expected_every: the age at which a company's latest snapshot is too old.
        report_url: where the report is opened, with `{company}` in it; None is the file itself.
        heartbeats: what is called after each complete run.
    """

    channels: tuple[Channel, ...] = ()
    expected_every: timedelta = timedelta(hours=DEFAULT_EXPECTED_EVERY)
    report_url: str | None = None
    heartbeats: tuple[Channel, ...] = ()

    def address(self, company: str) -> str | None:
        """The address of a company's report, where one is set."""
        return self.report_url.format(company=company) if self.report_url else None

    def of(self, company: str) -> list[Channel]:
        """The channels over which something of this company is told."""
        return [one for one in self.channels if not one.companies or company in one.companies]

    def heartbeats_of(self, company: str) -> list[Channel]:
        """The heartbeats of this company."""
        return [one for one in self.heartbeats if not one.companies or company in one.companies]
