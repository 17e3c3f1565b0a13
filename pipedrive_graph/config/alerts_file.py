"""Reads alerts.toml: the channels for alerts, what each one reports, and the variables of their secrets.

    expected_every = 26                             # hours; without a newer snapshot, a run is missing
    report_url = "https://files.example.com/{company}/access_report.html"   # by default, the file's path

    [[alert]]
    kind = "slack"                                  # or "webhook": the same as JSON
    url_env = "SLACK_WEBHOOK_URL"                   # the variable with the address

    [[alert]]
    kind = "heartbeat"                              # called after each complete run
    url_env = "HEARTBEAT_URL"

    [[alert]]
    kind = "email"
    host = "smtp.example.com"
    from = "pipedrive-graph@example.com"
    to = ["security@example.com"]
    user = "pipedrive-graph"
    password_env = "SMTP_PASSWORD"                  # the variable with the password

A secret is read when it is used and never stored here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email.errors import MessageError
from email.headerregistry import Address
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipedrive_graph.common import addresses, pasted
from pipedrive_graph.common.addresses import AddressError
from pipedrive_graph.common.net import is_loopback
from pipedrive_graph.common.text import near, printable
from pipedrive_graph.config import toml
from pipedrive_graph.config.alert_channels import (
    DEFAULT_EXPECTED_EVERY,
    FILE,
    HEARTBEAT,
    Alerts,
    Channel,
    Event,
    Mail,
)
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.config.validation import sentence
from pipedrive_graph.errors import ConfigurationError

_PORTS = {"starttls": 587, "ssl": 465, "none": 25}
"""The usual port for each kind of encryption of mail."""

_SECRETS = {"url_env": "SLACK_WEBHOOK_URL", "password_env": "SMTP_PASSWORD"}
"""The keys that name a variable, with an example of each; a user may paste the secret itself there."""
_LONGEST = 24 * 366

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", text):
        raise ValueError("use letters, digits, '-', '_' and '.', at most 63")
    return text


_Name = Annotated[str, AfterValidator(_name)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Alert(_Table):
    kind: Literal["slack", "webhook", "email", "heartbeat"]
    name: _Name | None = None
    severities: list[Literal["critical", "high", "medium", "low", "info"]] = ["critical", "high"]
    companies: list[_Text] = []
    on: list[Literal["new_findings", "partial", "not_run", "failed"]] = [
        "new_findings",
        "partial",
        "not_run",
        "failed",
    ]
    details: bool = True
    url_env: str | None = None
    host: _Text | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["starttls", "ssl", "none"] = "starttls"
    sender: Annotated[_Text | None, Field(alias="from")] = None
    to: list[_Text] | _Text = []
    user: _Text | None = None
    password_env: str | None = None


class _File(_Table):
    expected_every: Annotated[float, Field(gt=0, le=_LONGEST, allow_inf_nan=False)] = DEFAULT_EXPECTED_EVERY
    report_url: _Text | None = None


_NOT_OF_HEARTBEAT = ("severities", "on", "details")
"""Keys about the alerts to send; a heartbeat sends none."""

_OF_MAIL = ("host", "port", "tls", "from", "to", "user", "password_env")


@dataclass(frozen=True, slots=True)
class AlertsFile:
    """The result of reading alerts.toml.

    Attributes:
        alerts: its content; if the file as a whole cannot be used, the readable channels.
        text: its text; None if the file does not exist or cannot be read.
        problem: why it cannot be used.
    """

    alerts: Alerts = field(default_factory=Alerts)
    text: str | None = None
    problem: ConfigurationError | None = None

    def usable(self) -> Alerts:
        """Return the content of the file.

        Raises:
            ConfigurationError: if it cannot be used, with the alert's number and the key.
        """
        if self.problem is not None:
            raise self.problem
        return self.alerts

    def channels_of(self, company: str) -> list[Channel]:
        """Return the channels of a company; none if the file cannot be used."""
        return [] if self.problem else self.alerts.of(company)


def read(settings: Settings) -> AlertsFile:
    """Read alerts.toml; a problem is returned instead of raised, because alerts are sent nevertheless.

    Args:
        settings: the home folder with the file, and the companies.
    """
    file, text = settings.folder / FILE, None
    # if the companies are a guess, an alert may name another one
    companies = None if settings.guessed else tuple(company.name for company in settings.companies)
    try:
        text = toml.text(file)
        return AlertsFile() if text is None else AlertsFile(parse(text, file, companies), text)
    except ConfigurationError as error:
        return AlertsFile(_readable_part(text or "", file), text, error)


@lru_cache(maxsize=2)  # each company of a run parses the same text several times
def parse(text: str, file: Path, companies: tuple[str, ...] | None) -> Alerts:
    """Parse the text of an alerts.toml.

    Args:
        text: its content.
        file: its path, for messages.
        companies: the companies in the settings; None if they are not known.

    Raises:
        ConfigurationError: if it cannot be used, with the alert's number and the key.
    """
    tables, entries = _tables(text, file)
    try:
        checked = _File.model_validate(tables)
    except ValidationError as error:
        raise ConfigurationError(
            sentence(error, _File, str(file), line=partial(toml.on_line, text))
        ) from error
    channels: list[Channel] = []
    for number, entry in enumerate(entries, 1):
        channel = _read_channel(number, entry, text, file, companies)
        if channel.name in {other.name for other in channels}:
            raise ConfigurationError(
                f"{file}: alert {number}: name: '{pasted.shown(channel.name)}' is already used;"
                " give each alert its own name."
            )
        channels.append(channel)
    alerts, heartbeats = _divided(channels)
    every = timedelta(hours=checked.expected_every)
    return Alerts(alerts, every, _report_url(checked.report_url, file), heartbeats)


def _readable_part(text: str, file: Path) -> Alerts:
    """Return the usable channels of a text that cannot be used as a whole."""
    channels: dict[str, Channel] = {}
    with suppress(ConfigurationError):
        for number, entry in enumerate(_tables(text, file)[1], 1):
            with suppress(ConfigurationError):
                channel = _read_channel(number, entry, text, file, None)
                channels.setdefault(channel.name, channel)
    alerts, heartbeats = _divided(channels.values())
    return Alerts(alerts, heartbeats=heartbeats)


def _divided(channels: Iterable[Channel]) -> tuple[tuple[Channel, ...], tuple[Channel, ...]]:
    """Return the channels for alerts, and the heartbeats."""
    alerts: list[Channel] = []
    heartbeats: list[Channel] = []
    for channel in channels:
        (heartbeats if channel.kind == HEARTBEAT else alerts).append(channel)
    return tuple(alerts), tuple(heartbeats)


def _tables(text: str, file: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the settings outside the alerts, and the alerts."""
    tables = toml.parse(text, file)
    if "alerts" in tables:
        raise ConfigurationError(f"{file}: 'alerts' is not a setting; write [[alert]].")
    entries = tables.pop("alert", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigurationError(f"{file}: write each alert below a line [[alert]].")
    return tables, entries


def _read_channel(
    number: int, entry: dict[str, Any], text: str, file: Path, companies: Sequence[str] | None
) -> Channel:
    place = f"{file}: alert {number}"
    line_of = partial(toml.on_line, text, "alert", number - 1)
    for key, example in _SECRETS.items():
        if isinstance(entry.get(key), str):
            pasted.check_variable_name(entry[key], example, place=f"{place}: {key}{line_of(key)}")
    return _channel(entry, place, companies, line_of)


def _channel(
    entry: dict[str, Any], place: str, companies: Sequence[str] | None, line_of: Callable[[str], str]
) -> Channel:
    try:
        alert = _Alert.model_validate(entry)
    except ValidationError as error:
        problem = sentence(error, _Alert, place, noun="key of an alert", depth=1, line=line_of)
        raise ConfigurationError(problem) from error
    for key in ("severities", "on"):
        if not getattr(alert, key):
            raise ConfigurationError(f"{place}: {key}: must not be empty; leave the key out for the default.")
    for name in alert.companies:
        if companies is not None and name not in companies:
            raise ConfigurationError(
                f"{place}: companies: unknown company {pasted.shown(name)}{near(name, companies)}"
            )
    url = mail = None
    if alert.kind == "email":
        if "url_env" in entry:
            raise ConfigurationError(f"{place}: 'url_env' is for kind slack, webhook or heartbeat.")
        mail = _mail(alert, place, line_of)
    else:
        for key in _OF_MAIL:
            if key in entry:
                raise ConfigurationError(f"{place}: '{key}' is for kind email.")
        if alert.kind == HEARTBEAT:
            for key in _NOT_OF_HEARTBEAT:
                if key in entry:
                    raise ConfigurationError(f"{place}: '{key}' is not for kind heartbeat.")
        url = alert.url_env
        if url is None:
            raise ConfigurationError(
                f"{place}: 'url_env' is missing: the name of the variable with the address."
            )
    return Channel(
        name=alert.name or alert.kind,
        kind=alert.kind,
        severities=tuple(alert.severities),
        companies=tuple(alert.companies),
        on=tuple(Event(name) for name in alert.on),
        details=alert.details,
        url_variable=url,
        mail=mail,
    )


def _mail(alert: _Alert, place: str, line_of: Callable[[str], str]) -> Mail:
    if alert.host is None or alert.sender is None or not alert.to:
        required = {"host": alert.host, "from": alert.sender, "to": alert.to}
        missing = next(key for key, value in required.items() if not value)
        raise ConfigurationError(f"{place}: '{missing}' is missing.")
    if (alert.user is None) != (alert.password_env is None):
        raise ConfigurationError(f"{place}: write both user and password_env, or neither.")
    if alert.tls == "none" and not is_loopback(alert.host):
        raise ConfigurationError(
            f'{place}: tls: "none" is for a mail server on this machine itself; use "starttls" or "ssl".'
        )
    senders = _addresses([alert.sender], f"{place}: from{line_of('from')}")
    if len(senders) > 1:
        raise ConfigurationError(
            f"{place}: from: '{pasted.shown(alert.sender)}' holds more than one e-mail address."
        )
    return Mail(
        alert.host,
        alert.port or _PORTS[alert.tls],
        alert.tls,
        senders[0],
        _addresses([alert.to] if isinstance(alert.to, str) else alert.to, f"{place}: to{line_of('to')}"),
        alert.user,
        alert.password_env,
    )


def _addresses(texts: list[str], place: str) -> tuple[str, ...]:
    """Return the distinct addresses of a key in the form of a mail's header; a text may list several."""
    headers: dict[str | None, str] = {}
    for text in texts:
        try:
            for name, address in addresses.recipients(text):
                header = Address(name, addr_spec=addresses.deliverable(address))
                headers.setdefault(addresses.comparable(address), str(header))
        except AddressError as error:
            raise ConfigurationError(f"{place}: {pasted.shown(str(error))}.") from error
        except (MessageError, ValueError, IndexError) as error:
            raise ConfigurationError(
                f"{place}: '{pasted.shown(printable(text))}' is not an e-mail address."
            ) from error
    return tuple(headers.values())


def _report_url(text: str | None, file: Path) -> str | None:
    if text is None:
        return None
    try:
        parts = urlsplit(text.format(company="company"))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"{file}: report_url: the only allowed placeholder is {{company}}, as in "
            "https://files.example.com/{company}/access_report.html."
        ) from error
    if parts.scheme not in {"https", "http", "file"} or not text.isprintable() or " " in text:
        raise ConfigurationError(f"{file}: report_url: must be an address that starts with https://.")
    return text
